"""The shelf of losses, one a file."""
