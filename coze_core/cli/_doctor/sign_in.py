"""Whether a stored sign-in is still good, or can be renewed."""

from __future__ import annotations

from dataclasses import dataclass

from coze_core._errors import CozeError, OAuthError
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, skipped


@dataclass(frozen=True, slots=True)
class Renewal:
    """How getting a token went.

    Attributes:
        error: Why there is none; `""` if there is one.
        refused: Whether the server said no, or nobody was signed in.
    """

    error: str = ""
    refused: bool = False


def run(patient: Patient) -> Result:
    """Check the sign-in."""
    if patient.access is None or patient.access.auth is None:
        return skipped("a plain token is used")
    return judge(probe(patient))


def probe(patient: Patient) -> Renewal:
    """Get a token, renewed if need be."""
    with patient.client() as client:
        try:
            client.oauth.sign_in()
        except CozeError as error:
            return Renewal(error.message, isinstance(error, OAuthError))
    return Renewal()


def judge(renewal: Renewal) -> Result:
    """Say whether somebody is signed in."""
    if renewal.refused:
        return failed(
            f"the sign-in has ended and cannot be renewed: {renewal.error}",
            "Sign in again: coze auth login",
            "登录已失效，请重新登录：coze auth login",
        )
    if renewal.error:
        return failed(
            f"the sign-in could not be renewed: {renewal.error}",
            "Try again; the server did not answer.",
            "续期时服务器没有响应，请重试。",
        )
    return ok("a good token is there, or was renewed")
