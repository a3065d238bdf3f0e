"""The shelf of surfaces of two weights, one a file; a new file that declares a `Surface` is found by itself."""
