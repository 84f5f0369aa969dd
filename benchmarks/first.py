"""How long the first token takes, in ms of wall time, on a connection that is open already."""

from __future__ import annotations

import time

from benchmarks.contenders import QUESTION, Work, _cozepy, body


def httpx_first(_: int, url: str) -> Work:
    import httpx

    client = httpx.Client(verify=False)

    def work() -> float:
        first, started = 0.0, time.perf_counter()
        with client.stream("POST", url + "/v3/chat", json=body()) as response:
            for block in response.iter_raw():
                if not first and b"message.delta" in block:
                    first = time.perf_counter() - started
        return 1000 * first

    return work


def ours_first(_: int, url: str) -> Work:
    from coze_core import CozeClient, EnterMessage

    client = CozeClient("pat_x", base_url=url)
    question = [EnterMessage.user(QUESTION)]

    def work() -> float:
        first, started = 0.0, time.perf_counter()
        with client.chat.stream(bot_id="1", user_id="u", messages=question) as stream:
            for _ in stream.text():
                first = first or time.perf_counter() - started
        return 1000 * first

    return work


def cozepy_first(_: int, url: str) -> Work:
    from cozepy import ChatEventType, Message  # type: ignore[import-not-found]

    coze = _cozepy(url)
    question = [Message.build_user_question_text(QUESTION)]

    def work() -> float:
        first, started = 0.0, time.perf_counter()
        for event in coze.chat.stream(bot_id="1", user_id="u", additional_messages=question):  # type: ignore[attr-defined]
            if not first and event.event == ChatEventType.CONVERSATION_MESSAGE_DELTA:
                first = time.perf_counter() - started
        return 1000 * first

    return work
