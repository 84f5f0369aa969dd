"""Signing in with the client's own credential (protocol notes, sections 7.4 and 7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import coze_core
from coze_core._auth import Auth
from coze_core._flow import Flow, exclusive

if TYPE_CHECKING:  # only those who sign in pay for the package
    from coze_core.oauth._user import UserAuth


def sign_in(auth: Auth) -> Flow[None]:
    """Fetch a token now, so that a wrong credential shows before the first request does.

    Raises:
        OAuthError: None was granted, or nobody is signed in.
        CozeError: The server could not be reached.

    Example:
        >>> CozeClient(auth=JWTAuth(...)).oauth.sign_in()  # doctest: +SKIP

    Protocol: section 7.3.
    """
    if auth.token() is None:
        yield from exclusive(auth, lambda: auth.refresh(None), shared=True)


def exchange(
    auth: Auth, code: str, *, redirect_uri: str | None = None, code_verifier: str | None = None
) -> Flow[None]:
    """Trade the code that a user came back with for a token, and keep it.

    Args:
        code: The code; it serves once.
        redirect_uri: The one that the user was sent with; the credential's own if None.
        code_verifier: In PKCE, the one of the `Authorization`.

    Raises:
        TypeError: The client's credential is not a `UserAuth`.
        ValueError: Something is missing.
        OAuthError: The server refused.

    Example:
        >>> sent = auth.authorization()  # doctest: +SKIP
        >>> client.oauth.exchange(code, code_verifier=sent.code_verifier)  # doctest: +SKIP

    Protocol: section 7.4.
    """
    user = _user(auth)
    yield from user.exchange(code, redirect_uri=redirect_uri, code_verifier=code_verifier)


def device_code(auth: Auth, *, workspace_id: str | None = None) -> Flow[coze_core.DeviceCode]:
    """Ask for a code that the user confirms on another device.

    Args:
        workspace_id: Ask for one workspace only.

    Raises:
        TypeError: The client's credential is not a `UserAuth`.
        OAuthError: The server refused.

    Example:
        >>> print(client.oauth.device_code().verification_url)  # doctest: +SKIP

    Protocol: section 7.5.
    """
    return (yield from _user(auth).device_code(workspace_id=workspace_id))


def wait_for_user(auth: Auth, code: coze_core.DeviceCode) -> Flow[None]:
    """Wait until the user has confirmed a device code, and keep the token.

    Args:
        code: What `device_code` returned.

    Raises:
        TypeError: The client's credential is not a `UserAuth`.
        OAuthError: The user said no, or took too long.

    Example:
        >>> client.oauth.wait_for_user(client.oauth.device_code())  # doctest: +SKIP

    Protocol: section 7.5.
    """
    yield from _user(auth).wait_for_user(code)


def sign_out(auth: Auth) -> Flow[None]:
    """Forget the user's token, here and in the store; Coze has no call to end it there.

    Raises:
        TypeError: The client's credential is not a `UserAuth`.

    Example:
        >>> client.oauth.sign_out()  # doctest: +SKIP

    Protocol: section 7.
    """
    user = _user(auth)
    yield from exclusive(user, user.forget)


def _user(auth: Auth) -> UserAuth:
    from coze_core.oauth._user import UserAuth

    if not isinstance(auth, UserAuth):
        raise TypeError(
            f"this client signs in with {type(auth).__name__}: make it with auth=UserAuth(...) to "
            f"sign a user in"
        )
    return auth
