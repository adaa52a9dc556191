"""Decoders: tokens of several layers to one value a pixel."""
