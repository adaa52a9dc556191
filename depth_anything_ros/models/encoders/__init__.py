"""Encoders: image to tokens of several layers."""
