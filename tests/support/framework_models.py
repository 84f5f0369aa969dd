"""Models of a framework for the bots of an emulator."""

import contextlib

from coze_core.emulator import Bot


@contextlib.contextmanager
def models_of(framework_model, emulator):
    """Yield what makes a model for a bot, by name, or for an async function that is made a bot."""
    made = []

    def model(bot="assistant", tools=(), **others):
        if callable(bot):
            bot = emulator.add_bot(Bot(f"{bot.__name__}-{len(made)}", bot, tools=tools)).name
        options = {
            "bot_id": emulator.bot_id(bot),
            "api_key": emulator.token,
            "base_url": emulator.base_url,
            "user_id": "u1",
            **others,
        }
        made.append(framework_model(**options))
        return made[-1]

    try:
        yield model
    finally:
        for one in made:
            one.close()
