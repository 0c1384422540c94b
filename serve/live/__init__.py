"""Cameras and microphones: what arrives is cut into stretches while it comes, and takes the road of every clip."""
