"""Memory that a process keeps: what the C library is told when a kernel, or an entrant of a race, starts.

XLA asks for a program's temporary memory at each call and gives it back at the end. glibc hands blocks of that size
back to the system at once, so each step gets them anew, in pages of 4 KiB, and the first touch of each is a *page
fault*, which costs about a microsecond: 16,000 of them in a training step of VGG8, 140,000 in one of Swin v2 micro.
Two things cure it: glibc keeps what it was given back, and asks Linux for pages of 2 MiB. It reads this once, when a
process starts, so it stands in the environment of those that the course starts. `COURSE_MEMORY=system` leaves it out,
and a `GLIBC_TUNABLES` of the reader's own stays as it is. On other systems than Linux it has no effect.

Source: "Memory Allocation Tunables" in the GNU C Library's manual.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

NAME = "GLIBC_TUNABLES"
TUNABLES = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {
        "hugetlb": 1,  # pages of 2 MiB
        "mmap_max": 0,  # no block has a mapping of its own, which would end with it
        "trim_threshold": 2**34,  # what is free at the end of the heap stays there, up to 16 GiB
        "top_pad": 2**26,  # the heap grows by 64 MiB and more
        "arena_max": 1,  # one heap for all threads: others could not grow beyond 64 MiB without mappings
    }.items()
)


def environment(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables for a process that trains: those given, and the course's choice where they make none."""
    chosen = {} if variables.get("COURSE_MEMORY") == "system" else {NAME: TUNABLES}
    return chosen | dict(variables)
