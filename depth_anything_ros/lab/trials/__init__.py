"""Trials on simulated drives: scale sources, models, refinements."""
