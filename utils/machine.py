"""What this process may use of the machine."""

from __future__ import annotations

import os
import platform


def cores() -> int:
    """How many processor cores this process may use; at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def described() -> str:
    """The machine in a few words, for beside a figure: "2 x86_64 cores, JAX on cpu"."""
    import jax

    return f"{cores()} {platform.machine()} cores, JAX on {jax.devices()[0].device_kind}"
