"""The reference study: the paper that ravine reproduces, its published numbers, and its claims."""
