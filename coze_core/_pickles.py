"""What a pickle holds in place of a token: nothing.

A token that the environment has too is read there again, by whoever wakes the copy. One that was
given as text is not pickled: left out in silence, the copy would work for another account, that of
its environment. It is the rule that private keys and client secrets follow as well, and whatever
else may be a secret: the password of a proxy, a header that is named like one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from coze_core._environment import from_environment
from coze_core._errors import redact

# Names of headers that hold who somebody is, as a part of them or as a word in them.
_TELLING: Final = re.compile(
    r"authoriz|authent|cookie|token|secret|passw|credential|session|signature|api-?_?key|jwt"
    r"|(?<![a-z])(?:auth|key|pass|pwd|sid|sig)(?![a-z])",
    re.IGNORECASE,
)


def check_travels(
    token: str | None,
    *,
    found: str | None = None,
    proxy: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Refuse to pickle what would take a secret along.

    Args:
        token: The token, or None.
        found: The one of the environment; that of `COZE_API_TOKEN` if None.
        proxy: The address of a proxy, or None.
        headers: Headers that are sent with every request.

    Raises:
        TypeError: Saying what to do instead.
    """
    known = found if found is not None else from_environment("token")
    if token is not None and token.strip() != (known or "").strip():
        raise TypeError(
            "a token given as text is not pickled, for it would travel along: set COZE_API_TOKEN, "
            "which the copy reads where it wakes, or give auth= a function that returns the token "
            "/ 以文本传入的令牌不会被序列化：请改用环境变量 COZE_API_TOKEN（副本会在其所在进程重新"
            "读取），或通过 auth= 传入返回令牌的函数"
        )
    if proxy is not None and "@" in urlsplit(proxy).netloc:
        raise TypeError(
            "a proxy's address with a password is not pickled, for it would travel along: set "
            "HTTPS_PROXY instead of proxy= / 含密码的代理地址不会被序列化，请改用环境变量 "
            "HTTPS_PROXY"
        )
    for name, value in (headers or {}).items():
        if _TELLING.search(name) or redact(value) != value:
            raise TypeError(
                f"the header {name!r} may hold a secret and is not pickled, for it would travel "
                f"along: leave it out here and add it where the copy wakes, with "
                f"client.with_options(headers=...) or model.default_headers = ... "
                f"/ 标头 {name!r} 可能含有机密，不会被序列化：请在此处去掉它，并在副本所在进程中"
                f"通过 client.with_options(headers=...) 或 model.default_headers = ... 重新添加"
            )


def check_own(*parts: object) -> None:
    """Refuse to pickle HTTP clients and transports of the user's.

    Args:
        parts: Those that were given, or None.

    Raises:
        TypeError: Saying what to do instead.
    """
    if any(part is not None for part in parts):
        raise TypeError(
            "what was made with an http_client= or transport= of yours cannot be pickled: make it "
            "anew where it is needed / 使用自定义 http_client= 或 transport= 的对象无法"
            "序列化，请在需要的进程中重新创建"
        )
