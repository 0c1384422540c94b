"""Speech for tests of what listens: the demo corpus's voice at 16 kHz, and clips of it cut into stretches."""

import numpy as np

from modalities.types import FOREVER, SAMPLE_RATE, SECOND, Segment, Waveform
from tuning.corpora.demo import voice

PAUSE = 0.9


def say(*sentences, speaker="en-us+f1", pause=PAUSE):
    """Say sentences with a pause before, between and after them; and return when each begins and ends, in seconds."""
    quiet = np.zeros(round(pause * SAMPLE_RATE), np.float32)
    pieces, spans = [quiet], []
    for sentence in sentences:
        raw = voice.speak([sentence], speaker, voice.PROSODY["Neutral"])
        sound = np.interp(np.arange(0, len(raw), voice.RATE / SAMPLE_RATE), np.arange(len(raw)), raw).astype(np.float32)
        start = sum(map(len, pieces)) / SAMPLE_RATE
        spans.append((start, start + len(sound) / SAMPLE_RATE))
        pieces += [sound, quiet]
    return np.concatenate(pieces), spans


def stretches(samples, length, start=0):
    """Cut a clip's sound into stretches of this many seconds; the last ends the clip."""
    size = round(length * SAMPLE_RATE)
    for first in range(0, len(samples), size):
        begin, end = (start + place * SECOND // SAMPLE_RATE for place in (first, first + size))
        yield Waveform(samples[first : first + size], begin, FOREVER if first + size >= len(samples) else end)


def listen(cues, samples, length, start=0):
    """Let cues, by instance name and each after those it needs, hear a clip; return what each found per stretch."""
    found, memories = {name: [] for name in cues}, dict.fromkeys(cues)
    for waveform in stretches(samples, length, start):
        percepts = {"waveform": waveform}
        stretch = [Segment(waveform.start, waveform.start + 1)]
        for name, cue in cues.items():
            roles = {role: percepts[need] for role, need in cue.needs.items()}
            percepts[name], memories[name] = cue.perceive(roles, stretch, memories[name])
            found[name].append(percepts[name])
    return found


def joined(percepts):
    """Put the percepts of a clip together."""
    whole = percepts[0]
    for percept in percepts[1:]:
        whole = whole.join(percept)
    return whole
