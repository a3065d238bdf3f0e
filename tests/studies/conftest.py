from __future__ import annotations

collect_ignore = ["printed_shards.py", "small_ravine.py"]  # programs that tests start
