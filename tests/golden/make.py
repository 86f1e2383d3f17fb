"""Make the golden values again: `python tests/golden/make.py`, or `… make.py resnet18` for one of them.

Not part of the tests: it needs PyTorch, which the course does not. In an environment of its own:

    python3 -m venv torchenv
    torchenv/bin/pip install torch==2.13.0 numpy huggingface_hub safetensors pyyaml pillow
    torchenv/bin/pip install --no-deps timm==1.0.31 torchvision==0.28.0
    torchenv/bin/python tests/golden/make.py

Each `torch_NAME.py` beside this file computes the values that are written to `NAME.json`.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))
from utils.races import reference  # noqa: E402


def main(names: list[str]) -> None:
    """Write the golden values of these models, or of all."""
    reference.timm()
    for name in names or ("resnet18", "swin_v2"):
        text = json.dumps(importlib.import_module(f"torch_{name}").values(), indent=1)
        # innermost lists and pairs on one line
        text = re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
        (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}.json written")


if __name__ == "__main__":
    main(sys.argv[1:])
