"""JAX passes the canaries, and they find what they are there for: crashes and wrong numbers."""

import sys

import numpy as np
import pytest

from utils.commands import canaries


def test_jax_passes():
    assert canaries.run() == dict.fromkeys(canaries.CANARIES, "")


def test_a_crash_is_the_failure_of_one_canary(tmp_path):
    """The interpreter dies when it is to begin with the first."""
    if sys.platform == "win32":
        pytest.skip("Windows has no such signal, limit or link")
    python = tmp_path / "python"
    dies = "echo '\\0377 it is over' >&2; kill -SEGV $$"
    python.write_text(f'#!/bin/sh\ncase "$*" in *sort*) {dies};; *) exec {sys.executable} "$@";; esac\n')
    python.chmod(0o755)
    faults = canaries.run(str(python), ["sort", "loops"], short=True)
    assert faults == {"sort": "Segmentation fault; � it is over", "loops": ""}


def test_a_wrong_number_is_told(monkeypatch):
    def lies(jax, draw, kind):
        canaries.compare("1 + 1", [np.array(2.0)], 3)

    monkeypatch.setitem(canaries.CANARIES, "lies", lies)
    message = canaries.fault("lies", short=True, seed=0)
    assert "1 + 1, result 0 Mismatched elements: 1 / 1" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", canaries.CANARIES)
def test_one_wrong_number_is_found_in_every_result(monkeypatch, name):
    """One number of each result in turn is off by the least that a mistake can do."""
    kept, seen = canaries.compare, []

    def compare(what, got, *want, limit=canaries.LIMIT):
        kept(what, got, *want, limit=limit)
        for wrong in range(len(got)):
            spoilt = [np.array(one) for one in got]
            mistake = 5e-4 if limit == canaries.PRECISION else 1
            spoilt[wrong].flat[-1] = np.nan_to_num(spoilt[wrong].flat[-1]) + mistake
            with pytest.raises(AssertionError, match=f"result {wrong}\n"):
                kept(what, spoilt, *want, limit=limit)
            seen.append(wrong)

    monkeypatch.setattr(canaries, "compare", compare)
    assert canaries.fault(name, short=True, seed=1) == ""
    assert seen
