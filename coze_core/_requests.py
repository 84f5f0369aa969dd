"""Requests as they go out, made from what is the same in all of them and what is not."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import httpx

from coze_core._call import Call
from coze_core._config import ClientConfig, user_agent
from coze_core._http import call_timeout, json_body
from coze_core._multipart import AnyForm

_DEFAULTS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
}


@dataclass(slots=True)
class Request:
    """One request.

    Attributes:
        method: The HTTP method.
        url: Where to, with everything escaped that has to be.
        headers: All of them.
        content: The body, whole; or the form of an upload, which is read piece by piece.
        timeouts: How long to wait: `connect`, `read`, `write` and `pool`.
    """

    method: str
    url: str
    headers: list[tuple[str, str]]
    content: bytes | AnyForm
    timeouts: dict[str, float | None]


class Requests:
    """Makes the requests of one client."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        headers = httpx.Headers({**_DEFAULTS, "User-Agent": user_agent()})
        headers.update(dict(config.headers))
        host = httpx.URL(config.base_url).netloc.decode("ascii")
        self._headers = [("host", host), *headers.multi_items()]
        self._names = frozenset(name for name, _ in self._headers)
        self._timeouts = call_timeout(Call("GET", "/"), config).as_dict()

    def make(self, call: Call, form: AnyForm | None) -> Request:
        """Return the request of a call.

        Args:
            call: The call.
            form: The body of an upload, or None.
        """
        usual = call.timeout is None and call.patience is None
        timeouts = self._timeouts if usual else call_timeout(call, self._config).as_dict()
        url, headers = self._address(call), self._headers_of(call)
        if form is not None:
            headers += form.headers.items()
            return Request(call.method, url, headers, form, timeouts)
        content = b""
        if call.json is not None:
            content = json_body(call.json)
            headers.append(("Content-Type", "application/json"))
        if content or call.method != "GET":
            headers.append(("Content-Length", str(len(content))))
        return Request(call.method, url, headers, content, timeouts)

    def _headers_of(self, call: Call) -> list[tuple[str, str]]:
        if self._names.isdisjoint(map(str.lower, call.headers)):
            return [*self._headers, *call.headers.items()]
        merged = httpx.Headers(self._headers)
        merged.update(dict(call.headers))
        return merged.multi_items()

    def _address(self, call: Call) -> str:
        query = {name: value for name, value in call.query.items() if value is not None}
        if query:
            return str(httpx.URL(self._config.base_url + call.path, params=query))
        return _escaped(self._config.base_url + call.path)


@functools.lru_cache(maxsize=256)
def _escaped(url: str) -> str:
    return str(httpx.URL(url))
