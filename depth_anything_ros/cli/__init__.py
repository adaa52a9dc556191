"""The command-line program: one file a verb."""
