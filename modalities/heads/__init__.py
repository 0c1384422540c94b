"""Heads: steps → scores of one or more tasks. One file per head; `modalities/catalog.py` lists them."""
