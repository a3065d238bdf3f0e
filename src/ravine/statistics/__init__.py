"""What SciPy does not bring along: comparisons of two samples, corrections for many, and how many runs decide."""
