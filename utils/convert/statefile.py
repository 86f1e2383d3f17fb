"""Read a state dict from a file, without PyTorch: safetensors, or what `torch.save` writes.

What `torch.save` writes is a pickle in a zip archive, and to unpickle a stranger's file is to run a stranger's code. So
no name in it is looked up: tensors are put together from their raw numbers, and whatever else it holds (settings, an
optimiser) becomes a `Left`, which can do nothing.
"""

from __future__ import annotations

import functools
import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from utils import weights
from utils.base.errors import CourseError, few
from utils.base.paths import ROOT, in_full, shown

DTYPES: dict[str, Any] = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": jnp.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
INSIDE = ("model", "state_dict", "model_state_dict")  # where training scripts put the state dict in a larger file


def read(path: str | Path) -> dict[str, np.ndarray]:
    """Read the state dict in a file.

    Of a larger file (a checkpoint with an optimiser beside the model) it is what stands under "model" or "state_dict".

    Args:
        path: of a .safetensors file or one of PyTorch's; a relative one counts from the course's root.

    Returns:
        The tensors' names → arrays, in the file's dtypes.

    Raises:
        CourseError: the file is missing, cut short, of another kind, or holds no state dict.
    """
    file = ROOT / in_full(path)
    if file.suffix == ".safetensors":
        return weights.arrays(file)
    raw = weights.content(file)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            content = Reader(archive).load()
    except Exception as error:  # a damaged pickle can fail in any way
        raise CourseError(
            f"{shown(file)} is no file of PyTorch's (1.6 or later), or it is damaged or cut short. Copy it again, or "
            "save the weights with safetensors."
        ) from error
    return _state_dict(content, file)


def _state_dict(content: Any, file: Path) -> dict[str, np.ndarray]:
    if isinstance(content, Left):
        raise CourseError(
            f"{shown(file)} holds a whole model, which only its own code can read. "
            "Save its numbers with PyTorch: `torch.save(model.state_dict(), …)`."
        )
    found = content if isinstance(content, Mapping) else {}
    for key in INSIDE:
        if isinstance(found.get(key), Mapping):
            found = found[key]
    tensors = {str(name): value for name, value in found.items() if isinstance(value, np.ndarray)}
    if not tensors:
        holds = few(map(str, found)) or f"a {type(content).__name__}"
        raise CourseError(f"{shown(file)} holds no state dict. What is in it: {holds}.")
    return tensors


class Left:
    """Stands for something in the file that is no tensor: it takes whatever it is given and does nothing."""

    def _nothing(self, *args: Any, **kwargs: Any) -> None: ...

    __init__ = __setstate__ = __setitem__ = append = extend = _nothing


class Reader(pickle.Unpickler):
    """Unpickles an archive's `…/data.pkl`, its tensors as NumPy arrays; looks up nothing by name."""

    def __init__(self, archive: zipfile.ZipFile):
        (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        super().__init__(archive.open(name))
        self._archive, self._home = archive, name.removesuffix("data.pkl")
        order = f"{self._home}byteorder"
        self._big_endian = order in archive.namelist() and archive.read(order) == b"big"
        self._numbers = functools.cache(self._read_numbers)  # tensors may share theirs

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name: what makes an array, a dtype's name, or `Left`."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_tensor"):
            return _tensor
        if module == "torch._utils" and name == "_rebuild_parameter":
            return lambda array, *_: array
        if module in ("torch", "torch.storage") and name in DTYPES:
            return name
        return Left

    def persistent_load(self, pid: Any) -> np.ndarray:
        """The numbers behind one or more tensors, [N]: they stand outside the pickle, in `…/data/KEY`."""
        _, kind, key, _, size, *_ = pid
        return self._numbers(kind, key, size)

    def _read_numbers(self, kind: str, key: str, size: int) -> np.ndarray:
        numbers = np.frombuffer(self._archive.read(f"{self._home}data/{key}"), DTYPES[kind], size)
        return numbers.byteswap() if self._big_endian else numbers


def _tensor(numbers: np.ndarray, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> np.ndarray:
    """The array at that place of the numbers; `stride` counts numbers, and none may lie beyond the last."""
    if 0 in size:
        return np.zeros(size, numbers.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if offset < 0 or min((*size, *stride), default=0) < 0 or last >= len(numbers):
        raise ValueError("a tensor that reaches beyond its numbers")
    steps = tuple(step * numbers.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(numbers[offset:], size, steps, writeable=False)
