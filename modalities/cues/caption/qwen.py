"""Qwen2.5-VL as the author of captions: it is shown a segment's frames, and asked what they tell of a feeling.

The prompts are those of RAS (`prompts/README.md`). Bai et al., "Qwen2.5-VL Technical Report", 2025 (arXiv 2502.13923).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field, field_validator

from modalities.config import Integers
from modalities.cues.caption.cue import CaptionCue
from modalities.cues.caption.prompts import own_prompt, read_prompt
from modalities.cues.caption.show import Show, choose
from modalities.pretrained import Pretrained, Unloaded, load_with_processor
from modalities.types import Frames, Percept, Segment

_FEWEST_PIXELS = 56 * 56
_UNDRAWN = {"temperature": None, "top_p": None, "top_k": None}
"""What published settings say of drawing at random, which is not done here, so that a caption is always the same."""


class QwenCaption(Unloaded, CaptionCue):
    """Captions by Qwen2.5-VL, the most probable token each time (Bai et al., 2025; RAS §3.2)."""

    name: ClassVar[str] = "qwen"
    wants: ClassVar[Mapping[str, type[Percept]]] = {"frames": Frames}

    class Config(CaptionCue.Config, Pretrained):
        """Which Qwen2.5-VL, what it is asked, and how much of a segment it sees.

        `prompt`: 1 (describe), 2 (name a label) or a text file; `frames` are spread evenly over a segment, and made
        smaller where they have more `pixels`; a caption has at most so many `tokens`; `batch` segments are told of
        together.
        """

        name: str = "Qwen/Qwen2.5-VL-3B-Instruct"
        prompt: str = "1"
        frames: Annotated[int, Integers(1, 20)] = Field(8, ge=1, le=20)
        pixels: int = Field(360 * 420, ge=_FEWEST_PIXELS)
        tokens: int = Field(100, ge=1)
        batch: int = Field(1, ge=1)

        @field_validator("prompt")
        @classmethod
        def _check(cls, name: str) -> str:
            read_prompt(name)
            return name

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """Frames alone."""
        return {"frames": "frames"}

    @property
    def reads(self) -> tuple[Path, ...]:
        """The prompt, where it is the user's own, and the model's folder."""
        return (*super().reads, *own_prompt(self.config.prompt))

    def describe(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> list[str]:
        """One paragraph for each segment, empty for one without frames."""
        frames, size = cast(Frames, percepts["frames"]), self.config.batch
        shows = {row: show for row, s in enumerate(segments) if (show := choose(frames, s, self.config.frames))}
        texts, rows = [""] * len(segments), list(shows)
        for batch in (rows[first : first + size] for first in range(0, len(rows), size)):
            for row, text in zip(batch, self._tell([shows[row] for row in batch]), strict=True):
                texts[row] = " ".join(text.split())
        return texts

    def _tell(self, shows: Sequence[Show]) -> list[str]:
        import torch

        network, processor = self._network
        asked = self._ask(shows).to(network.device)
        with torch.inference_mode():
            told = network.generate(**asked, max_new_tokens=self.config.tokens, do_sample=False, **_UNDRAWN)
        answers: list[str] = processor.batch_decode(told[:, asked["input_ids"].shape[1] :], skip_special_tokens=True)
        return answers

    def _ask(self, shows: Sequence[Show]) -> Any:
        """Write the question once per show; each ends where the answer begins, so shorter ones begin later."""
        processor = self._network[1]
        question = [{"type": "video"}, {"type": "text", "text": read_prompt(self.config.prompt)}]
        turn = [{"role": "user", "content": question}]
        text = processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        about = [
            {"total_num_frames": len(show.images), "fps": show.rate, "frames_indices": list(range(len(show.images)))}
            for show in shows
        ]
        return processor(
            text=[text] * len(shows),
            videos=[show.images for show in shows],
            video_metadata=about,
            do_sample_frames=False,
            size={"shortest_edge": _FEWEST_PIXELS, "longest_edge": self.config.pixels},
            padding=True,
            padding_side="left",
            return_tensors="pt",
        )

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        # Imported here because it takes seconds, and a plan or a help page needs none of it.
        from transformers import Qwen2_5_VLForConditionalGeneration

        if self.config.preset:
            from modalities.cues.caption import tiny

            network, processor = tiny.qwen()
        else:
            known = (Qwen2_5_VLForConditionalGeneration,)
            network, processor = load_with_processor(self.config.folder(), known, _precision())
        # So do its authors, who bound all frames together as well; said because the library's own default changes.
        processor.video_processor.cap_pixels_per_frame = True
        return network, processor


def _precision() -> Any:
    """That of a graphics card is the one it was published in; in float32 the largest would need 134 GB on the way."""
    import torch

    from modalities.device import device

    return torch.bfloat16 if device().type == "cuda" else torch.float32
