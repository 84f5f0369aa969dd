"""All checks in their order, and how one after another is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from coze_core._errors import CozeError, redact
from coze_core.cli._doctor import (
    accepted,
    address,
    bot,
    chat,
    clock,
    dns,
    permissions,
    proxy,
    quota,
    server,
    sign_in,
    tcp,
    tls,
    token_form,
    versions,
)
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, warning

_PASSWORD: Final = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: Its name.
        run: Makes it.
        needs: The checks without whose success it says nothing.
    """

    name: str
    run: Callable[[Patient], Result]
    needs: tuple[str, ...] = ()


CHECKS: Final = (
    Check("versions", versions.run),
    Check("address", address.run),
    Check("token", token_form.run),
    Check("proxy", proxy.run, ("address",)),
    Check("dns", dns.run, ("proxy",)),
    Check("tcp", tcp.run, ("dns",)),
    Check("tls", tls.run, ("tcp",)),
    Check("server", server.run, ("tls",)),
    Check("clock", clock.run, ("server",)),
    Check("sign-in", sign_in.run, ("token", "server")),
    Check("access", accepted.run, ("sign-in",)),
    Check("permissions", permissions.run, ("access",)),
    Check("bot", bot.run, ("access",)),
    Check("quota", quota.run, ("permissions", "bot")),
    Check("chat", chat.run, ("quota",)),
)


def examine(patient: Patient) -> Iterator[Result]:
    """Make all checks; one that needs a failed one is skipped."""
    stopped: dict[str, list[str]] = {}  # the failures that each check was stopped by
    for check in CHECKS:
        found = [root for name in check.needs for root in stopped.get(name, ())]
        reasons = list(dict.fromkeys(found))
        if reasons:
            result = Result("skipped", f"because of: {', '.join(reasons)}", blocked=True)
        else:
            result = _made(check, patient)
        if result.stops:
            stopped[check.name] = reasons or [check.name]
        yield replace(
            result,
            name=check.name,
            found=without_secrets(result.found, patient.token),
            fix_en=_without_token(result.fix_en, patient.token),
            fix_zh=_without_token(result.fix_zh, patient.token),
        )


def _made(check: Check, patient: Patient) -> Result:
    try:
        return check.run(patient)
    except (CozeError, ValueError, OSError) as error:  # what its probe did not expect
        told = f"{type(error).__name__}: {error}".partition("\n")[0]
        return warning(f"the check itself went wrong: {told}")


def without_secrets(text: str, token: str | None) -> str:
    """Return the text with the token, passwords in addresses and the like masked."""
    return _without_token(_PASSWORD.sub("//***@", text), token)


def _without_token(text: str, token: str | None) -> str:
    bare = (token or "").strip()
    return redact(text.replace(bare, "***") if len(bare) > 3 else text)
