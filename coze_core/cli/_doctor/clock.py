"""Whether this machine's clock is right, by the server's."""

from __future__ import annotations

from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, skipped, warning

_UNNOTICED = 30.0  # seconds
_FATAL = 300.0


def run(patient: Patient) -> Result:
    """Check the clock."""
    ahead = patient.served.ahead if patient.served is not None else None
    renews = patient.access is not None and patient.access.auth is not None
    return judge(ahead, renews=renews)


def judge(ahead: float | None, *, renews: bool) -> Result:
    """Say whether the clock is right.

    Args:
        ahead: Seconds that the server's clock is ahead of ours.
        renews: Whether the credential is one that depends on the time.
    """
    if ahead is None:
        return skipped("the server does not tell the time")
    if abs(ahead) <= _UNNOTICED:
        return ok(f"within {_UNNOTICED:.0f} s of the server's")
    found = f"this machine's clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} "
    found += "the server's"
    fix = (
        "Set the clock (NTP): signing in by OAuth fails with a wrong one.",
        "本机时间不准，请同步时间（NTP），否则 OAuth 登录会失败。",
    )
    return (failed if renews and abs(ahead) > _FATAL else warning)(found, *fix)
