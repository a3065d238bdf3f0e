from __future__ import annotations

collect_ignore = ["small_ravine.py"]  # a program that tests start
