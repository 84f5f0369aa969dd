"""Signed requests for a token: checked with the app's public key (protocol notes, section 7.3)."""

from __future__ import annotations

from typing import Any, Final

from coze_core.emulator._http import OAuthApiError
from coze_core.emulator._state import State

_AHEAD: Final = 60  # seconds that another clock may be ahead of ours


def read_jwt(state: State, text: str, host: str) -> dict[str, Any]:
    """Return the claims of a JWT that is good, once.

    Raises:
        OAuthApiError: If it is not.
    """
    import jwt  # only those who sign pay for the package

    try:
        header = jwt.get_unverified_header(text)
        unverified = jwt.decode(text, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise _refused("the JWT cannot be read") from None
    app = state.access.apps.get(str(unverified.get("iss")))
    if app is None:
        raise OAuthApiError("invalid_client", "there is no such app", status=401)
    key = app.public_keys.get(str(header.get("kid")))
    if header.get("alg") != "RS256" or header.get("typ") != "JWT" or key is None:
        raise _refused("the JWT's header is wrong: alg, typ or kid")
    try:
        claims: dict[str, Any] = jwt.decode(
            text,
            key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.PyJWTError:
        raise _refused("the JWT's signature is wrong") from None
    _check_claims(state, claims, host)
    return claims


def _check_claims(state: State, claims: dict[str, Any], host: str) -> None:
    now = state.clock.now()
    issued, ends, id = claims.get("iat"), claims.get("exp"), claims.get("jti")
    if claims.get("aud") != host:
        raise _refused(f"the JWT's aud must be {host}")
    if not isinstance(issued, int) or not isinstance(ends, int) or ends <= issued:
        raise _refused("the JWT's iat and exp must be seconds, exp after iat")
    if issued > now + _AHEAD or ends <= now:
        raise _refused("the JWT has expired or is not valid yet")
    if not isinstance(id, str) or not id or id in state.oauth.used_jwts:
        raise _refused("the JWT's jti is missing or was used")
    state.oauth.used_jwts.add(id)


def _refused(reason: str) -> OAuthApiError:
    return OAuthApiError("invalid_request", reason, status=401)
