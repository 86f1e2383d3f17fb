"""What a kernel, and each entrant of a race, is told of memory: the course's choice, unless the reader made one."""

import os
import subprocess
import sys

import pytest

from utils.base import memory

FAULTS = """
import resource
import numpy as np
np.ones(2**25, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(2**25, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_the_readers_own_choice_stays():
    assert memory.environment({"HOME": "/"}) == {"HOME": "/", "GLIBC_TUNABLES": memory.TUNABLES}
    assert memory.environment({"COURSE_MEMORY": "system"}) == {"COURSE_MEMORY": "system"}
    own = {"GLIBC_TUNABLES": "glibc.malloc.perturb=1"}
    assert memory.environment(own) == own


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is for Linux")
def test_freed_memory_is_kept():
    """Ten arrays of 32 MiB in turn: each takes 8,192 pages of 4 KiB, or 16 of 2 MiB, where the last was given back."""

    def faults(environment):
        return int(subprocess.check_output([sys.executable, "-c", FAULTS], env=environment, text=True))

    bare = {name: value for name, value in os.environ.items() if name not in ("COURSE_MEMORY", memory.NAME)}
    kept, given_back = (faults(memory.environment(bare | more)) for more in ({}, {"COURSE_MEMORY": "system"}))
    assert kept < 100 < 160 <= given_back
