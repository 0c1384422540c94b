"""The commands that train, search, measure and read corpora; `twofold.py` puts them together."""
