"""Is the gradient of anybody's own function right?"""
