"""The workshop: what measures, compresses, trains and simulates, and never runs on a robot."""
