"""Faces in frames: found, followed over time as tracks, and cut out upright.

`find` says what a face is and finds faces in one picture; `tracks` says who is who from frame to frame; `cuts` tells
where another picture begins; `flow` follows faces through frames in which nobody looked for them; `crop` cuts them
out; `cue` puts these together.
"""

from modalities.cues.faces.cue import FaceFinder

__all__ = ["FaceFinder"]
