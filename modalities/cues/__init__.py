"""Cues: what is perceived in footage. One file per cue; `modalities/catalog.py` lists them."""
