"""Whether the token can be one, by its form alone; nothing of it is ever shown."""

from __future__ import annotations

from coze_core.cli._doctor.patient import Patient
from coze_core.cli._doctor.result import Result, failed, ok, warning

KINDS = {
    "pat_": "personal access token",
    "sat_": "service access token",
    "czs_": "OAuth token of an application",
    "czu_": "OAuth token of a user",
}
_AGAIN = ("Copy the token again, alone and whole.", "请重新复制令牌，只保留令牌本身。")
_FAMILIAR = {
    "sk-": "an OpenAI-style key",
    "eyJ": "a JWT, which buys a token (JWTAuth does that) but is none",
    "ghp_": "a GitHub token",
}


def run(patient: Patient) -> Result:
    """Check the token's form."""
    if patient.token is None and patient.access is not None:
        return ok(f"signed in ({patient.token_source})")
    return judge(patient.token, patient.token_source)


def judge(token: str | None, source: str) -> Result:
    """Say whether this can be a token."""
    if token is None:
        return failed(
            "there is no token",
            "Set COZE_API_TOKEN, or sign in with `coze auth login`.",
            "请设置 COZE_API_TOKEN，或运行 coze auth login 登录。",
        )
    wrong = _wrong(token)
    if wrong:
        return failed(f"the token ({source}) {wrong}", *_AGAIN)
    bare = token.strip()
    familiar = next((text for start, text in _FAMILIAR.items() if bare.startswith(start)), None)
    if familiar is not None:
        return failed(
            f"the token ({source}) looks like {familiar}",
            "Make a personal access token on Coze's page of API tokens.",
            "请在扣子的“API 令牌”页面创建个人访问令牌。",
        )
    kind = kind_of(bare)
    told = f"{kind or 'of an unknown kind'}, {len(bare)} characters ({source})"
    if bare != token:
        return warning(
            f"{told}; white space or a line end around it",
            "It is cut off here, but other programs may send it: remove it.",
            "令牌首尾有空白或换行：本程序会去除，但其他程序可能不会，请删除。",
        )
    if kind is None:
        return warning(
            told,
            "Coze's tokens begin with pat_, sat_, czs_ or czu_: is this one of them?",
            "扣子令牌通常以 pat_、sat_、czs_ 或 czu_ 开头，请确认。",
        )
    return ok(told)


def kind_of(token: str) -> str | None:
    """Return what kind of token this is, by how it begins."""
    return next((kind for start, kind in KINDS.items() if token.startswith(start)), None)


def _wrong(token: str) -> str:
    bare = token.strip()
    if not bare:
        return "is empty"
    if bare.lower().startswith("bearer"):
        return "begins with the word 'Bearer', which the client adds by itself"
    if bare[0] in "'\"“‘<" or bare[-1] in "'\"”’>":
        return "stands in quotes or brackets, which are no part of it"
    if "\n" in bare or "\r" in bare:
        return "has a line end in it"
    if not bare.isascii():
        return "has characters that no token has, such as full-width ones"
    if " " in bare or "\t" in bare or not bare.isprintable():
        return "has spaces or control characters in it"
    if bare.endswith("...") or "xxxx" in bare.lower() or bare.lower().startswith("your"):
        return "is the placeholder of an example"
    return ""
