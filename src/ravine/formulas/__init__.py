"""The machine room of the shelves.

What a formula is, reading and checking its text, its identity, composition, and finding one by its name.
"""
