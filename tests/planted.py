"""Parts with a bug planted in each, as somebody might really write it: what the contracts must catch.

Each is a subclass or a part of its own; nothing is patched. `tests/ensemble/test_planted_bugs.py` sees to it that the
matching check fails.
"""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch

from ensemble.fusion import Evidence, FeatureFusion, GatedFusion, MeanFusion, MultiHeadProbabilityFusion
from ensemble.mapping import Mapping, PairSum
from ensemble.timeline import Rows, Verdict
from modalities.face import Face
from modalities.heads.attention import AttentionHead
from modalities.heads.head import Answer
from modalities.heads.mean import MeanHead
from modalities.labels import EXPRESSION
from modalities.types import SAMPLED_FPS, SECOND, Encoding, Speech
from tests.toys import Tones


class SwappedLabels(PairSum):
    """Knows where each expression stands: in another data set's order."""

    ORDER = ("Neutral", "Happiness", "Sadness", "Surprise", "Fear", "Disgust", "Anger", "Other")

    def map(self, opinions, fused):
        scores, said = fused["expression"]
        columns = [[self.ORDER.index(part) for part in parts] for parts in self.pairs.values()]
        return scores[:, columns].sum(axis=2), said[:, columns].all(axis=2)


class SilentPartsCount(PairSum):
    """Adds what there is: a part that nobody says is a zero."""

    def map(self, opinions, fused):
        scores, said = fused["expression"]
        columns = np.array([EXPRESSION.labels.positions(parts) for parts in self.pairs.values()])
        return scores[:, columns].sum(axis=2), said[:, columns].any(axis=2)


class UnspokenCompoundIsZero(Mapping):
    """Mixes with one λ for the whole row."""

    name = "unspoken"

    def map(self, opinions, fused):
        scores, said = fused["compound"]
        mapped, known = PairSum(self.config).map(opinions, fused)
        mixed = 0.5 * mapped / mapped.sum(axis=1, keepdims=True) + 0.5 * scores
        return mixed, known | said


class AbsentCounts(MultiHeadProbabilityFusion):
    """Takes every member's scores, whether it is present or not."""

    def weighed(self, task, evidence):
        said = {name: torch.ones_like(mask) for name, mask in evidence.said.items()}
        return super().weighed(task, replace(evidence, said=said))


class AbsentIsZero(MultiHeadProbabilityFusion):
    """Leaves absent members out of the sum, but not out of what it is divided by."""

    def weighed(self, task, evidence):
        present = evidence.said[task].any(-1, keepdim=True)
        scores, said = evidence.scores[task] * present, torch.ones_like(evidence.said[task])
        return super().weighed(task, Evidence({task: scores}, {task: said}))


class UnspokenIsZero(MeanFusion):
    """Weighs members per row: a class that a present member does not know is a zero of that member."""

    name = "unspoken_is_zero"

    def weighed(self, task, evidence):
        scores, said = evidence.scores[task], evidence.said[task]
        fused = (scores * said).sum(0) / said.any(-1, keepdim=True).sum(0).clamp_min(1)
        if self.config.tasks[task].kind == "distribution":
            return fused / fused.sum(-1, keepdim=True).clamp_min(1e-9)
        return fused


class SilentRowSpoils(MultiHeadProbabilityFusion):
    """Divides first and asks later: where nobody says anything, 0 / 0 reaches the gradient."""

    def weighed(self, task, evidence):
        said = evidence.said[task]
        weights = self.weights(task)[:, None] * said
        fused = (weights * evidence.scores[task]).sum(0) / weights.sum(0)
        return torch.where(said.any(0), fused, torch.zeros_like(fused))


class LooksAtAbsentFeatures(FeatureFusion):
    """Takes a member for present wherever it has features, and what was left in the array for them."""

    def forward(self, evidence, tasks):
        there = {task: torch.ones_like(said) for task, said in evidence.said.items()}
        vector = self.summarise(replace(evidence, said=there))
        return {task: self.judges[task](vector).softmax(-1) * evidence.said[task].any(0) for task in tasks}


class BelievesAbsentDoubts(GatedFusion):
    """Sharpens everybody by the least doubt that stands anywhere in a segment, where nobody is present too."""

    def weights_at(self, task, evidence):
        sure = -evidence.uncertainty[task].clamp_min(0.1).log().amax((0, 2))
        return (self.bias[task][:, None] * (1 + sure[:, None])).softmax(0)


class LooksAround(MeanFusion):
    """Takes from every segment what all segments have in common: a clip's other segments change a result."""

    def weighed(self, task, evidence):
        fused = super().weighed(task, evidence)
        fused = fused - 0.5 * fused.mean(0, keepdim=True) if len(fused) else fused
        return fused * evidence.said[task].any(0)


class LastSegmentWins(Verdict):
    """A frame takes the newest segment that covers it."""

    def rows(self, times, tracks):
        rows = super().rows(times, tracks)
        scores = {task: values.copy() for task, values in rows.scores.items()}
        for number, segment in enumerate(self.segments):
            track = -1 if segment.track is None else segment.track
            inside = (times >= segment.start) & (times < segment.end) & (tracks == track)
            for task, values in scores.items():
                values[inside] = np.where(self.said[task][number], self.scores[task][number], np.nan)
        return replace(rows, scores=scores)


class RowsByNumber(Verdict):
    """Believes that frame n is shown at n / fps."""

    def rows(self, times, tracks):
        even = (np.arange(len(times)) * (times[-1] / max(1, len(times) - 1))).astype(np.int64)
        rows = super().rows(even, tracks)
        return Rows(times, tracks, rows.scores, rows.contributions)


class StepsByNumber(Face):
    """Believes that sampled frame n is shown at n / 5 s."""

    def encode(self, percepts, segments):
        encoding = super().encode(percepts, segments)
        starts = np.array([segment.start for segment in encoding.segments], np.int64)
        numbers = np.arange(encoding.mask.shape[1]) * SECOND // SAMPLED_FPS
        return Encoding(encoding.segments, encoding.steps, encoding.mask, starts[:, None] + numbers[None])


class CountsPadding(MeanHead):
    """Averages over all steps, those that are not there too."""

    def forward(self, steps, mask, times):
        return super().forward(
            torch.where(mask[..., None], steps, torch.zeros_like(steps)), torch.ones_like(mask), times
        )


class BelievesInPrefixes(AttentionHead):
    """Takes the number of steps for their places: right for padding at the end, wrong for a hole in the middle."""

    def forward(self, steps, mask, times):
        places = torch.arange(mask.shape[1])[None] < mask.sum(1, keepdim=True)
        return super().forward(steps, places, times)


class MultipliesByMask(AttentionHead):
    """Multiplies by the mask: zero times NaN is NaN."""

    def enter(self, steps_BTE, mask_BT):
        return ((steps_BTE - self.centre) / self.scale) * mask_BT[..., None]


class PoolsToNothing(AttentionHead):
    """Pools with −∞ where no step is: a row without any becomes NaN."""

    def forward(self, steps, mask, times):
        hidden = self.project(self.enter(steps, mask))
        weights = self.pool.attention(hidden).squeeze(-1).masked_fill(~mask, -torch.inf).softmax(-1)
        features = self.trunk(torch.einsum("bt,btd->bd", weights, hidden))
        return Answer(features, {task: layer(features) for task, layer in self.tasks.items()})


class Forgetful(Tones):
    """Begins anew with every stretch: what is open at its end is forgotten."""

    def perceive(self, percepts, segments, memory):
        return super().perceive(percepts, segments, None)


class Hoarder(Tones):
    """Keeps its memory to itself: another process cannot go on, and two clips get mixed up."""

    kept = None

    def perceive(self, percepts, segments, memory):
        speech, self.kept = super().perceive(percepts, segments, self.kept)
        return speech, None


class Hasty(Tones):
    """Says that everything is complete, though a span is still open."""

    def perceive(self, percepts, segments, memory):
        speech, memory = super().perceive(percepts, segments, memory)
        return replace(speech, until=percepts["waveform"].until), memory


class Echo(Tones):
    """Hears where somebody speaks from another cue that does: two of these need each other."""

    class Config(Tones.Config):
        """The other one."""

        speech: str

    wants: ClassVar = {"speech": Speech}

    @property
    def needs(self):
        return {"speech": self.config.speech}
