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
    """The processor's name as the system gives it; where it says no more than the brand, with family and model."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    told: dict[str, str] = dict(re.findall(r"^(model name|cpu family|model)\s*:\s*(.+?)\s*$", text, re.MULTILINE))
    name = told.get("model name", platform.machine())
    if re.search(r"\d", name) or "model" not in told:
        return name
    return f"{name} (family {told['cpu family']}, model {told['model']})"  # "AMD EPYC", where a host hides which


def load_average() -> float | None:
    """How many processes wanted a core in the last minute; None where that is not told."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def described() -> str:
    """The machine in a few words, for beside a figure: "2 x86_64 cores, JAX on cpu"."""
    import jax  # late: a second, and who asks for cores has no need of it

    return f"{cores()} {platform.machine()} cores, JAX on {jax.devices()[0].device_kind}"
