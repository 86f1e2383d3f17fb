"""A small checkpoint as `torch.save` writes it, and what is in it."""

from __future__ import annotations

import argparse
import base64
import io
from collections import OrderedDict
from typing import Any

import torch

ROWS = torch.arange(6.0).reshape(2, 3)


def values() -> dict[str, Any]:
    """Base64 of the files, and each tensor's dtype and numbers."""
    state = OrderedDict(
        dense=ROWS,
        transposed=ROWS.t(),  # the same numbers, other strides
        row=ROWS[1],  # the same numbers, from the fourth on
        half=torch.ones(2, dtype=torch.float16),
        brain=torch.full((2,), 1.5, dtype=torch.bfloat16),
        count=torch.tensor(3),
        flags=torch.tensor([True, False]),
        none=torch.zeros(0, 4),
        parameter=torch.nn.Parameter(torch.tensor([0.5, -0.5])),
    )
    checkpoint = {"model": state, "epoch": 3, "config": argparse.Namespace(rate=0.1)}
    contents = {"state_dict": state, "checkpoint": checkpoint, "whole_model": torch.nn.Linear(1, 1)}
    return {
        "files": {name: _saved(content) for name, content in contents.items()},
        "tensors": {
            name: {"dtype": str(tensor.dtype).removeprefix("torch."), "numbers": tensor.detach().tolist()}
            for name, tensor in state.items()
        },
    }


def _saved(content: Any) -> str:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    assert b"site-packages" not in buffer.getvalue()  # nothing of the machine that writes it
    return base64.b64encode(buffer.getvalue()).decode()
