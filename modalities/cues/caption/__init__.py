"""Captions: what a segment shows, in words; measured, written by a model here or elsewhere, or looked up."""

from modalities.cues.caption.cue import CaptionCue

__all__ = ["CaptionCue"]
