"""Sound made from text: a tone for each character, as a file that players open.

MP3 and Ogg files of speech are silent, for to encode tones takes an encoder: their length is right
and the text stands in their tags.
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
import struct
import wave
from array import array

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "ogg_opus": "audio/ogg",
}
_SECONDS = 0.06  # of a character, at speed 1
_LOUD = 8000
_TONES = 997  # in an octave, so that hardly two characters sound the same
# Of MPEG audio layer III: bits of version and rate in the header, samples a frame, bit rate.
_MPEG = {
    44100: (0b11, 0, 1152, 64000, 5),
    48000: (0b11, 1, 1152, 64000, 5),
    32000: (0b11, 2, 1152, 64000, 5),
    22050: (0b10, 0, 576, 32000, 4),
    24000: (0b10, 1, 576, 32000, 4),
    16000: (0b10, 2, 576, 32000, 4),
    8000: (0b00, 2, 576, 32000, 4),
}
_OPUS_SILENCE = b"\xf8\xff\xfe"  # 20 ms, mono
_OPUS_FRAME = 960  # samples of 48 kHz, whatever was recorded


def speech(text: str, voice_id: str, kind: str, rate: int, speed: float) -> bytes:
    """Return a text as sound.

    Args:
        text: What is said.
        voice_id: Who says it: another pitch.
        kind: `wav`, `pcm`, `mp3` or `ogg_opus`.
        rate: Samples a second.
        speed: 2 is twice as fast.
    """
    seconds = _SECONDS / speed
    if kind == "mp3":
        return _mp3(text, rate, len(text) * seconds)
    if kind == "ogg_opus":
        return _ogg(text, rate, len(text) * seconds)
    pitch = 180 + int(hashlib.sha256(voice_id.encode()).hexdigest(), 16) % 120
    samples = b"".join(
        _tone(pitch * 2 ** (ord(char) % _TONES / _TONES), rate, round(rate * seconds))
        for char in text
    )
    return samples if kind == "pcm" else _wav(samples, rate)


@functools.lru_cache(maxsize=1024)
def _tone(pitch: float, rate: int, length: int) -> bytes:
    step = 2 * math.pi * pitch / rate
    fade = max(1, length // 10)
    samples = array(
        "h",
        (
            int(_LOUD * min(1, i / fade, (length - i) / fade) * math.sin(step * i))
            for i in range(length)
        ),
    )
    return struct.pack(f"<{length}h", *samples)


def _wav(samples: bytes, rate: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    return out.getvalue()


def _mp3(text: str, rate: int, seconds: float) -> bytes:
    version, rate_bits, length, bits, index = _MPEG[rate]
    size = length // 8 * bits // rate
    # Layer III, no checksum; mono. Side information of zeros is a frame without sound.
    head = struct.pack(
        ">BBBB", 0xFF, 0xE0 | version << 3 | 0b011, index << 4 | rate_bits << 2, 0xC0
    )
    frames = max(1, math.ceil(seconds * rate / length))
    return _id3(text) + head.ljust(size, b"\0") * frames


def _id3(text: str) -> bytes:
    title = b"\x03" + text.encode()
    frame = b"TIT2" + _syncsafe(len(title)) + b"\0\0" + title
    return b"ID3\x04\0\0" + _syncsafe(len(frame)) + frame


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _ogg(text: str, rate: int, seconds: float) -> bytes:
    vendor, title = b"emulated", b"TITLE=" + text.encode()
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, rate, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor
    tags += struct.pack("<II", 1, len(title)) + title
    pages = [_page(0, 0, [head], begins=True), _page(1, 0, [tags])]
    left = max(1, math.ceil(seconds * 48000 / _OPUS_FRAME))
    position = 0
    while left:
        count = min(left, 50)
        left -= count
        position += count * _OPUS_FRAME
        packets = [_OPUS_SILENCE] * count
        pages.append(_page(len(pages), position, packets, ends=not left))
    return b"".join(pages)


def _page(
    number: int, position: int, packets: list[bytes], *, begins: bool = False, ends: bool = False
) -> bytes:
    lengths = b"".join(
        b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets
    )
    flags = begins << 1 | ends << 2
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, position, 1, number, 0)
    page = head + bytes([len(lengths)]) + lengths + b"".join(packets)
    return page[:22] + struct.pack("<I", _crc(page)) + page[26:]


@functools.cache
def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


def _crc(data: bytes) -> int:
    table = _crc_table()
    value = 0
    for byte in data:
        value = (value << 8 ^ table[value >> 24 ^ byte]) & 0xFFFFFFFF
    return value


def samples_of(content: bytes) -> tuple[bytes, float] | None:
    """Return the samples of a WAV file and its length in seconds; None if it is none."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            frames = file.readframes(file.getnframes())
            return frames, file.getnframes() / file.getframerate()
    except (wave.Error, EOFError):
        return None
