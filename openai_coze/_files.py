"""`/v1/files`: uploads, by whose ids messages can refer to them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from coze_core import File
from openai_coze._exchange import Exchange
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

        async def upload() -> None:
            given = (name, content, media_type) if media_type else (name, content)
            file = await client_of(hub, exchange).files.upload(given)
            await exchange.answer(_told(file, name, purpose, len(content)))

        await while_there(exchange, upload())


async def retrieve_file(hub: Hub, exchange: Exchange) -> None:
    """Answer with what is known of a file.

    Args:
        hub: What all requests have in common.
        exchange: The request.

    Raises:
        CozeError: There is no such file.
    """
    id = exchange.path_params["file_id"]
    file = await client_of(hub, exchange).files.retrieve(file_id=id)
    await exchange.answer(_told(file, "", "user_data", 0))


def client_of(hub: Hub, exchange: Exchange) -> Any:
    """Return the client for what is of no bot."""
    if exchange.caller is None:
        raise RuntimeError("nobody was admitted")
    return hub.access.client_of(exchange.caller)


def _told(file: File, name: str, purpose: str, size: int) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes if file.bytes is not None else size,
        "created_at": file.created_at or 0,
        "filename": file.file_name or name,
        "purpose": purpose,
        "status": "processed",
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
