"""Heads of label matching: a frozen CLIP asked as it is, and one that is trained whole."""

from modalities.heads.matching.clip import ClipHead
from modalities.heads.matching.match import MatchHead
from modalities.heads.matching.matching import MatchingHead
from modalities.heads.matching.prompts import prompts_for

__all__ = ["ClipHead", "MatchHead", "MatchingHead", "prompts_for"]
