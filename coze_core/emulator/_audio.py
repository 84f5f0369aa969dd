"""The endpoints of sound (protocol notes, section 6.8).

The emulator understands the speech that it made itself, also when a WAV header was put before its
samples or taken away; of other recordings it says how long they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from coze_core.emulator import _checks as check
from coze_core.emulator import _sounds as sounds
from coze_core.emulator._http import ApiError, Request
from coze_core.emulator._state import USER_ID, Download, Reply, State
from coze_core.emulator._store import Document

VOICE_IDS = ("7350000000000000801", "7350000000000000802")
_RATES = {8000, 16000, 22050, 24000, 32000, 44100, 48000}
_CLONE_FORMATS = {"wav", "mp3", "ogg", "m4a", "aac", "pcm"}
_MOST_CLONE = 10 * 1024 * 1024
_CREATED = 1718289297


def _voice(id: str, name: str, code: str, language: str, *, system: bool, now: int) -> Document:
    return {
        "voice_id": id,
        "name": name,
        "is_system_voice": system,
        "language_code": code,
        "language_name": language,
        "preview_text": "Hello!" if code == "en" else "你好呀",
        "preview_audio": f"https://example.com/{id}.mp3",
        "available_training_times": 0 if system else 9,
        "create_time": now,
        "update_time": now,
        "model_type": "big",
        "state": "cloned",
    }


def _voices(state: State) -> list[Document]:
    own = [
        _voice(VOICE_IDS[0], "Emulated", "en", "English", system=True, now=_CREATED),
        _voice(VOICE_IDS[1], "模拟音色", "zh", "中文", system=True, now=_CREATED),
    ]
    return own + state.store.all("voice")


def _known_voice(state: State, id: str) -> Document:
    found = next((voice for voice in _voices(state) if voice["voice_id"] == id), None)
    if found is None:
        raise ApiError(4200, f"Requested resource voice_id={id} does not exist.")
    return found


def speech(state: State, request: Request) -> Reply:
    """Say a text."""
    body = request.json
    text = check.text(body, "input", required=True)
    if len(text.encode()) > 1024:
        raise ApiError(4000, "Invalid input: at most 1024 bytes")
    voice = check.text(body, "voice_id", required=True)
    _known_voice(state, voice)
    kind = check.text(body, "response_format") or "mp3"
    if kind not in sounds.MEDIA_TYPES:
        raise ApiError(4000, f"Invalid response_format: {kind}")
    rate = check.number(body.get("sample_rate"), "sample_rate", 24000, 8000, 48000)
    if rate not in _RATES:
        raise ApiError(4000, f"Invalid sample_rate: {rate}")
    _within(body, "emotion_scale", 4, 1, 5)
    _within(body, "loudness_rate", 0, -50, 100)
    speed = _within(body, "speed", 1, 0.2, 3)
    content = sounds.speech(text, voice, kind, rate, speed)
    for part in {content, *(sounds.samples_of(content) or ())[:1]}:
        state.store.put("speech", _name_of(part), {"text": text})
    return Download(content, sounds.MEDIA_TYPES[kind])


def _within(
    body: Mapping[str, object], name: str, usual: float, least: float, most: float
) -> float:
    value = body.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ApiError(4000, f"Invalid {name}: must be from {least} to {most}")
    return float(value)


def _name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def transcribe(state: State, request: Request) -> Reply:
    """Write down what is said."""
    name, content = _file(request)
    wav = sounds.samples_of(content)
    heard = state.store.get("speech", _name_of(content))
    if heard is None and wav is not None:
        heard = state.store.get("speech", _name_of(wav[0]))
    if heard is not None:
        text = heard["text"]
    elif wav is not None:
        text = f"audio of {wav[1]:.1f} s"
    else:
        text = f"audio of {len(content)} bytes in {name or 'a file'}"
    return {"code": 0, "msg": "", "data": {"text": text}}


def _file(request: Request) -> tuple[str, bytes]:
    found = [part for part in request.files() if part[0] == "file"]
    if len(found) != 1 or not found[0][2]:
        raise ApiError(4000, "The field file is required")
    return found[0][1], found[0][2]


def list_voices(state: State, request: Request) -> Reply:
    """Return the voices, a page at a time."""
    query = request.query
    number = check.number(query.get("page_num"), "page_num", 1, 1, 10**9)
    size = check.number(query.get("page_size"), "page_size", 100, 1, 100)
    hidden = (query.get("filter_system_voice") or "").lower() == "true"
    state_wanted = query.get("voice_state") or "cloned"
    found = [
        voice
        for voice in _voices(state)
        if not (hidden and voice["is_system_voice"])
        and query.get("model_type") in {None, "", voice["model_type"]}
        and state_wanted in {"all", voice["state"]}
    ]
    end = number * size
    data = {"voice_list": found[end - size : end], "has_more": len(found) > end}
    return {"code": 0, "msg": "", "data": data}


def clone_voice(state: State, request: Request) -> Reply:
    """Make a voice from a recording, or train one anew."""
    _, content = _file(request)
    if len(content) > _MOST_CLONE:
        raise ApiError(4000, "The file is too large: at most 10 MB")
    fields = {name: value.decode() for name, file, value in request.files() if not file}
    name = check.text(fields, "voice_name", required=True)
    if check.text(fields, "audio_format", required=True) not in _CLONE_FORMATS:
        raise ApiError(4000, "Invalid audio_format")
    id = fields.get("voice_id") or state.clock.new_id()
    known = _known_voice(state, id) if "voice_id" in fields else None
    if known is not None and known["is_system_voice"]:
        raise ApiError(4000, "Invalid voice_id: a system voice cannot be trained")
    if known is not None and not known["available_training_times"]:
        raise ApiError(4000, "Invalid voice_id: it cannot be trained any more")
    code = fields.get("language") or "zh"
    voice = _voice(id, name, code, code, system=False, now=state.clock.seconds())
    voice["preview_text"] = fields.get("preview_text") or voice["preview_text"]
    if known is not None:
        voice["available_training_times"] = known["available_training_times"] - 1
        voice["create_time"] = known["create_time"]
    state.store.put("voice", id, voice)
    return {"code": 0, "msg": "", "data": voice}


def create_room(state: State, request: Request) -> Reply:
    """Open a room; nobody is in it."""
    body = request.json
    bot_id = check.text(body, "bot_id", required=True)
    if bot_id not in state.bots:
        raise ApiError(4200, f"Requested resource bot_id={bot_id} does not exist.")
    if voice := check.text(body, "voice_id"):
        _known_voice(state, voice)
    if conversation := check.text(body, "conversation_id"):
        state.conversation(conversation)
    data = {
        "room_id": state.clock.new_id(),
        "app_id": "emulated",
        "token": f"room_{state.clock.new_id()}",
        "uid": check.text(body, "uid") or USER_ID,
    }
    return {"code": 0, "msg": "", "data": data}
