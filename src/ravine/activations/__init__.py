"""The shelf of activation functions, one a file; a new file that declares an `Activation` is found by itself."""
