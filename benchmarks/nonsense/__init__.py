"""Random command lines and random calls, and the judgment of what they lead to."""
