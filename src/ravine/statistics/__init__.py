"""Statistics of comparisons, from numbers alone: no run and no study is known here."""
