"""Read a state dict from a file, without PyTorch: safetensors, or what `torch.save` wrote.

What `torch.save` writes is a pickle, and to unpickle a stranger's file is to run a stranger's code. So no name in it is
looked up: tensors are put together from their raw numbers, and whatever else it holds (settings, an optimiser) becomes
a `Left`, which can do nothing. Both of PyTorch's formats are read: the zip archive (since 1.6) and the older one.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from utils import weights
from utils.base import trees
from utils.base.errors import CourseError
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
OLD_MAGIC = 0x1950A86A20F9469CFC6C  # the first number of the older format


class Left:
    """Stands for something in the file that is no tensor: it takes whatever it is given and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def __setstate__(self, state: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def append(self, item: Any) -> None: ...
    def extend(self, items: Any) -> None: ...


class Storage(NamedTuple):
    """The numbers behind one or more tensors, in a row."""

    numbers: np.ndarray  # [N]


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The state dict in a file: name → array, in the file's dtypes. A relative path counts from the course's root.

    Of a larger file (a checkpoint with an optimiser beside the model) it is what stands under "model" or "state_dict".
    Raises CourseError for a file that is missing, cut short, of another kind, or holds no state dict.
    """
    file = ROOT / in_full(path)
    if file.suffix == ".safetensors":
        return weights.arrays(file)
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise CourseError(f"There is no file {shown(file)}. Correct the path.") from None
    except OSError as error:
        raise CourseError(f"{shown(file)} cannot be read ({error.strerror}).") from error
    try:
        content = _zipped(raw) if zipfile.is_zipfile(io.BytesIO(raw)) else _old(raw)
    except Exception as error:  # a damaged pickle can fail in any way
        raise CourseError(
            f"{shown(file)} is no file of PyTorch's, or it is damaged or cut short. Copy it again, or save the weights "
            "with safetensors."
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
        holds = trees.few(map(str, found)) or f"a {type(content).__name__}"
        raise CourseError(f"{shown(file)} holds no state dict. What is in it: {holds}.")
    return tensors


def _zipped(raw: bytes) -> Any:
    """The archive holds the pickle `…/data.pkl` and the storages `…/data/0`, `…/data/1`, …"""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        home = name.removesuffix("data.pkl")
        order = archive.read(f"{home}byteorder").decode() if f"{home}byteorder" in archive.namelist() else "little"

        def storage(kind: str, key: str, size: int) -> Storage:
            dtype = np.dtype(DTYPES[kind])
            numbers = np.frombuffer(archive.read(f"{home}data/{key}"), dtype, size)
            return Storage(numbers if order == "little" else numbers.byteswap())

        return Reader(archive.read(name), storage).load()


def _old(raw: bytes) -> Any:
    """Five pickles one after the other (magic number, version, system, content, names of the storages), then these."""
    stream = io.BytesIO(raw)
    if Reader(stream).load() != OLD_MAGIC:
        raise ValueError("the first number is not PyTorch's")
    Reader(stream).load()
    Reader(stream).load()
    storages: dict[str, Storage] = {}

    def storage(kind: str, key: str, size: int) -> Storage:
        # the numbers come later in the file: make room, and fill it below
        return storages.setdefault(key, Storage(np.zeros(size, DTYPES[kind])))

    content = Reader(stream, storage).load()
    for key in Reader(stream).load():
        numbers = storages[key].numbers
        if stream.read(8) != len(numbers).to_bytes(8, "little"):
            raise ValueError("a storage of another size, or the end of a file that was cut short")
        numbers[:] = np.frombuffer(stream.read(numbers.nbytes), numbers.dtype, len(numbers))
    return content


class Reader(pickle.Unpickler):
    """Unpickles tensors as NumPy arrays; looks up nothing by name."""

    def __init__(self, source: bytes | io.BytesIO, storage: Callable[[str, str, int], Storage] | None = None):
        super().__init__(io.BytesIO(source) if isinstance(source, bytes) else source)
        self._storage = storage
        self._seen: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_tensor"):
            return _tensor
        if module == "torch._utils" and name == "_rebuild_parameter":
            return lambda array, *_: array
        if module in ("torch", "torch.storage") and name in DTYPES:
            return name
        return Left

    def persistent_load(self, pid: Any) -> Any:
        if pid[0] == "module":  # a class with its source, in the older format
            return Left
        _, kind, key, _, size, *_ = pid
        if self._storage is None or not isinstance(kind, str):
            raise pickle.UnpicklingError(f"numbers of an unknown kind: {kind}")
        if key not in self._seen:
            self._seen[key] = self._storage(kind, key, size)
        return self._seen[key]


def _tensor(storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> np.ndarray:
    """The array at that place of a storage; `stride` counts numbers, and none may lie beyond the storage's end."""
    numbers = storage.numbers
    if 0 in size:
        return np.zeros(size, numbers.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if offset < 0 or min((*size, *stride), default=0) < 0 or last >= len(numbers):
        raise ValueError("a tensor that reaches beyond its numbers")
    steps = tuple(step * numbers.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(numbers[offset:], size, steps, writeable=False)
