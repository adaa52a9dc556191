"""Models scored on data sets, by several processes too, and compared image by image."""
