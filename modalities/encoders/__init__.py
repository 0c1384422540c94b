"""Encoders: something perceived → vectors. One file per encoder; `modalities/catalog.py` lists them."""
