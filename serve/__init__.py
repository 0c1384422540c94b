"""The ensemble as a Ray Serve graph behind HTTP."""
