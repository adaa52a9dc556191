"""Training of the networks: data, losses, schedule and the loop."""
