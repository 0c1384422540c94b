"""Toys that count how often they are asked."""

from collections import Counter

from tests import toys

ASKED = Counter()


class Pitch(toys.Pitch):
    """Understands words, and counts the stretches."""

    def perceive(self, percepts, segments, memory):
        ASKED["words"] += 1
        return super().perceive(percepts, segments, memory)


class One(toys.Marks):
    """Sees the first person alone."""

    def perceive(self, percepts, segments, memory):
        faces, memory = super().perceive(percepts, segments, memory)
        return faces.take(faces.tracks == 0), memory


class Shapes(toys.Shapes):
    """Looks at faces, and counts the calls."""

    def encode(self, inputs):
        ASKED["faces"] += 1
        return super().encode(inputs)


def settings(**changes):
    """The toy ensemble with parts that count; `changes`: modality → what takes its place, None for nothing."""
    table = toys.settings().model_dump(mode="json")
    table["cues"]["words"]["kind"] = "tests.tuning.counted:Pitch"
    modalities = table["modalities"]
    modalities["face"]["settings"]["encoder"]["kind"] = "tests.tuning.counted:Shapes"
    for name, change in changes.items():
        modalities[name] = change
    return toys.EnsembleSettings.model_validate(
        {**table, "modalities": {name: given for name, given in modalities.items() if given is not None}}
    )
