"""`/v1/files`: uploads, by whose ids messages can refer to them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from coze_core import AsyncCozeClient, CozeError, File
from openai_coze._access import Caller, account_place
from openai_coze._discreet import detail_of
from openai_coze._exchange import Exchange
from openai_coze._file_ids import carried_id, place_of
from openai_coze._gate import while_there
from openai_coze._health import goes_elsewhere
from openai_coze._hub import Hub
from openai_coze._observe import LOG
from openai_coze._problems import Refused

_Given: TypeAlias = tuple[str, bytes] | tuple[str, bytes, str]


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
        accounts = _accounts_for(hub, caller_of(exchange), form.get("model"))

        async def upload() -> None:
            given: _Given = (name, content, media_type) if media_type else (name, content)
            file, account = await _uploaded(hub, exchange, accounts, given)
            if not file.id:
                raise Refused(
                    "Coze gave the file no id / 扣子未返回文件 ID",
                    status=502,
                    code="upstream_error",
                )
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


def _accounts_for(hub: Hub, caller: Caller, model: object) -> list[str]:
    """Return the accounts that an upload may go to, in order; none if there is no choice.

    A bot can read only the files of its own account.
    """
    if caller.has_own_token or len(hub.settings.accounts) == 1:
        return []
    named = isinstance(model, str) and model
    models = [hub.access.model_of(caller, str(model))] if named else hub.access.models_of(caller)
    of_models = [[route.account for route in each.routes] for each in models]
    accounts = dict.fromkeys(of_models[0]) if named else hub.access.accounts_of(caller)
    ordered = hub.health.in_order(accounts, lambda name: (account_place(name), ""))
    # Which model will read the file is not known unless it is named: others must do for all.
    return ordered[:1] + [
        name for name in ordered[1:] if all(name in accounts for accounts in of_models)
    ]


async def _uploaded(
    hub: Hub, exchange: Exchange, accounts: Sequence[str], given: _Given
) -> tuple[File, str | None]:
    """Upload a file to the first account that takes it; return that one too, if there are any."""
    if not accounts:  # the caller's own, the only one, or of a key for sound and files alone
        return await client_of(hub, exchange).files.upload(given), None
    first: CozeError | None = None
    for number, account in enumerate(accounts, 1):
        client = client_of(hub, exchange, account)
        if number < len(accounts):
            client = client.with_options(max_retries=0)  # another is asked instead
        place = account_place(account)
        try:
            file = await client.files.upload(given)
        except CozeError as error:
            hub.health.failed(place, "", error)
            if not goes_elsewhere(error):
                raise
            LOG.warning("the upload to %s failed: %s", place, detail_of(error))
            first = first or error
        else:
            hub.health.worked(place, "")
            return file, account
    if first is None:
        raise RuntimeError("no account was asked")
    raise first


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
        raise Refused(
            f"the body is no form with a file: {text} / 请求体不是包含文件的 multipart 表单"
        ) from error
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
        raise Refused(
            "the form has no file in its field `file` / 表单的 `file` 字段中没有文件", param="file"
        )
    return file.filename or "file", await file.read(), file.content_type
