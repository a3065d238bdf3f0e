"""The fused engine: rules rendered to kernels, compiled by Numba, cached on disk."""
