"""The fused kernel: forward pass, gradient and update in one compiled call for a chunk of steps.

`run.py` is where it begins. Two halves are compiled apart: what knows no rule (`run` and all that it calls here) is
made machine code once for each dtype; what takes the steps of rows (`update`, `alone`, `drift`) is translated once for
each dtype, and made machine code once for each rule. `parts.py` declares what the first half calls of the second,
`rule.py` what the second calls of the rule. The words are those of `ravine.engines.fused.frame`.
"""
