"""Fair comparison of optimizers: a plan, a search of equal size for each, fresh seeds, and a verdict or none."""
