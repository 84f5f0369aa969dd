"""Files and sounds, through OpenAI's own Python client."""

import io
import wave

import httpx
import openai
import pytest
from serving import KEY

from coze_core.emulator import Fault
from openai_coze import Limits
from openai_coze._audio import parts_of

VOICE_IDS = ("7350000000000000801", "7350000000000000802")  # of every emulator


def test_a_file_is_uploaded_and_used_by_its_id(gateway, emulator):
    client = gateway("assistant")
    file = client.files.create(file=("notes.txt", b"hello"), purpose="user_data")
    assert file.object == "file"
    assert (file.filename, file.bytes, file.purpose) == ("notes.txt", 5, "user_data")
    assert client.files.retrieve(file.id).filename == "notes.txt"
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "file", "file": {"file_id": file.id}},
    ]
    done = client.chat.completions.create(
        model="assistant", messages=[{"role": "user", "content": parts}]
    )
    assert done.choices[0].message.content == "I was given: file."
    assert len(emulator.requests.to("/v1/files/upload")) == 1


def test_a_large_file_goes_through(gateway, emulator):
    content = bytes(range(256)) * 20_000
    file = gateway("echo").files.create(file=("big.bin", content), purpose="user_data")
    assert file.bytes == len(content)
    assert content in emulator.requests.to("/v1/files/upload")[0].body


def test_a_file_that_is_too_large_empty_or_missing_is_refused(gateway, emulator):
    client = gateway("echo", limits=Limits(upload=10_000))
    with pytest.raises(openai.APIStatusError) as caught:
        client.files.create(file=("big.bin", bytes(20_000)), purpose="user_data")
    assert caught.value.status_code == 413
    with pytest.raises(openai.BadRequestError, match="empty"):
        client.files.create(file=("none.txt", b""), purpose="user_data")
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"{client.base_url}files"
    for others in (
        {"data": {"purpose": "user_data"}},
        {"content": b"--x", "headers": {**headers, "Content-Type": "multipart/form-data"}},
        {"json": {"file": "x"}},
    ):
        reply = httpx.post(url, **{"headers": headers, **others})
        assert reply.status_code == 400
        assert reply.json()["error"]["type"] == "invalid_request_error"
    assert not emulator.requests.to("/v1/files/upload")


def test_a_file_that_is_not_there(gateway):
    with pytest.raises(openai.APIStatusError) as caught:
        gateway("echo").files.retrieve("7369000000000000000")
    assert caught.value.body["coze"]["code"]


# -- sounds


@pytest.mark.parametrize(
    ("form", "begin", "media_type"),
    [
        ("mp3", b"", "audio/mpeg"),
        ("wav", b"RIFF", "audio/wav"),
        ("opus", b"OggS", "audio/ogg"),
        ("pcm", b"", "audio/pcm"),
    ],
)
def test_a_text_is_said(gateway, form, begin, media_type):
    with gateway("echo").audio.speech.with_streaming_response.create(
        model="tts-1", voice=VOICE_IDS[0], input="Hello!", response_format=form
    ) as said:
        assert said.headers["content-type"] == media_type
        content = said.read()
    assert content.startswith(begin)
    assert len(content) > 100


def test_voices_have_the_names_of_the_settings(gateway, emulator):
    client = gateway("echo", voices={"alloy": VOICE_IDS[1], "default": VOICE_IDS[0]})
    for name, id in (("alloy", VOICE_IDS[1]), ("nova", VOICE_IDS[0]), (VOICE_IDS[1],) * 2):
        client.audio.speech.create(model="tts-1", voice=name, input="Hi", speed=1.5)
        sent = emulator.requests.to("/v1/audio/speech")[-1].json
        assert sent["voice_id"] == id
        assert sent["speed"] == 1.5


@pytest.mark.parametrize("form", ["mp3", "wav"])
def test_a_long_text_is_said_in_parts_and_is_one_sound(gateway, emulator, form):
    text = "这是一个很长的句子，需要分成几段来说。" * 60
    content = (
        gateway("echo")
        .audio.speech.create(model="tts-1", voice=VOICE_IDS[1], input=text, response_format=form)
        .read()
    )
    sent = [request.json["input"] for request in emulator.requests.to("/v1/audio/speech")]
    assert len(sent) > 2
    assert "".join(sent) == text
    assert all(len(part.encode()) <= 1024 for part in sent)
    if form == "wav":
        with wave.open(io.BytesIO(content)) as sound:
            assert sound.getframerate() == 24_000
            assert sound.getnframes() * 2 == len(content) - 44


def test_text_is_cut_anywhere_if_it_has_no_sentences():
    for text in ("x" * 3000, "好" * 3000, "One. Two! " * 300):
        parts = parts_of(text)
        assert "".join(parts) == text
        assert all(len(part.encode()) <= 1024 for part in parts)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"voice": "alloy"}, "voice"),
        ({"response_format": "flac"}, "response_format"),
        ({"input": ""}, "input"),
        ({"input": "x" * 5000}, "input"),
        ({"stream_format": "sse"}, "stream_format"),
    ],
)
def test_speech_that_cannot_be_is_refused(gateway, emulator, wrong, param):
    with pytest.raises(openai.BadRequestError) as caught:
        gateway("echo").audio.speech.create(
            **{"model": "tts-1", "voice": VOICE_IDS[0], "input": "Hi", **wrong}
        )
    assert caught.value.param == param
    assert not emulator.requests


def test_speech_that_coze_refuses_is_an_error_and_no_sound(gateway, emulator):
    emulator.faults.add(Fault(code=4011), path="/v1/audio/speech")
    with pytest.raises(openai.RateLimitError):
        gateway("echo").audio.speech.create(model="tts-1", voice=VOICE_IDS[0], input="Hi")


def test_speech_that_is_cut_is_an_error_and_no_short_sound(gateway, emulator):
    client = gateway("echo")
    emulator.faults.add(Fault(cut_after=3000, cut="close"), path="/v1/audio/speech")
    body = {"voice": VOICE_IDS[0], "input": "Hello! " * 100, "response_format": "pcm"}
    headers = {"Authorization": f"Bearer {KEY}"}
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{client.base_url}audio/speech", json=body, headers=headers)


def test_a_recording_is_written_down(gateway):
    client = gateway("echo")
    sound = client.audio.speech.create(model="tts-1", voice=VOICE_IDS[0], input="Hello!").read()
    made = client.audio.transcriptions.create
    heard = made(model="whisper-1", file=("a.mp3", sound))
    assert heard.text
    assert made(model="whisper-1", file=("a.mp3", sound), response_format="text") == heard.text
    events = list(made(model="whisper-1", file=("a.mp3", sound), stream=True))
    assert events[-1].text == heard.text
    with pytest.raises(openai.BadRequestError):
        made(model="whisper-1", file=("a.mp3", sound), response_format="srt")
