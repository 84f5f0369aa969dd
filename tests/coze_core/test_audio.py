"""Sound through the public API, over the emulator."""

import io
import wave

import pytest

from coze_core import (
    APITimeoutError,
    AsyncCozeClient,
    AuthenticationError,
    BadRequestError,
    CozeClient,
    EnterMessage,
    IncompleteStreamError,
    MediaItem,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    Turn,
)
from coze_core.emulator import Audio, Bot, Fault

VOICE = "7350000000000000801"
TEXT = "Hello, 世界!"


def length_of(content):
    with wave.open(io.BytesIO(content)) as file:
        return file.getnframes() / file.getframerate(), file.getframerate()


def names(folder):
    return [path.name for path in folder.iterdir()]


# -- speech


def test_speech_is_a_wav_file_that_can_be_played(client):
    speech = client.audio.speech(TEXT, voice_id=VOICE, response_format="wav", sample_rate=16000)
    content = speech.read()
    assert (speech.content_type, bool(speech.log_id)) == ("audio/wav", True)
    seconds, rate = length_of(content)
    assert rate == 16000
    assert seconds == pytest.approx(0.06 * len(TEXT))
    fast = client.audio.speech(TEXT, voice_id=VOICE, response_format="wav", speed=2).read()
    assert length_of(fast)[0] == pytest.approx(seconds / 2, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "begins", "media_type"),
    [("mp3", b"ID3", "audio/mpeg"), ("ogg_opus", b"OggS", "audio/ogg"), ("pcm", b"", "audio/pcm")],
)
def test_speech_comes_in_blocks_in_every_format(client, kind, begins, media_type):
    with client.audio.speech(TEXT * 20, voice_id=VOICE, response_format=kind) as speech:
        assert speech.content_type == media_type
        blocks = list(speech)
    assert b"".join(blocks).startswith(begins)
    again = client.audio.speech(TEXT * 20, voice_id=VOICE, response_format=kind).read()
    assert b"".join(blocks) == again


def test_frames_of_an_mp3_follow_each_other(client):
    content = client.audio.speech("hi", voice_id=VOICE, sample_rate=24000).read()
    frames = content[content.index(b"\xff\xf3") :]
    assert len(frames) % 96 == 0
    assert all(frames[at : at + 2] == b"\xff\xf3" for at in range(0, len(frames), 96))
    assert TEXT.encode() not in content


def test_speech_is_written_to_a_file(client, tmp_path):
    path = client.audio.speech(TEXT, voice_id=VOICE, response_format="wav").write_to_file(
        tmp_path / "a.wav"
    )
    assert path == tmp_path / "a.wav"
    assert length_of(path.read_bytes())[0] > 0.5
    client.audio.speech("other", voice_id=VOICE).write_to_file(str(path))
    assert path.read_bytes().startswith(b"ID3")
    assert names(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("cut", ["close", "reset"])
def test_speech_that_is_cut_short_is_an_error_and_leaves_no_file(client, emulator, tmp_path, cut):
    path = tmp_path / "a.wav"
    path.write_bytes(b"the old one")
    emulator.faults.add(Fault(cut_after=9000, cut=cut), path="/v1/audio/speech", times=2)
    speech = client.audio.speech(TEXT, voice_id=VOICE, response_format="wav")
    with pytest.raises(IncompleteStreamError, match="was cut after") as raised:
        speech.write_to_file(path)
    assert raised.value.log_id == speech.log_id
    with pytest.raises(IncompleteStreamError):
        client.audio.speech(TEXT, voice_id=VOICE, response_format="wav").read()
    assert names(tmp_path) == ["a.wav"]
    assert path.read_bytes() == b"the old one"


def test_speech_that_is_shorter_than_it_says_is_an_error(emulator):
    with CozeClient(emulator.token, transport=emulator.transport()) as client:
        fault = Fault(cut_after=5000, cut="clean", headers={"content-length": "6000"})
        emulator.faults.add(fault, path="/v1/audio/speech")
        with pytest.raises(IncompleteStreamError, match="1000 bytes are missing"):
            client.audio.speech(TEXT, voice_id=VOICE, response_format="pcm").read()


def test_a_server_that_falls_silent_is_a_timeout_not_a_short_file(emulator, tmp_path):
    with CozeClient(emulator.token, base_url=emulator.base_url, timeout=0.2) as client:
        emulator.faults.add(Fault(stall_after=1), path="/v1/audio/speech")
        speech = client.audio.speech(TEXT, voice_id=VOICE, response_format="pcm")
        with pytest.raises(APITimeoutError):
            speech.write_to_file(tmp_path / "a.pcm")
    assert names(tmp_path) == []


def test_errors_in_place_of_speech_are_the_usual_ones(client, emulator, tmp_path):
    path = "/v1/audio/speech"
    with pytest.raises(NotFoundError, match="voice_id=1"):
        client.audio.speech("hi", voice_id="1").write_to_file(tmp_path / "a.mp3")
    emulator.faults.add(Fault(code=4020), path=path, times=3)
    with pytest.raises(RateLimitError):
        client.with_options(max_retries=0).audio.speech("hi", voice_id=VOICE).read()
    emulator.faults.clear()
    emulator.faults.add(Fault(status=401, code=4100), path=path)
    with pytest.raises(AuthenticationError):
        client.audio.speech("hi", voice_id=VOICE).read()
    for fault in (
        Fault(status=200, body=b'{"code":0,"msg":""}', content_type="application/json"),
        Fault(status=200, body=b"<html>", content_type="text/html"),
        Fault(status=200, body=b"", content_type="audio/mpeg"),
    ):
        emulator.faults.add(fault, path=path)
        with pytest.raises(ProtocolError):
            client.audio.speech("hi", voice_id=VOICE).read()
    assert names(tmp_path) == []


def test_a_missing_content_type_does_no_harm(client, emulator):
    for fault in (Fault(content_type=""), Fault(content_type="application/octet-stream", split=7)):
        emulator.faults.add(fault, path="/v1/audio/speech")
        assert client.audio.speech("hi", voice_id=VOICE).read().startswith(b"ID3")
    body = b'{"code":4000,"msg":"no"}'
    emulator.faults.add(Fault(status=200, body=body, content_type=""), path="/v1/audio/speech")
    with pytest.raises(BadRequestError):
        client.audio.speech("hi", voice_id=VOICE).read()


def test_speech_is_sent_for_late_and_taken_once(client, emulator, tmp_path):
    speech = client.audio.speech("hi", voice_id=VOICE)
    assert emulator.requests == []
    assert (speech.content_type, speech.log_id) == ("", None)
    speech.read()
    with pytest.raises(RuntimeError, match="taken once"):
        speech.read()
    with client.audio.speech("hi", voice_id=VOICE) as left:
        pass
    with pytest.raises(RuntimeError, match="taken once"):
        left.write_to_file(tmp_path / "a.mp3")
    for _ in client.audio.speech(TEXT, voice_id=VOICE, response_format="wav"):
        break
    assert client.audio.speech("hi", voice_id=VOICE).read()


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_sent(
    client, emulator, tmp_path
):
    for place in (tmp_path / "no" / "a.mp3", tmp_path):
        with pytest.raises(ValueError, match="folder"):
            client.audio.speech("hi", voice_id=VOICE).write_to_file(place)
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"input": 1}, TypeError, "must be text"),
        ({"input": " "}, ValueError, "nothing to say"),
        ({"input": "好" * 342}, ValueError, "1026 bytes"),
        ({"voice_id": 1}, TypeError, "voice_id must be a string"),
        ({"response_format": "flac"}, ValueError, "response_format must be one of mp3, wav"),
        ({"speed": 0.1}, ValueError, "speed must be from 0.2 to 3"),
        ({"speed": float("nan")}, ValueError, "speed must be from"),
        ({"sample_rate": 11025}, ValueError, "sample_rate must be one of 8000"),
        ({"emotion_scale": 6}, ValueError, "from 1 to 5"),
        ({"loudness_rate": -51}, ValueError, "from -50 to 100"),
    ],
)
def test_what_cannot_be_said_is_refused_before_it_is_sent(client, emulator, arguments, error, says):
    arguments = {"input": "hi", "voice_id": VOICE, **arguments}
    with pytest.raises(error, match=says):
        client.audio.speech(arguments.pop("input"), **arguments)
    assert emulator.requests == []


def test_all_settings_of_speech_reach_the_server(client, emulator):
    settings = {
        "response_format": "pcm",
        "speed": 1.5,
        "sample_rate": 8000,
        "emotion": "happy",
        "emotion_scale": 3,
        "loudness_rate": 10,
        "context_texts": "softly",
    }
    client.audio.speech("好" * 341, voice_id=VOICE, **settings).read()
    sent = emulator.requests.to("/v1/audio/speech")[0].json
    assert sent == {"input": "好" * 341, "voice_id": VOICE, **settings}


# -- recognition


@pytest.mark.parametrize("kind", ["mp3", "wav", "pcm", "ogg_opus"])
def test_what_was_said_is_understood(client, kind):
    content = client.audio.speech(TEXT, voice_id=VOICE, response_format=kind).read()
    heard = client.audio.transcriptions.create((f"a.{kind[:3]}", content))
    assert heard.text == TEXT
    assert heard.log_id


def test_another_recording_is_told_by_its_length(client, tmp_path):
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000))
    assert client.audio.transcriptions.create(path).text == "audio of 1.0 s"
    assert client.audio.transcriptions.create(("b.mp3", b"xyz")).text == "audio of 3 bytes in b.mp3"
    with pytest.raises(ValueError, match="is empty"):
        client.audio.transcriptions.create(b"")


# -- voices and rooms


def test_a_cloned_voice_speaks(client, emulator):
    recording = client.audio.speech(TEXT, voice_id=VOICE, response_format="wav").read()
    made = client.audio.voices.clone(
        ("me.wav", recording), voice_name="我的声音", language="zh", preview_text="你好", text=TEXT
    )
    own = list(client.audio.voices.list(filter_system_voice=True))
    assert [(voice.voice_id, voice.name, voice.is_system_voice) for voice in own] == [
        (made.voice_id, "我的声音", False)
    ]
    assert len(list(client.audio.voices.list(page_size=2))) == 3
    assert client.audio.speech("hi", voice_id=made.voice_id).read()
    again = client.audio.voices.clone(
        recording, voice_name="Anew", audio_format="wav", voice_id=made.voice_id
    )
    assert again.voice_id == made.voice_id
    [voice] = client.audio.voices.list(filter_system_voice=True)
    assert (voice.name, voice.available_training_times) == ("Anew", 8)
    assert list(client.audio.voices.list(model_type="small")) == []
    assert list(client.audio.voices.list(voice_state="init")) == []
    with pytest.raises(BadRequestError, match="system voice"):
        client.audio.voices.clone(("a.wav", b"x"), voice_name="x", voice_id=VOICE)


def test_what_cannot_be_cloned_is_refused_before_it_is_sent(client, emulator):
    clone = client.audio.voices.clone
    for call, says in (
        (lambda: clone(b"x", voice_name="a"), "audio_format is not known"),
        (lambda: clone(("a.flac", b"x"), voice_name="a"), "one of wav, mp3"),
        (lambda: clone(("a.wav", b"x"), voice_name=" "), "voice_name must not be empty"),
        (lambda: client.audio.voices.list(page_size=101), "from 1 to 100"),
    ):
        with pytest.raises(ValueError, match=says):
            call()
    assert emulator.requests == []


def test_a_room_is_opened_and_its_key_is_not_shown(client, emulator):
    room = client.audio.rooms.create(
        bot_id=emulator.bot_id("echo"),
        voice_id=VOICE,
        conversation_id=client.conversations.create().id,
        uid="u1",
        config={"prologue_content": "Hi"},
    )
    assert room.room_id
    assert (room.uid, room.app_id) == ("u1", "emulated")
    assert room.token.startswith("room_")
    assert room.token not in repr(room)
    with pytest.raises(NotFoundError):
        client.audio.rooms.create(bot_id="1")
    with pytest.raises(TypeError, match="bot_id must be a string"):
        client.audio.rooms.create(bot_id=None)


# -- sound in and out of a chat


def test_a_spoken_answer_is_saved_as_a_wav_file(client, emulator, tmp_path):
    said = client.audio.speech(TEXT, voice_id=VOICE, response_format="pcm").read()

    async def speaks(messages, context):
        yield "You said something."
        yield Audio(said[:5000])
        yield Audio(said[5000:])

    bot = emulator.add_bot(Bot("speaks", speaks))
    file = client.files.upload(("question.wav", said))
    items = [MediaItem(type="audio", file_id=file.id), MediaItem(type="text", text="?")]
    question = EnterMessage.user(items)
    turn = client.chat.stream(bot_id=bot.id, user_id="u", messages=[question]).until_done()
    assert turn.audio == said
    path = tmp_path / "answer.wav"
    path.write_bytes(turn.audio_wav())
    assert length_of(path.read_bytes()) == (pytest.approx(0.06 * len(TEXT)), 24000)
    assert client.audio.transcriptions.create(path).text == TEXT


def test_a_turn_without_sound_or_with_ogg_has_no_wav(client, emulator):
    async def speaks(messages, context):
        yield Audio(b"OggS and so on")

    bot = emulator.add_bot(Bot("speaks", speaks))
    with pytest.raises(ValueError, match="was not spoken"):
        Turn().audio_wav()
    turn = client.chat.stream(
        bot_id=bot.id, user_id="u", messages=[EnterMessage.user("hi")]
    ).until_done()
    with pytest.raises(ValueError, match="type audio/ogg"):
        turn.audio_wav()


# -- awaiting


@pytest.mark.anyio
async def test_sound_can_be_awaited(async_client, tmp_path):
    audio = async_client.audio
    content = await audio.speech(TEXT, voice_id=VOICE, response_format="wav").read()
    assert length_of(content)[0] > 0.5
    path = await audio.speech(TEXT, voice_id=VOICE).write_to_file(tmp_path / "a.mp3")
    assert (await audio.transcriptions.create(path)).text == TEXT
    async with audio.speech(TEXT, voice_id=VOICE, response_format="wav") as speech:
        assert speech.content_type == "audio/wav"
        assert b"".join([block async for block in speech]) == content
    made = await audio.voices.clone(("me.wav", content), voice_name="Me")
    voices = [voice.voice_id async for voice in audio.voices.list()]
    assert made.voice_id in voices
    assert names(tmp_path) == ["a.mp3"]


@pytest.mark.anyio
async def test_awaited_speech_that_is_cut_short_is_an_error_and_leaves_no_file(
    async_client, emulator, tmp_path
):
    emulator.faults.add(Fault(cut_after=9000), path="/v1/audio/speech", times=2)
    with pytest.raises(IncompleteStreamError):
        await async_client.audio.speech(TEXT, voice_id=VOICE, response_format="wav").read()
    speech = async_client.audio.speech(TEXT, voice_id=VOICE, response_format="wav")
    with pytest.raises(IncompleteStreamError):
        await speech.write_to_file(tmp_path / "a.wav")
    assert names(tmp_path) == []
    with pytest.raises(RuntimeError, match="taken once"):
        await speech.read()
    with pytest.raises(NotFoundError):
        await async_client.audio.speech("hi", voice_id="1").read()
    async with async_client.audio.speech(TEXT, voice_id=VOICE, response_format="wav") as left:
        async for _ in left:
            break
    assert await async_client.audio.speech("hi", voice_id=VOICE).read()


@pytest.mark.anyio
async def test_awaited_speech_in_process_checks_the_length_too(emulator):
    client = AsyncCozeClient(emulator.token, transport=emulator.transport())
    fault = Fault(cut_after=5000, cut="clean", headers={"content-length": "6000"})
    emulator.faults.add(fault, path="/v1/audio/speech")
    with pytest.raises(IncompleteStreamError, match="1000 bytes are missing"):
        await client.audio.speech(TEXT, voice_id=VOICE, response_format="pcm").read()
    await client.aclose()
