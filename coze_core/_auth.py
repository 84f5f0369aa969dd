"""Who we are to the server.

`Auth` is what a client needs of any kind of credential. A personal or service token never changes;
kinds that renew themselves implement the same protocol and do their requests as flows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, Self, runtime_checkable

from coze_core._call import Call, Reply
from coze_core._environment import from_environment
from coze_core._errors import AuthenticationError
from coze_core._flow import Flow, exclusive
from coze_core._here import Surroundings, guarded
from coze_core._pickles import check_travels
from coze_core._retry import RetryPolicy, retrying


@runtime_checkable
class Auth(Protocol):
    """A credential.

    Example:
        A token kept by somebody else::

            class FromVault:
                refreshable = True

                def token(self) -> str | None:
                    return vault.get("coze")

                def refresh(self, stale: str | None) -> Flow[None]:
                    vault.renew("coze")
                    yield from ()  # a flow without steps is still a generator
    """

    @property
    def refreshable(self) -> bool:
        """Whether `refresh` can bring a new token."""

    def token(self) -> str | None:
        """Return the token to send, or None if a new one has to be fetched first."""

    def refresh(self, stale: str | None) -> Flow[None]:
        """Fetch a new token, unless the present one is not `stale` any more."""


@dataclass(frozen=True, slots=True, repr=False)
class TokenAuth:
    """A personal or service access token (protocol notes, section 7.1).

    A pickle of it holds no token: the copy reads `COZE_API_TOKEN` where it wakes.

    Args:
        value: The token, such as `pat_...`.

    Raises:
        TypeError: If the token is no text.
        ValueError: If it is empty or has characters that no token has.
    """

    value: str
    refreshable: bool = False

    def __post_init__(self) -> None:
        check_token(self.value)

    def __repr__(self) -> str:
        return "TokenAuth('***')"

    def token(self) -> str | None:
        """Return the token."""
        return self.value

    def refresh(self, stale: str | None) -> Flow[None]:  # noqa: ARG002 - the protocol's argument
        """Do nothing: this kind cannot be renewed."""
        yield from ()

    def __reduce__(self) -> tuple[Any, ...]:
        check_travels(self.value)
        return _token_here, ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


class _NoToken:
    """What wakes from a pickle where the environment has no token: found out when it is needed."""

    refreshable = False

    def token(self) -> NoReturn:
        raise AuthenticationError(
            "no token: COZE_API_TOKEN is not set in the process where this was unpickled",
            hint_en="Set COZE_API_TOKEN there, for example in the environment of the workers.",
            hint_zh="请在反序列化所在的进程（例如工作进程）中设置环境变量 COZE_API_TOKEN。",
        )

    def refresh(self, stale: str | None) -> Flow[None]:  # noqa: ARG002 - the protocol's argument
        yield from ()


def _token_here() -> Auth:
    found = from_environment("token")
    return _NoToken() if found is None else TokenAuth(found)


def check_token(token: str) -> None:
    """Refuse what cannot be a token, without showing it.

    Raises:
        TypeError: If it is no text.
        ValueError: If it is empty or has white space, control or non-ASCII characters.
    """
    if not isinstance(token, str):
        raise TypeError(
            f"a token is text, not {type(token).__name__}; what gives one, such as a function, is "
            "passed as auth= / 令牌必须是字符串；函数等请通过 auth= 传入"
        )
    if not token:
        raise ValueError("the token is empty: set COZE_API_TOKEN or pass token=")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(
            "the token has white space or characters no token has: copy it again, without "
            "line ends and without the word 'Bearer' / 令牌含有空格或非法字符，请重新复制"
        )


def authorized(call: Call, auth: Auth, policy: RetryPolicy, around: Surroundings) -> Flow[Reply]:
    """Perform a call with the token, which is renewed once if the server refuses it.

    Args:
        call: The call.
        auth: The credential.
        policy: When to send again.
        around: What the client knows of its server.

    Raises:
        CozeError: What the last attempt ended with.
    """
    token = auth.token()
    if token is None:
        yield from _renewed(call, auth, None, around)
        token = auth.token()
    try:
        return (yield from _with_token(call, token, policy, around))
    except AuthenticationError:
        if not auth.refreshable:
            raise
    yield from _renewed(call, auth, token, around)
    return (yield from _with_token(call, auth.token(), policy, around))


def _renewed(call: Call, auth: Auth, stale: str | None, around: Surroundings) -> Flow[None]:
    return exclusive(auth, lambda: guarded(auth.refresh(stale), around), call, shared=True)


def _with_token(
    call: Call, token: str | None, policy: RetryPolicy, around: Surroundings
) -> Flow[Reply]:
    if token is None:
        raise AuthenticationError("no token could be had: sign in again")
    check_token(token)
    return (yield from retrying(call.signed(token), policy, around.send))
