"""What this process may use of the machine."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def cores() -> int:
    """How many processor cores this process may use; at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor's name as the system gives it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        match = re.search(r"model name\s*:\s*(.+)", text)
        return match.group(1).strip() if match else platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def load_average() -> float | None:
    """How many processes wanted a core in the last minute; None where that is not told."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def described() -> str:
    """The machine in a few words, for beside a figure: "2 x86_64 cores, JAX on cpu"."""
    import jax  # late: a second, and who asks for cores has no need of it

    return f"{cores()} {platform.machine()} cores, JAX on {jax.devices()[0].device_kind}"
