"""Workspaces and the account itself (protocol notes, section 6.5)."""

from __future__ import annotations

from coze_core._bot_models import User, Workspace
from coze_core._call import Call
from coze_core._flow import Flow, send
from coze_core._paging import Pages


def list_workspaces(
    *, enterprise_id: str | None = None, user_id: str | None = None, page_size: int = 20
) -> Pages[Workspace]:
    """Iterate over the workspaces that the token can see.

    Args:
        enterprise_id: Only those of this enterprise.
        user_id: Only those of this user.
        page_size: Workspaces a request, up to 50.

    Raises:
        ValueError: A page size that Coze would refuse.
        CozeError: While iterating: the server refused.

    Example:
        >>> for workspace in client.workspaces.list():  # doctest: +SKIP
        ...     print(workspace.id, workspace.name)

    Protocol: section 6.5.
    """
    if not 1 <= page_size <= 50:
        raise ValueError("page_size must be from 1 to 50")
    query = {"enterprise_id": enterprise_id, "user_id": user_id}
    call = Call("GET", "/v1/workspaces", query=query, repeatable=True)
    return Pages(call, Workspace, "workspaces", "page_num", page_size)


def me() -> Flow[User]:
    """Return the account behind the token.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.users.me().user_name  # doctest: +SKIP

    Protocol: section 6.5.
    """
    return (yield from send(Call("GET", "/v1/users/me", repeatable=True))).read(User)
