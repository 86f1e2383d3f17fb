"""A limit on the CPU seconds and the memory that Python code may use in this process."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil

WALL = 10  # how many times its CPU seconds an answer may take by the clock: the last resort
LOOK = 0.25  # seconds between two looks at the clocks
MEMORY = 4 * 2**30  # bytes that an answer may take besides what the process has


class TookTooMuch(BaseException):
    """The code was stopped. Not an Exception: an answer's own `except Exception` must not swallow it."""


def taken(processes: Iterable[Any]) -> tuple[float, int]:
    """CPU seconds that processes (psutil's) have used, and bytes that they hold, in files without a name too."""
    computed, held, nameless = 0.0, 0, {}
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):  # it is gone, or this is not Linux
            computed += sum(process.cpu_times()[:4])  # with those of the children that it has seen end
            held += process.memory_info().rss
            for file in map(os.stat, Path(f"/proc/{process.pid}/fd").iterdir()):
                if stat.S_ISREG(file.st_mode) and not file.st_nlink:  # it lies in memory and is mapped nowhere, perhaps
                    nameless[file.st_dev, file.st_ino] = file.st_blocks * 512
    return computed, held + sum(nameless.values())


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop Python code that has used that many CPU seconds, all threads of the process counted, or MEMORY.

    So a busy machine stops nobody. Code that only waits is stopped after WALL times as long by the clock. A single call
    into compiled code is not stopped before it returns. Raises TookTooMuch; the message says of what.
    """
    computed, waited = time.process_time() + seconds, time.monotonic() + WALL * seconds
    memory = psutil.Process().memory_info
    most = memory().rss + MEMORY
    main, done = threading.main_thread(), threading.Event()

    def over() -> str:
        if memory().rss > most:
            return f"more than {MEMORY / 2**30:g} GB of memory"
        return f"{seconds:g} seconds of computing" * (time.process_time() > computed or time.monotonic() > waited)

    def interrupted(*signalled: Any) -> None:
        of = over()
        if of and not done.is_set():
            raise TookTooMuch(of)
        if not of and callable(before):  # it was Ctrl-C
            before(*signalled)

    def look() -> None:
        while not done.wait(LOOK):
            if over():  # and again at the next look: a bare `except:` in a loop would swallow the first
                if hasattr(signal, "pthread_kill"):
                    signal.pthread_kill(main.ident or 0, signal.SIGINT)
                else:  # Windows, where it wakes nobody who waits
                    _thread.interrupt_main()

    if threading.current_thread() is not main:
        yield
        return
    before, looking = signal.signal(signal.SIGINT, interrupted), threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        try:
            yield
        finally:
            done.set()
    finally:  # also when the line before was interrupted
        done.set()
        looking.join()
        signal.signal(signal.SIGINT, before)
