"""Captions written from what is measured: face, head, light and voice, in plain words that name no emotion."""

from modalities.cues.caption.measured.cue import MeasuredCaption

__all__ = ["MeasuredCaption"]
