"""Measure again how far each mistake moves Swin v2's logits: `python tests/golden/mistakes.py`.

Writes `ressources/mistakes_swin_v2.json`, which lesson 05 draws and tests/models/test_swin_v2.py compares. Needs no
PyTorch.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import jax

for place in ("", "models"):
    sys.path.insert(0, str(Path(__file__).parents[1] / place))
import test_swin_v2 as tests  # noqa: E402

from utils.base import files  # noqa: E402


def main() -> None:
    with jax.enable_x64(True), tempfile.TemporaryDirectory() as folder:
        distances = {mistake: tests.distance(mistake, Path(folder)) for mistake in tests.MUTANTS}
    largest = max(abs(number) for row in tests.CASES["micro"]["logits"] for number in row)
    told = {
        "what": "largest difference of a logit from timm's, weights and pictures made by rule, float64",
        "largest_logit": round(largest, 4),
        "distances": {mistake: float(f"{apart:.3g}") for mistake, apart in distances.items()},
    }
    files.write(tests.MEASURED, json.dumps(told, indent=1) + "\n")
    print(f"{tests.MEASURED.name} written")


if __name__ == "__main__":
    main()
