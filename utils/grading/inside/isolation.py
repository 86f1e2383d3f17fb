"""Linux only: give a forked process namespaces and limits of its own, from inside the sandbox."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path
from typing import Any

_MS_NOSUID_NODEV, _MS_REC, _MS_PRIVATE = 0x2 | 0x4, 0x4000, 0x40000
_DEATH_SIGNAL, _SUBREAPER, _NO_NEW_PRIVILEGES = 1, 36, 38
_CAPSET = {"x86_64": 126, "aarch64": 91}
_MAPPED_MB = 3072  # a JAX process maps some 2.3 GB that it never touches


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _set(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        _libc().prctl(option, value, 0, 0, 0)


def end_with_parent() -> None:
    """Be killed when the process that started this one is."""
    _set(_DEATH_SIGNAL, signal.SIGKILL)


def adopt_orphans() -> None:
    """Whatever descends from this process stays its descendant, also when its parent ends."""
    _set(_SUBREAPER, 1)


def own_namespaces(fresh: tuple[str, ...], megabytes: int) -> bool:
    """Move into new namespaces for users, mounts, IPC and (for children) processes, with empty `fresh` folders.

    Args:
      fresh: folders of the sandbox.
      megabytes: how much fits into each.

    Returns:
      False, with nothing changed, where the kernel does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    try:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS | os.CLONE_NEWIPC | os.CLONE_NEWPID)
    except (OSError, AttributeError):  # not Linux, or it is not allowed
        return False
    libc = _libc()
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _checked(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    for folder in fresh:
        options = f"size={megabytes}m,mode=0700".encode()
        _checked(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", _MS_NOSUID_NODEV, options))
    return True


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def drop_powers() -> None:
    """No capabilities, and no way to get any: in the process that runs strangers' code."""
    _set(_NO_NEW_PRIVILEGES, 1)
    number = _CAPSET.get(os.uname().machine)
    if number is not None:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
        _libc().syscall(number, header, (ctypes.c_uint32 * 6)())


def limits(cpu_seconds: int, memory_mb: int, file_mb: int) -> None:
    """Ceilings that the kernel keeps for each process; where memory is short, these processes are the first to go."""
    with contextlib.suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("1000")
    for what, most in (
        ("RLIMIT_AS", (memory_mb + _MAPPED_MB) * 2**20),
        ("RLIMIT_CPU", cpu_seconds),
        ("RLIMIT_FSIZE", file_mb * 2**20),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_NOFILE", 512),
        ("RLIMIT_NPROC", 4096),
    ):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # macOS has no ceiling on address space
            number = getattr(resource, what)
            hard = resource.getrlimit(number)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(number, (most, most))
