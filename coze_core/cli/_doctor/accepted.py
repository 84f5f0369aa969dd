"""Whether the server accepts the token, and if not, which one would."""

from __future__ import annotations

from dataclasses import dataclass, replace

from coze_core._call import Call
from coze_core._errors import APIStatusError, AuthenticationError, CozeError, NotFoundError
from coze_core._flow import send
from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, warning
from coze_core.cli._doctor.server import PROBE
from coze_core.cli._doctor.token_form import kind_of

# Studio has no `users/me`: there one asks for a bot that cannot exist.
_STUDIO_PROBE = "/v1/bots/1"


@dataclass(frozen=True, slots=True)
class Answered:
    """How the server took the token.

    Attributes:
        accepted: Whether it was taken for good; None if nobody knows.
        user: Who we are there.
        error: What the server said against it.
        other_region: The region that accepts the token instead.
        kind: What kind of token it is.
    """

    accepted: bool | None
    user: str = ""
    error: str = ""
    other_region: str = ""
    kind: str | None = None


def run(patient: Patient) -> Result:
    """Check whether the token is accepted."""
    return judge(probe(patient), is_studio=patient.is_studio)


def probe(patient: Patient) -> Answered:
    """Show the token; if it is refused, also to the other regions of the same cloud."""
    answered = _ask(patient, None)
    if answered.accepted is not False or patient.token is None:
        return answered
    kind = kind_of(patient.token.strip())
    # The token is shown to no other host than Coze's own.
    if patient.base_url in patient.regions.values() and not patient.is_studio:
        for name, url in patient.regions.items():
            if url != patient.base_url and _ask(patient, url).accepted:
                return replace(answered, other_region=name, kind=kind)
    return replace(answered, kind=kind)


def _ask(patient: Patient, base_url: str | None) -> Answered:
    path = _STUDIO_PROBE if patient.is_studio else PROBE
    with patient.client(base_url) as client:
        try:
            reply = client.run(send(Call("GET", path, repeatable=True)))
        except AuthenticationError as error:
            return Answered(accepted=False, error=error.message)
        except NotFoundError as error:
            return Answered(accepted=True if patient.is_studio else None, error=error.message)
        except APIStatusError as error:  # it knows us, or has other worries
            return Answered(accepted=True, error=error.message)
        except CozeError as error:
            return Answered(accepted=None, error=error.message)
    data = reply.data()
    name = data.get("user_name") if isinstance(data, dict) else ""
    return Answered(accepted=True, user=str(name or ""))


def judge(answered: Answered, *, is_studio: bool) -> Result:
    """Say whether the token is good here."""
    if answered.accepted:
        return ok(f"accepted, as {answered.user}" if answered.user else "accepted")
    if answered.accepted is None:
        return warning(
            f"it is not known whether the token is accepted: {answered.error}",
            "Try again.",
            "无法确认令牌是否有效，请重试。",
        )
    if answered.other_region:
        region = answered.other_region
        return failed(
            f"the token belongs to the region {region}, not to this one",
            f"Use --region {region} (region={region!r} in code), or a token of this region.",
            f"令牌属于区域 {region}：请使用 --region {region}，或换用当前区域的令牌。",
        )
    found = f"the token is refused: {answered.error}"
    if is_studio:
        return failed(
            found,
            "Make a token in your Coze Studio's own settings; tokens of the cloud are none there.",
            "请在您的 Coze Studio 中创建令牌；云端令牌在此无效。",
        )
    if answered.kind is not None and answered.kind.startswith("OAuth"):
        return failed(
            f"{found}; OAuth tokens end after some minutes, so it has probably expired",
            "Let the client renew it: JWTAuth, UserAuth, or `coze auth login`.",
            "OAuth 令牌很快过期：请使用 JWTAuth、UserAuth 或 coze auth login 自动续期。",
        )
    return failed(
        f"{found}; it is mistyped, expired or revoked",
        "Make a new token on Coze's page of API tokens; personal ones end after the days chosen "
        "there.",
        "令牌填写有误、已过期或被吊销：请在扣子“API 令牌”页面重新创建。",
    )
