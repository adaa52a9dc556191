"""Depth of pictures, videos and cameras that people have: what the verb `predict` does."""
