"""Corpora: one file and one reader each."""
