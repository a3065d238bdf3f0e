"""The fused engine: formulas rendered to kernels, compiled by Numba, cached on disk."""
