"""Cameras, point clouds and the alignment of relative inverse depth to metres."""
