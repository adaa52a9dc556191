"""One scale for a camera from a few distances that were read off a tape measure."""
