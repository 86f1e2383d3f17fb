"""Linux only: give a forked process namespaces and limits of its own, from inside the sandbox."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import struct
from pathlib import Path
from typing import Any

_NEWNS, _NEWIPC, _NEWUSER, _NEWPID = 0x20000, 0x08000000, 0x10000000, 0x20000000
_MS_NOSUID_NODEV, _MS_REC, _MS_PRIVATE = 0x2 | 0x4, 0x4000, 0x40000
_DEATH_SIGNAL, _SUBREAPER, _NO_NEW_PRIVILEGES = 1, 36, 38
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # of a network interface
_CAPSET = {"x86_64": 126, "aarch64": 91}


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def end_with_parent() -> None:
    """Be killed when the process that started this one is."""
    try:
        _libc().prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):  # not Linux
        return


def loopback_up() -> None:
    """In a new network namespace: 127.0.0.1, which libraries talk to themselves by. Leaves it where it may not."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            named = fcntl.ioctl(any_socket, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
            flags = struct.unpack_from("16sh", named)[1] | _UP
            fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags))
        except OSError:
            return


def adopt_orphans() -> None:
    """Whatever descends from this process stays its descendant, also when its parent ends."""
    try:
        _libc().prctl(_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError):  # not Linux
        return


def own_namespaces(fresh: tuple[str, ...], megabytes: int) -> bool:
    """Move into new namespaces for users, mounts, IPC and (for children) processes, with empty `fresh` folders.

    Returns False, with nothing changed, where the kernel does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    try:
        libc = _libc()
        if libc.unshare(_NEWUSER | _NEWNS | _NEWIPC | _NEWPID) != 0:
            return False
    except (OSError, AttributeError):
        return False
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{file}").write_text(line)
    _checked(libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
    for folder in fresh:
        options = f"size={megabytes}m,mode=0700".encode()
        _checked(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", _MS_NOSUID_NODEV, options))
    return True


def drop_powers() -> None:
    """No capabilities, and no way to get any: in the process that runs strangers' code."""
    libc = _libc()
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    number = _CAPSET.get(os.uname().machine)
    if number is not None:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
        libc.syscall(number, header, (ctypes.c_uint32 * 6)())


def limits(cpu_seconds: int, memory_mb: int, file_mb: int) -> None:
    """Ceilings that the kernel keeps for each process."""
    # a JAX process maps some 2.3 GB that it never touches
    for what, most in (
        (resource.RLIMIT_AS, (memory_mb + 3072) * 2**20),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, file_mb * 2**20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 512),
        (getattr(resource, "RLIMIT_NPROC", None), 4096),
    ):
        if what is not None:
            _, hard = resource.getrlimit(what)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            try:
                resource.setrlimit(what, (most, most))
            except (ValueError, OSError):  # macOS has no ceiling on address space
                continue


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
