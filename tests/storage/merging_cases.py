"""What tests of merging share: a run as another processor would have stored it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save


def elsewhere(folder: Path, processor: str = "Other CPU", change=lambda weights: np.nextafter(weights, 1)) -> None:
    """Change a run into one that a processor with another rounding would have stored."""
    file, record = folder / "weights.safetensors", json.loads((folder / "result.json").read_text())
    packed = save({"weights": change(load(file.read_bytes())["weights"])})
    file.write_bytes(packed)
    record["weights_sha256"] = hashlib.sha256(packed).hexdigest()
    (folder / "result.json").write_text(json.dumps(record))
    on_processor(folder, processor)


def on_processor(folder: Path, processor: str) -> None:
    environment = json.loads((folder / "environment.json").read_text())
    environment["values"]["processor"] = processor
    (folder / "environment.json").write_text(json.dumps(environment))
