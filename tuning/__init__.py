"""Corpora, encodings, the one training loop and its launchers, evaluation, recipes."""
