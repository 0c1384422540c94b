"""Fusion weights that are searched, not learnt: thousands of matrices judged per second."""
