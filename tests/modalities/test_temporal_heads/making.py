"""Maker of one head with the settings that a test is about."""

from modalities.catalog import HEADS, find
from modalities.labels import tasks


def head_of(kind, width, *, speaks=("expression",), **settings):
    """Make a head of this kind, in float64 and in inference."""
    part, known = find(kind, HEADS), tasks()
    labels = {name: known[name].labels.names for name in speaks}
    kinds = {name: known[name].kind for name in speaks}
    config = {"width": width, "speaks": labels, "kinds": kinds, **settings}
    return part(part.Config.model_validate(config)).double().eval()
