"""Pictures drawn by a process of their own, while this one imports TensorFlow.

Drawing needs only NumPy, writing needs TensorFlow, whose import takes as long as drawing a set or two: with two
cores the one hides behind the other. `python -m utils.samples.studio LIMIT NAME…` draws the sets' pictures in turn, at
most LIMIT a split where it is not 0, and writes them to its standard output as they are asked for; those that nobody
has asked for yet it keeps, some 200 MB for all the sets.
"""

from __future__ import annotations

import os
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import IO, cast

import numpy as np
import numpy.typing as npt

from utils.base.machine import cores
from utils.base.paths import ROOT

SIZE = struct.Struct("<HH")  # a picture's height and width
Picture = npt.NDArray[np.uint8]  # [H, W, 3]


def worth_it() -> bool:
    """Whether a second process would save time: there is a core for it, and TensorFlow is still to be imported."""
    return cores() > 1 and "tensorflow" not in sys.modules


class Studio:
    """A process that draws the named samples' pictures, at most `limit` a split, in the order of names and splits.

    with Studio(("cats_vs_dogs",)) as studio:
        pictures = studio.pictures("cats_vs_dogs", "train")
    """

    def __init__(self, names: tuple[str, ...], limit: int | None = None) -> None:
        from utils.samples import recipes

        self._to_come = [(name, split) for name in names for split in recipes.RECIPES[name].counts]
        counts = {(name, split): recipes.RECIPES[name].counts[split] for name, split in self._to_come}
        self._counts = {part: min(count, limit or count) for part, count in counts.items()}
        command = [sys.executable, "-m", "utils.samples.studio", str(limit or 0), *names]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)

    def draws(self, name: str) -> bool:
        """Whether the sample is one of those that are still to come."""
        return any(name == coming for coming, _ in self._to_come)

    def pictures(self, name: str, split: str) -> Iterator[Picture]:
        """The pictures of a split, each uint8 [H, W, 3]; what was to come before it is passed over.

        Raises OSError when the process ended before the last one.
        """
        while True:
            part = self._to_come.pop(0)
            pictures = (self._next() for _ in range(self._counts[part]))
            if part == (name, split):
                yield from pictures
                return
            for _ in pictures:
                pass

    def _next(self) -> Picture:
        stream = cast(IO[bytes], self._process.stdout)
        size = stream.read(SIZE.size)
        height, width = SIZE.unpack(size) if len(size) == SIZE.size else (0, 0)
        pixels = stream.read(height * width * 3)
        if not pixels or len(pixels) < height * width * 3:
            raise OSError(0, "the process that draws the pictures was stopped")
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)

    def __enter__(self) -> Studio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        cast(IO[bytes], self._process.stdout).close()


def main(names: list[str], limit: int | None) -> None:
    """Draw the pictures of the named samples; write each one's height and width, then its pixels."""
    from utils.samples import recipes

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells whoever asked for the pictures too: they end this
    drawn: queue.SimpleQueue[Picture | None] = queue.SimpleQueue()
    # a pipe holds less than one picture, and whoever reads it is still busy: a thread waits, the drawing goes on
    writing = threading.Thread(target=_write, args=(drawn,), daemon=True)
    writing.start()
    for name in names:
        for split in recipes.RECIPES[name].counts:
            for picture in recipes.pictures(name, split, limit):
                drawn.put(picture)
    drawn.put(None)
    writing.join()


def _write(drawn: queue.SimpleQueue[Picture | None]) -> None:
    try:
        while (picture := drawn.get()) is not None:
            sys.stdout.buffer.write(SIZE.pack(*picture.shape[:2]) + picture.tobytes())
            sys.stdout.buffer.flush()
    except OSError:  # whoever asked for them is gone
        os._exit(1)


if __name__ == "__main__":
    main(sys.argv[2:], int(sys.argv[1]) or None)
