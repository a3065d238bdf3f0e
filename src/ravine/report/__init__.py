"""Reports: made from stored runs, never by training."""
