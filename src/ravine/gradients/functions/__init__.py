"""Is the gradient of a user's own function right?"""
