"""A furnished room, rendered by ray casting with exact depth."""
