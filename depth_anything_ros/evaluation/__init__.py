"""Scores, latency and reports of a run: how good and how fast the depth is."""
