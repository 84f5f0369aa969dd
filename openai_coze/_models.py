"""`/v1/models`: the configured models, or the published bots of the caller's account."""

from __future__ import annotations

from typing import Any, Final

from coze_core import AsyncCozeClient
from openai_coze._exchange import Exchange
from openai_coze._hub import Hub
from openai_coze._problems import Refused
from openai_coze._settings import BotModel

_SECONDS: Final = 60.0  # how long a list of bots is good for


async def list_models(hub: Hub, exchange: Exchange) -> None:
    """Answer with the models that the caller may use.

    Args:
        hub: What all requests have in common.
        exchange: The request.

    Raises:
        CozeError: The bots could not be listed.
    """
    found = await _models(hub, exchange)
    await exchange.answer({"object": "list", "data": list(found.values())})


async def retrieve_model(hub: Hub, exchange: Exchange) -> None:
    """Answer with one model.

    Args:
        hub: What all requests have in common.
        exchange: The request.

    Raises:
        CozeError: The bots could not be listed.
        Refused: There is no such model.
    """
    name = exchange.path_params["model"]
    found = await _models(hub, exchange)
    if name not in found:
        raise Refused(
            f"there is no model {name!r} for this key: see /v1/models / 没有该模型的使用权限",
            status=404,
            code="model_not_found",
            param="model",
        )
    await exchange.answer(found[name])


async def _models(hub: Hub, exchange: Exchange) -> dict[str, dict[str, Any]]:
    caller = exchange.caller
    if caller is None:
        raise RuntimeError("nobody was admitted")
    if hub.settings.models:
        models = hub.access.models_of(caller)
        return {name: _configured(name, model) for model in models for name in model.names}
    return await _published(hub.access.client_of(caller))


def _configured(name: str, model: BotModel) -> dict[str, Any]:
    facts: dict[str, Any] = {"bot_ids": [route.id for route in model.routes]}
    if name != model.name:
        facts["alias_of"] = model.name
    if model.description:
        facts["description"] = model.description
    return _model(name, 0, facts)


def _model(name: str, created: int, facts: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "coze", "coze": facts}


async def _published(client: AsyncCozeClient) -> dict[str, dict[str, Any]]:
    """Return the bots of all workspaces that the account sees."""
    slot = client.memo.slot("gateway models")
    if not client.memo.fresh(slot):
        found: dict[str, dict[str, Any]] = {}
        async for workspace in client.workspaces.list():
            async for bot in client.bots.list(workspace_id=workspace.id):
                facts = {"name": bot.name, "description": bot.description}
                told = {name: value for name, value in facts.items() if value}
                found[bot.id] = _model(bot.id, bot.published_at or 0, told)
        client.memo.keep(slot, found, _SECONDS)
    models: dict[str, dict[str, Any]] = slot.value  # type: ignore[assignment]  # kept above
    return models
