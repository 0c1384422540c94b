"""The deployment graph: which parts of a plan live where, and how a clip goes through them."""
