"""Speak with espeak-ng: a small program of its own, because the engine's sound depends on all it has said before.

    python espeak.py VOICE RATE VOLUME PITCH RANGE < text > samples       (16 bit, 22 050 per second)

Started afresh for every clip, the same text gives the same samples; and the GPL-3 engine stays out of our process.
"""

from __future__ import annotations

import ctypes
import sys

import espeakng_loader

SAMPLES_PER_SECOND = 22_050
_SETTINGS = (1, 2, 3, 4)  # espeak_PARAMETER: rate, volume, pitch, range
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT
_UTF8 = 1  # espeakCHARS_UTF8
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def speak(text: str, voice: str, settings: tuple[int, ...]) -> bytes:
    """Return the samples; an unknown voice is a ValueError."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    pieces: list[bytes] = []

    def collect(samples: ctypes.Array[ctypes.c_short], count: int, _: object) -> int:
        if count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _CALLBACK(collect)  # must stay referenced while the engine works
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate != SAMPLES_PER_SECOND:
        raise RuntimeError(f"espeak-ng should start at {SAMPLES_PER_SECOND} samples per second, but answered {rate}")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # otherwise by the clock: another sound every second
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()):
        raise ValueError(f"espeak-ng has no voice {voice!r}")
    for parameter, value in zip(_SETTINGS, settings, strict=True):
        library.espeak_SetParameter(parameter, value, 0)
    encoded = text.encode() + b"\0"
    library.espeak_Synth(encoded, len(encoded), 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    return b"".join(pieces)


if __name__ == "__main__":
    sys.stdout.buffer.write(speak(sys.stdin.read(), sys.argv[1], tuple(map(int, sys.argv[2:]))))
