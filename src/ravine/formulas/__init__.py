"""The machine room of the shelves: what a formula is, and how ravine reads, checks, composes and finds one."""
