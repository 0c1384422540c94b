"""Sweeps on Ray Tune: who proposes points, how a trial is run, what is kept of it."""
