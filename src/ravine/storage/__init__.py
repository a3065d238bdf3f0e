"""What is kept on disk: the store of runs, their records, and checkpoints."""
