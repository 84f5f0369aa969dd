"""Spoken answers as files that can be played (protocol notes, section 3.8)."""

from __future__ import annotations

import io
from typing import Final

# Raw samples without a header.
_RATE: Final = 24_000
_BYTES: Final = 2


def playable(samples: bytes) -> tuple[bytes, str]:
    """Return a spoken answer as a file that can be played, and its media type.

    Args:
        samples: `Turn.audio`: 24 kHz, 16 bit, mono, without a header.
    """
    if samples.startswith(b"RIFF"):
        return samples, "audio/wav"
    if samples.startswith(b"OggS"):
        return samples, "audio/ogg"
    import wave  # only those who hear pay for it

    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(_BYTES)
        file.setframerate(_RATE)
        file.writeframes(samples)
    return out.getvalue(), "audio/wav"
