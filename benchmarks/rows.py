"""The lines of the table: who is measured, at what, and what must hold."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.many import TOKENS


@dataclass(frozen=True)
class Row:
    """One line of the table: the first contender is the floor, the second is ours.

    A contender `name@1000` does its work with 1,000 tokens, and as many times more often as the
    row's `tokens` are more; `name_many@1000` opens 1,000 streams at once. `measure` is what the
    numbers are: `cpu` for a token, `growth` (the same; all the others must hold, not only the
    second), `import`, `extra`, `wall`, or what the work itself has measured: `own`.
    """

    name: str
    contenders: tuple[str, ...]
    tokens: int
    repeat: int
    path: str | None
    must: float | None
    measure: str = "cpu"
    warm: int = 2
    quick: bool = True


V2 = ("httpx_v2", "chatcoze_v2", "community")
CLIENT = ("httpx_sync", "ours_sync", "cozepy_sync")
ACLIENT = ("httpx_async", "ours_async", "aiohttp_async", "cozepy_async")
PLAIN = ("httpx_async", "ours_async_httpx")
FIRST = ("httpx_first", "ours_first", "cozepy_first")
FLOORS = ("langchain_floor", "chatcoze_stream", "langchain_floor_ready", "langchain_httpx")
AFLOORS = ("langchain_afloor", "chatcoze_astream", "langchain_afloor_ready", "langchain_ahttpx")
PROTOTYPE = ("langchain_httpx", "chatcoze_stream", "langchain_floor")
APROTOTYPE = ("langchain_ahttpx", "chatcoze_astream", "langchain_afloor")
OPENAI, AOPENAI = "chatopenai_stream", "chatopenai_astream"
TEN = ("httpx_sync", "chatcoze_stream", OPENAI)
IMPORTS = ("langchain_core.language_models.chat_models", "langchain_coze", "langchain_openai")


LLAMA = ("llamaindex_floor", "coze_stream", "llama_openai_stream")
ALLAMA = ("llamaindex_afloor", "coze_astream", "llama_openai_astream")
# What `import coze_core` costs, which brings in what is asked for only, its client's class, and the
# first client, with which the HTTP library comes.
CLIENT_IMPORTS = (
    "httpx",
    "coze_core:CozeClient",
    "coze_core",
    "coze_core:CozeClient()",
    "cozepy",
)
LLAMA_IMPORTS = ("llama_index.core.llms", "llamaindex_coze")


def growing(name: str) -> tuple[str, ...]:
    return tuple(f"{name}@{size}" for size in (1000, 10_000, 100_000))


def many_rows() -> tuple[Row, ...]:
    """Many streams of 50 tokens, 5 ms apart, on one event loop; aiohttp alone is the floor."""
    few = ("aiohttp_many@100", "ours_many@100", "chatcoze_many@100", "cozepy_many@100")
    more = ("aiohttp_many@1000", "ours_many@1000", "chatcoze_many@1000", "cozepy_many@1000")
    most = ("aiohttp_many@5000", "ours_many@5000")
    kept = ("langchain_floor_many@1000", "chatcoze_many@1000")
    options = {"tokens": TOKENS, "repeat": 1, "path": "many", "warm": 0, "quick": False}
    return (
        Row("100 streams: CPU", few[:2], **{**options, "quick": True}, must=2.5),
        Row("100 streams: wall s", few, **options, must=2.0, measure="wall"),
        Row("1,000 streams: wall s", more, **options, must=2.0, measure="wall"),
        Row("5,000 streams: wall s", most, **options, must=2.0, measure="wall"),
        Row(
            "1,000 streams: kB each", (more[0], more[1], more[3]), **options, must=45, measure="own"
        ),
        Row("1,000 in LangChain: kB each", kept, **options, must=100, measure="own"),
    )


def adapter_rows() -> tuple[Row, ...]:
    """What the adapters cost beside their floors, a prototype and the OpenAI integrations."""
    return (
        Row(
            "ChatCoze.stream, burst-20",
            (*FLOORS, "chatcoze_merged", OPENAI),
            2000,
            20,
            "burst20",
            1.4,
        ),
        Row("ChatCoze.astream, burst-20", (*AFLOORS, AOPENAI), 2000, 20, "burst20", 1.4),
        Row("ChatCoze.stream, burst-1", (*PROTOTYPE, OPENAI), 2000, 20, "burst1", 1.25),
        Row("ChatCoze.astream, burst-1", (*APROTOTYPE, AOPENAI), 2000, 20, "burst1", 1.25),
        Row(
            "ChatCoze.stream, paced",
            ("langchain_httpx", "chatcoze_stream", OPENAI),
            *(500, 2, "paced", 1.25),
            quick=False,
        ),
        Row(
            "ChatCoze.astream, paced",
            ("langchain_ahttpx", "chatcoze_astream", AOPENAI),
            *(500, 2, "paced", 1.25),
            quick=False,
        ),
        Row(
            "ChatCoze.stream, 50,000 tokens",
            ("langchain_floor", "chatcoze_stream"),
            *(50_000, 1, "burst20", 1.4),
            warm=1,
        ),
        Row(
            "growth of ChatCoze.stream",
            growing("chatcoze_stream"),
            *(100_000, 1, "burst20", None, "growth"),
            quick=False,
        ),
        Row(
            "growth of the floor of stream",
            growing("langchain_floor"),
            *(100_000, 1, "burst20", None, "growth"),
            quick=False,
        ),
        Row("import of the client: ms of CPU", CLIENT_IMPORTS, 1, 1, None, 1.75, "import", 0),
        Row("import: ms of CPU", IMPORTS, 1, 1, None, 1.1, "import", 0),
        Row("Coze.stream_chat, burst-20", LLAMA, 2000, 20, "burst20", 1.4),
        Row("Coze.astream_chat, burst-20", ALLAMA, 2000, 20, "burst20", 1.4),
        Row("import in LlamaIndex: ms of CPU", LLAMA_IMPORTS, 1, 1, None, 1.1, "import", 0),
    )


ROWS = (
    Row("decode", ("decode_floor", "decode_ours"), 10_000, 10, None, 1.5),
    Row("sync, burst-1", CLIENT, 2000, 8, "burst1", 1.6),
    Row("sync, burst-20", CLIENT, 2000, 8, "burst20", 3.0),
    Row("sync, paced", CLIENT, 500, 2, "paced", 1.4),
    Row("async, paced", ACLIENT, 500, 2, "paced", 1.25),
    Row("async, paced, without aiohttp", PLAIN, 500, 2, "paced", 1.25, quick=False),
    Row("async, burst-20", ACLIENT, 2000, 8, "burst20", None),
    Row("async, burst-1", ACLIENT, 2000, 8, "burst1", None),
    Row("10-token request", CLIENT, 10, 200, "burst1", 1.2, warm=50),
    Row("10-token request, async", ACLIENT, 10, 200, "burst1", 1.2, warm=50),
    Row("10-token request, ChatCoze", TEN, 10, 100, "burst1", 2.0, warm=50),
    Row("10-token request in one chunk", CLIENT, 10, 200, "burst20", 1.2, warm=50),
    Row(
        "10-token request in one chunk, ChatCoze",
        TEN,
        10,
        100,
        "burst20",
        None,
        warm=50,
        quick=False,
    ),
    Row("first token: ms", FIRST, 10, 200, "burst1", None, "own", quick=False),
    Row("growth of the client", growing("ours_sync"), 100_000, 2, "burst20", 1.15, "growth"),
    *adapter_rows(),
    Row(
        "answer after 300 ms: ms on top",
        ("ours_invoke", "chatcoze_invoke", "cozepy_invoke"),
        *(10, 3, "slow", 10.0, "extra", 1),
        quick=False,
    ),
    Row("version 2, burst-20", V2, 2000, 4, "burst20", None, quick=False),
    *many_rows(),
)
