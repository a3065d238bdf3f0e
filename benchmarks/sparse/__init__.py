"""Training on sparse data beside other libraries: `python -m benchmarks.sparse`."""
