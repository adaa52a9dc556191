"""Models written as folders that run without torch, and checked against it."""
