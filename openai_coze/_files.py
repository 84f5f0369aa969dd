"""`/v1/files`: uploads, by whose ids messages can refer to them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from coze_core import AsyncCozeClient, File
from openai_coze._access import Caller, account_place
from openai_coze._exchange import Exchange
from openai_coze._file_ids import carried_id, place_of
from openai_coze._gate import while_there
from openai_coze._hub import Hub
from openai_coze._problems import Refused


async def upload_file(hub: Hub, exchange: Exchange) -> None:
    """Upload a file.

    Args:
        hub: What all requests have in common.
        exchange: The request.

    Raises:
        CozeError: Coze did not take it.
        ValueError: It is empty.
        Refused: There is no file in the request.
    """
    async with form_of(hub, exchange) as form:
        name, content, media_type = await file_of(form)
        purpose = str(form.get("purpose") or "user_data")
        account = _account_for(hub, caller_of(exchange), form.get("model"))

        async def upload() -> None:
            given = (name, content, media_type) if media_type else (name, content)
            file = await client_of(hub, exchange, account).files.upload(given)
            if not file.id:
                raise Refused("Coze gave the file no id", status=502, code="upstream_error")
            id = file.id if account is None else carried_id(file.id, account)
            await exchange.answer(_told(file, id, name, purpose, len(content)))

        await while_there(exchange, upload())


async def retrieve_file(hub: Hub, exchange: Exchange) -> None:
    """Answer with what is known of a file.

    Args:
        hub: What all requests have in common.
        exchange: The request.

    Raises:
        CozeError: There is no such file.
        Refused: It is of an account that is not open to the caller.
    """
    id = exchange.path_params["file_id"]
    coze_id, account = place_of(id, hub.access.accounts_of(caller_of(exchange)))
    file = await client_of(hub, exchange, account).files.retrieve(file_id=coze_id)
    await exchange.answer(_told(file, id, "", "user_data", 0))


def caller_of(exchange: Exchange) -> Caller:
    """Return who calls."""
    if exchange.caller is None:
        raise RuntimeError("nobody was admitted")
    return exchange.caller


def client_of(hub: Hub, exchange: Exchange, account: str | None = None) -> AsyncCozeClient:
    """Return the client for what is of no bot."""
    return hub.access.client_of(caller_of(exchange), account)


def _account_for(hub: Hub, caller: Caller, model: object) -> str | None:
    """Return the account that an upload goes to, or None if there is no choice.

    A bot can read only the files of its own account.
    """
    if caller.has_own_token or len(hub.settings.accounts) == 1:
        return None
    if isinstance(model, str) and model:
        accounts = [route.account for route in hub.access.model_of(caller, model).routes]
    else:
        accounts = hub.access.accounts_of(caller)
    if not accounts:  # a key for sound and files alone
        return None
    return hub.health.in_order(accounts, lambda name: (account_place(name), ""))[0]


def _told(file: File, id: str, name: str, purpose: str, size: int) -> dict[str, Any]:
    # In the parameters of a chatflow, which we do not read, Coze's own id counts.
    return {
        "id": id,
        "object": "file",
        "bytes": file.bytes if file.bytes is not None else size,
        "created_at": file.created_at or 0,
        "filename": file.file_name or name,
        "purpose": purpose,
        "status": "processed",
        "coze": {"file_id": file.id},
    }


@contextlib.asynccontextmanager
async def form_of(hub: Hub, exchange: Exchange) -> AsyncIterator[FormData]:
    """Read a form; large files in it are kept on the disk meanwhile.

    Args:
        hub: What all requests have in common.
        exchange: The request.

    Raises:
        Refused: It is none, or too large.
    """
    exchange.limit(hub.settings.limits.upload, hub.settings.limits.reading, hub.room)
    request = Request(exchange.scope, exchange.receive)
    try:
        form = await request.form(max_files=1, max_fields=20)
    except (HTTPException, MultiPartException) as error:
        text = getattr(error, "detail", None) or getattr(error, "message", "")
        raise Refused(f"the body is no form with a file: {text}") from error
    try:
        yield form
    finally:
        await form.close()


async def file_of(form: FormData) -> tuple[str, bytes, str | None]:
    """Return the name, the content and the media type of a form's file.

    Args:
        form: The form.

    Raises:
        Refused: There is none.
    """
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Refused("the form has no file in its field `file`", param="file")
    return file.filename or "file", await file.read(), file.content_type
