"""Libraries that run a network, one module each, behind one interface."""
