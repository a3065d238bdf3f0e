"""The fused kernel: forward pass, gradient and update in one compiled call for a chunk of steps.

`run.py` is where it begins. Two halves are compiled apart. The first half knows no rule (`run` and all that it calls
here); it becomes machine code once for each dtype. The second half takes the steps of rows (`update`, `alone`,
`drift`); it is translated once for each dtype, and becomes machine code once for each rule. `parts.py` declares what
the first half calls of the second, `rule.py` what the second calls of the rule. `ravine.engines.fused.frame` explains
the words, such as row, list and block.
"""
