"""Fusion, mapping, timeline, the plan and the Recognizer that runs it; bundles and what is written out."""
