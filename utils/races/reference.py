"""timm, the library that holds the reference models, where it is installed."""

from __future__ import annotations

import sys
from typing import Any


def timm() -> Any:
    """The `timm` module. Raises ImportError where it, or PyTorch, is not installed.

    timm imports torchvision, and PyPI's torchvision is built for PyPI's torch: beside another build of torch (one for
    the CPU, say) its compiled operators are missing, and its import stops where it describes two of them. No model of
    the course uses them: declarations are enough.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    import timm

    return timm
