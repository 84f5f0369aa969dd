"""Credentials from the configuration file that Coze's own SDKs read (section 7.6)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coze_core.oauth._jwt import JWTAuth
from coze_core.oauth._stores import TokenStore
from coze_core.oauth._user import UserAuth


def load_auth(
    source: str | os.PathLike[str] | Mapping[str, Any], *, store: TokenStore | None = None
) -> JWTAuth | UserAuth:
    """Return the credential that a configuration file of an OAuth app describes.

    Args:
        source: The path of the JSON file that the app's page offers, or what it holds.
        store: Where tokens are kept; in memory only if None.

    Raises:
        ValueError: If it is not such a file.

    Example:
        >>> auth = load_auth("coze_oauth_config.json")  # doctest: +SKIP

    Protocol: section 7.6.
    """
    data = source if isinstance(source, Mapping) else _read(Path(source))
    kind, client_id = data.get("client_type"), str(data.get("client_id") or "")
    base_url = data.get("coze_api_base") or None
    if kind == "jwt":
        return JWTAuth(
            client_id,
            private_key=str(data.get("private_key") or ""),
            public_key_id=str(data.get("public_key_id") or ""),
            base_url=base_url,
            store=store,
        )
    if kind not in {"web", "pkce", "device"}:
        raise ValueError(
            f"client_type must be jwt, web, pkce or device, not {kind!r} / "
            "client_type 必须是 jwt、web、pkce 或 device"
        )
    secret = str(data.get("client_secret") or "") or None
    if kind == "web" and secret is None:
        raise ValueError(
            "client_type web needs a client_secret / client_type 为 web 时需要 client_secret"
        )
    return UserAuth(
        client_id,
        secret if kind == "web" else None,
        base_url=base_url,
        www_base_url=data.get("coze_www_base") or None,
        store=store,
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(
            f"the OAuth configuration cannot be read / 无法读取 OAuth 配置: {error}"
        ) from error
    except ValueError:
        raise ValueError(f"{str(path)!r} is not JSON / 不是有效的 JSON") from None
    if not isinstance(data, Mapping):
        raise ValueError(  # noqa: TRY004 - of the file
            f"{str(path)!r} does not hold an OAuth configuration / 其中没有 OAuth 配置"
        )
    return data
