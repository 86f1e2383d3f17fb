"""JAX passes the canaries, and they find what they are there for: crashes, wrong numbers and known bad versions."""

import sys

import numpy as np
import pytest

from utils.commands import canaries


@pytest.fixture(scope="module")
def outcomes():
    """All canaries, one before them that kills its process, and one after them that finds a wrong number."""
    names = ["dies", *canaries.CANARIES, "lies"]
    found = canaries.run(names=names)
    assert [outcome.name for outcome in found] == names
    return {outcome.name: outcome for outcome in found}


@pytest.mark.parametrize("name", canaries.CANARIES)
def test_jax_passes(outcomes, name):
    assert outcomes[name] == (name, True, "")


def test_a_crash_is_the_failure_of_one_canary(outcomes):
    _, ok, message = outcomes["dies"]
    assert not ok
    assert sys.platform == "win32" or message.startswith("Segmentation fault")


def test_a_wrong_number_is_found_and_told(outcomes):
    _, ok, message = outcomes["lies"]
    assert not ok
    assert message.endswith("1 + 1, result 0: 1 of 1 numbers are wrong, such as 2 instead of 3")


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
            with pytest.raises(AssertionError, match=f"result {wrong}: 1 of "):
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
    assert canaries.run(str(python), ["crash", "sort"]) == [
        (name, False, "exit status 3; nothing here") for name in ("crash", "sort")
    ]


def test_what_is_not_there_is_refused(capsys):
    with pytest.raises(SystemExit):
        canaries.main(["parrot"])
    assert "no canary parrot" in capsys.readouterr().err


def test_a_bad_version_is_known():
    assert "crashes" in canaries.known_bad("0.10.2")
    assert canaries.known_bad("0.10.2+local") == canaries.known_bad("0.10.2")
    assert canaries.known_bad("0.10.20") is canaries.known_bad("0.12.0.1") is None
