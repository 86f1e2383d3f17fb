"""Pictures in batches. Importing this imports neither TensorFlow nor JAX: loading a set does."""

from __future__ import annotations

from utils.data.batch import Batch as Batch


def load(name, split, *, batch_size, shuffle=False, seed=0, size=None, drop_remainder=None, quiet=False):  # type: ignore
    from utils.data import prepared, sets
    from utils.data.pipeline import Batches

    raw = prepared.read(sets.find(name), split)
    if not quiet:
        print(raw.source)
    return Batches(raw, batch_size, shuffle, seed, size, shuffle if drop_remainder is None else drop_remainder)
