"""JAX passes the canaries, and they find what they are there for: crashes, wrong numbers and known bad versions."""

import sys

import numpy as np
import pytest

from utils.commands import canaries


def test_jax_passes_and_a_crash_or_a_wrong_number_is_the_failure_of_one_canary():
    names = ["dies", *canaries.CANARIES, "lies"]
    died, *passed, lied = canaries.run(names=names)
    assert passed == [(name, True, "") for name in canaries.CANARIES]
    assert died[:2] == ("dies", False)
    assert sys.platform == "win32" or died.message.startswith("Segmentation fault")
    assert lied[:2] == ("lies", False)
    assert "1 + 1, result 0 Mismatched elements: 1 / 1" in lied.message


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
    assert canaries.outcome(name, turns=1, seed=1).ok
    assert seen


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal, limit or link")
def test_an_interpreter_without_jax_fails_all_of_them(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho nothing here >&2\nexit 3\n", encoding="ascii")
    python.chmod(0o755)
    failed = [(name, False, "exit status 3; nothing here") for name in ("crash", "sort")]
    assert canaries.run(str(python), ["crash", "sort"]) == failed


def test_a_bad_version_is_known():
    assert "crashes" in canaries.known_bad("0.10.2")
    assert canaries.known_bad("0.10.2+local") == canaries.known_bad("0.10.2")
    assert canaries.known_bad("0.10.20") is canaries.known_bad("0.12.0.1") is None
