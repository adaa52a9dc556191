"""Whether a contract says of a network what it is, tried on images with true depth."""
