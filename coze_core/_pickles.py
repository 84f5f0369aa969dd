"""What a pickle holds in place of a token: nothing.

A token that the environment has too is read there again, by whoever wakes the copy. One that was
given as text is not pickled: left out in silence, the copy would work for another account, that of
its environment. It is the rule that private keys and client secrets follow as well.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from coze_core._environment import from_environment


def check_travels(token: str | None, *, found: str | None = None, proxy: str | None = None) -> None:
    """Refuse to pickle what would take a secret along.

    Args:
        token: The token, or None.
        found: The one of the environment; that of `COZE_API_TOKEN` if None.
        proxy: The address of a proxy, or None.

    Raises:
        TypeError: Saying what to do instead.
    """
    known = found if found is not None else from_environment("token")
    if token is not None and token.strip() != (known or "").strip():
        raise TypeError(
            "a token given as text is not pickled, for it would travel along: set COZE_API_TOKEN, "
            "which the copy reads where it wakes, or give auth= a function that returns the token "
            "/ 以文本传入的令牌不会被序列化：请改用环境变量 COZE_API_TOKEN（副本会在其所在进程重新"
            "读取），或通过 auth= 传入返回令牌的函数"
        )
    if proxy is not None and "@" in urlsplit(proxy).netloc:
        raise TypeError(
            "a proxy's address with a password is not pickled, for it would travel along: set "
            "HTTPS_PROXY instead of proxy= / 含密码的代理地址不会被序列化，请改用环境变量 "
            "HTTPS_PROXY"
        )
