"""Credentials that renew themselves: OAuth by JWT and by users, and where tokens are kept.

::

    auth = JWTAuth(client_id="...", private_key=Path("key.pem"), public_key_id="...", region="cn")
    client = CozeClient(auth=auth)
"""

from coze_core.oauth._function import FunctionAuth, KeyFunction
from coze_core.oauth._grants import DeviceCode, OAuthToken
from coze_core.oauth._jwt import JWTAuth, bot_chat_scope
from coze_core.oauth._load import load_auth
from coze_core.oauth._stores import FileStore, KeyringStore, MemoryStore, TokenStore
from coze_core.oauth._user import Authorization, UserAuth

__all__ = [
    "Authorization",
    "DeviceCode",
    "FileStore",
    "FunctionAuth",
    "JWTAuth",
    "KeyFunction",
    "KeyringStore",
    "MemoryStore",
    "OAuthToken",
    "TokenStore",
    "UserAuth",
    "bot_chat_scope",
    "load_auth",
]
