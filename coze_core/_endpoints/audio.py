"""Speech, recognition, voices and rooms (protocol notes, section 6.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Final, Literal

from coze_core._audio_models import Room, Transcription, Voice
from coze_core._call import Call, FileInput, Upload
from coze_core._endpoints._checks import check_id, given
from coze_core._endpoints.files import upload_of
from coze_core._flow import Flow, send
from coze_core._paging import Pages

SpeechFormat = Literal["mp3", "wav", "pcm", "ogg_opus"]
_FORMATS: Final = ("mp3", "wav", "pcm", "ogg_opus")
_RATES: Final = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
_MAX_INPUT: Final = 1024  # bytes of UTF-8
_CLONE_FORMATS: Final = ("wav", "mp3", "ogg", "m4a", "aac", "pcm")
# Of a voice's model the client cannot know: the wider of the two ranges.
_SPEED: Final = (0.2, 3.0)
_EMOTION_SCALE: Final = (1.0, 5.0)
_LOUDNESS: Final = (-50, 100)


def speech(
    input: str,
    *,
    voice_id: str,
    response_format: SpeechFormat = "mp3",
    speed: float | None = None,
    sample_rate: int | None = None,
    emotion: str | None = None,
    emotion_scale: float | None = None,
    loudness_rate: int | None = None,
    context_texts: str | None = None,
) -> Call:
    """Say a text.

    Args:
        input: The text, up to 1024 bytes of UTF-8 (about 340 Chinese characters).
        voice_id: Who says it; see `client.audio.voices.list`.
        response_format: `mp3`, `wav`, `pcm` (samples without a header) or `ogg_opus`.
        speed: From 0.2 to 3 for small voices, 0.5 to 2 for big ones; 1 if None.
        sample_rate: 8000, 16000, 22050, 24000, 32000, 44100 or 48000; 24000 if None.
        emotion: Such as `happy`; the voice must know it.
        emotion_scale: How strong it is, from 1 to 5; 4 if None.
        loudness_rate: From -50 to 100; 0 if None.
        context_texts: How it shall be said, in words.

    Returns:
        The sound, to be iterated over in blocks, read, or written to a file.

    Raises:
        TypeError: Something else than text.
        ValueError: Arguments that Coze would refuse.

    Example:
        >>> client.audio.speech("Hello!", voice_id="7426").write_to_file("a.mp3")  # doctest: +SKIP

    Protocol: section 6.8.
    """
    body = given(
        input=_check_input(input),
        voice_id=check_id("voice_id", voice_id),
        response_format=_one_of("response_format", response_format, _FORMATS),
        speed=_within("speed", speed, _SPEED),
        sample_rate=None if sample_rate is None else _one_of("sample_rate", sample_rate, _RATES),
        emotion=emotion,
        emotion_scale=_within("emotion_scale", emotion_scale, _EMOTION_SCALE),
        loudness_rate=_within("loudness_rate", loudness_rate, _LOUDNESS),
        context_texts=context_texts,
    )
    return Call("POST", "/v1/audio/speech", json=body, stream=True, binary=True)


def transcribe(file: FileInput) -> Flow[Transcription]:
    """Write down what is said in a recording.

    Args:
        file: A path, bytes, an open binary file, or `(name, bytes)`; Coze knows the format by
            the suffix: mp3, wav, ogg, m4a or pcm.

    Raises:
        TypeError: Something else than a file.
        ValueError: An empty or missing file.
        CozeError: The server refused.

    Example:
        >>> client.audio.transcriptions.create("a.mp3").text  # doctest: +SKIP

    Protocol: section 6.8.
    """
    call = Call("POST", "/v1/audio/transcriptions", upload=upload_of(file), repeatable=True)
    return (yield from send(call)).read(Transcription)


def list_voices(
    *,
    filter_system_voice: bool | None = None,
    model_type: Literal["big", "small"] | None = None,
    voice_state: Literal["init", "cloned", "all"] | None = None,
    page_size: int = 100,
) -> Pages[Voice]:
    """Iterate over the voices that speech can have.

    Args:
        filter_system_voice: True to leave Coze's own voices out.
        model_type: Only `big` or only `small` ones.
        voice_state: Only those in this state.
        page_size: Voices a request, up to 100.

    Raises:
        ValueError: A page size that Coze would refuse.
        CozeError: While iterating: the server refused.

    Example:
        >>> for voice in client.audio.voices.list():  # doctest: +SKIP
        ...     print(voice.voice_id, voice.name, voice.language_code)

    Protocol: section 6.8.
    """
    if not 1 <= page_size <= 100:
        raise ValueError("page_size must be from 1 to 100")
    hidden = None if filter_system_voice is None else str(filter_system_voice).lower()
    query = {
        "filter_system_voice": hidden,
        "model_type": model_type,
        "voice_state": voice_state,
    }
    call = Call("GET", "/v1/audio/voices", query=query, repeatable=True)
    return Pages(call, Voice, "voice_list", "page_num", page_size)


def clone_voice(
    file: FileInput,
    *,
    voice_name: str,
    audio_format: str | None = None,
    language: str | None = None,
    voice_id: str | None = None,
    preview_text: str | None = None,
    text: str | None = None,
    space_id: str | None = None,
    description: str | None = None,
) -> Flow[Voice]:
    """Make a voice from a recording.

    Args:
        file: The recording, up to 10 MB; see `transcriptions.create`.
        voice_name: Its name.
        audio_format: wav, mp3, ogg, m4a, aac or pcm (24 kHz, mono); the file's suffix if None.
        language: Such as `zh`, `en`, `ja`.
        voice_id: A voice to train anew, in place of a new one.
        preview_text: What its sample says.
        text: What is said in the recording; Coze then compares.
        space_id: The workspace it belongs to.
        description: What is to be known about it.

    Returns:
        The voice; often the server tells only its id.

    Raises:
        TypeError: Something else than a file.
        ValueError: Arguments that Coze would refuse.
        CozeError: The server refused.

    Example:
        >>> client.audio.voices.clone("me.wav", voice_name="My voice").voice_id  # doctest: +SKIP

    Protocol: section 6.8.
    """
    upload = upload_of(file)
    suffix = PurePath(upload.file_name).suffix.removeprefix(".").lower()
    if not (audio_format or suffix):
        raise ValueError("audio_format is not known: give it, or name the file like me.wav")
    if not voice_name.strip():
        raise ValueError("voice_name must not be empty")
    fields = given(
        voice_name=voice_name,
        audio_format=_one_of("audio_format", audio_format or suffix, _CLONE_FORMATS),
        language=language,
        voice_id=voice_id,
        preview_text=preview_text,
        text=text,
        space_id=space_id,
        description=description,
    )
    form: Upload = replace(upload, fields={name: str(value) for name, value in fields.items()})
    # Not repeatable: a voice can be trained only so many times.
    return (yield from send(Call("POST", "/v1/audio/voices/clone", upload=form))).read(Voice)


def create_room(
    *,
    bot_id: str,
    voice_id: str | None = None,
    conversation_id: str | None = None,
    uid: str | None = None,
    workflow_id: str | None = None,
    config: Mapping[str, object] | None = None,
) -> Flow[Room]:
    """Open a room to talk with a bot, with the real-time SDK of your platform.

    Args:
        bot_id: The bot.
        voice_id: Its voice.
        conversation_id: The conversation to go on with; a new one if None.
        uid: The user; the server makes one up if None.
        workflow_id: A workflow to talk with.
        config: Sound, pictures, prologue and the rest, as the API calls them.

    Raises:
        TypeError: An id that is not a string.
        CozeError: The server refused.

    Example:
        >>> client.audio.rooms.create(bot_id="7379").room_id  # doctest: +SKIP

    Protocol: section 6.8.
    """
    ids = given(
        bot_id=bot_id,
        voice_id=voice_id,
        conversation_id=conversation_id,
        uid=uid,
        workflow_id=workflow_id,
    )
    body = {name: check_id(name, value) for name, value in ids.items()}
    check_id("bot_id", bot_id)
    call = Call("POST", "/v1/audio/rooms", json={**body, **given(config=config)})
    return (yield from send(call)).read(Room)


def _check_input(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"input must be text, not {type(text).__name__}")
    if not text.strip():
        raise ValueError("input must not be empty: there is nothing to say")
    size = len(text.encode())
    if size > _MAX_INPUT:
        raise ValueError(
            f"input has {size} bytes; Coze says {_MAX_INPUT} at a time: split it into sentences / "
            f"文本过长，请按句拆分"
        )
    return text


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> object:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, not {value!r}")
    return value


def _within(name: str, value: float | None, bounds: tuple[float, float]) -> float | None:
    if value is not None and not bounds[0] <= value <= bounds[1]:
        raise ValueError(f"{name} must be from {bounds[0]:g} to {bounds[1]:g}, not {value}")
    return value
