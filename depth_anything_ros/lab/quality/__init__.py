"""Scores of depth maps, and the choice of samples to train on by them."""
