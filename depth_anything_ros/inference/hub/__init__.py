"""Depth models of the transformers library, as that library runs them."""
