"""Fusions on what real systems, and people, say about real clips: is any of them better than the plain mean?"""
