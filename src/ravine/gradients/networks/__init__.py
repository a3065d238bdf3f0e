"""Is the gradient of a network right, weight by weight, and what can each numerical method see of it?"""
