"""What is said: utterances cut at silences, each recognised by one of several networks.

`cue` groups speech into utterances and asks; `recognition` says what a recogniser answers and puts words in their
places; `moonshine`, `whisper` and `parakeet` are recognisers; `tiny` makes small ones of the same classes, untrained.
"""

from modalities.cues.transcript.moonshine import Moonshine
from modalities.cues.transcript.recognition import lay

__all__ = ["Moonshine", "lay"]
