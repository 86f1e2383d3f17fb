"""Compiler options: those that this jaxlib takes are used, and the others are left out and told once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from utils import compiler_options

on_a_cpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="this backend is no CPU")


@pytest.fixture(autouse=True)
def nothing_said_yet():
    compiler_options._say.cache_clear()


@on_a_cpu
@pytest.mark.parametrize("options", [compiler_options.TRAINING, compiler_options.EVALUATION], ids=["train", "evaluate"])
def test_the_locked_jaxlib_takes_them_all_and_the_program_changes(options, capsys):
    assert compiler_options.supported(options) == options
    assert capsys.readouterr().out == ""
    maps, kernel = jnp.ones((2, 8, 8, 16)), jnp.ones((3, 3, 16, 16))

    def layer(maps, kernel):
        return jax.lax.conv_general_dilated(maps, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    programs = [jax.jit(layer, compiler_options=some).lower(maps, kernel).compile() for some in ({}, options)]
    assert ["onednn" in program.as_text() for program in programs] == [False, True]
    np.testing.assert_allclose(*(program(maps, kernel) for program in programs), rtol=1e-5)


@on_a_cpu
def test_what_this_jaxlib_does_not_take_is_left_out_and_told_once(capsys):
    options = {"xla_cpu_no_such_option": True, "xla_cpu_use_onednn": "perhaps"} | compiler_options.EVALUATION
    options["xla_cpu_use_onednn"] = "perhaps"
    for _ in range(2):
        taken = compiler_options.supported(options)
        assert taken == {k: v for k, v in compiler_options.EVALUATION.items() if k != "xla_cpu_use_onednn"}
        assert float(jax.jit(jnp.sum, compiler_options=taken)(jnp.ones(3))) == 3
    (line,) = capsys.readouterr().out.splitlines()
    assert "xla_cpu_no_such_option, xla_cpu_use_onednn" in line and "jaxlib" in line


def test_another_backend_gets_none_and_is_told_once(monkeypatch, capsys):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert [compiler_options.supported(compiler_options.TRAINING) for _ in range(2)] == [{}, {}]
    assert capsys.readouterr().out.splitlines() == [
        "Compiler options left out: they are for a CPU, and JAX computes on gpu."
    ]
