"""Perception: runs a plan's cues and encoders over footage, stretch by stretch; no label has a part in it."""

from ensemble.perception.cursor import Cursor
from ensemble.perception.impression import Impression, Key, Told
from ensemble.perception.observer import Observer
from ensemble.perception.perception import Perception
from ensemble.perception.steps import StepStore

__all__ = ["Cursor", "Impression", "Key", "Observer", "Perception", "StepStore", "Told"]
