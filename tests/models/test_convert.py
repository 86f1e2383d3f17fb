"""Weights go from PyTorch's names and layouts to Flax's and back, and what does not fit is named."""

import hashlib

import jax
import numpy as np
import pytest
from golden import rule

from utils import convert
from utils.base.errors import CourseError
from utils.convert import CONV, DENSE, Rule, Rules

RULES = Rules(
    "little model",
    [
        Rule("stage{s}.{b}.conv.weight", "params/stage{s}_{b}/conv/kernel", CONV),
        Rule("stage{s}.{b}.bn.running_mean", "batch_stats/stage{s}_{b}/bn/mean"),
        Rule("fc.weight", "params/fc/kernel", DENSE),
        Rule("fc.bias", "params/fc/bias"),
    ],
    drop=("*.num_batches_tracked",),
)
SHAPES = {
    "stage1.0.conv.weight": (5, 3, 2, 4),
    "stage12.3.conv.weight": (6, 5, 1, 1),
    "stage12.3.bn.running_mean": (6,),
    "stage12.3.bn.num_batches_tracked": (),
    "fc.weight": (7, 6),
    "fc.bias": (7,),
}


def state():
    return rule.state_dict(SHAPES)


def variables():
    """Shapes of the Flax model."""
    spec = jax.ShapeDtypeStruct
    return {
        "params": {
            "stage1_0": {"conv": {"kernel": spec((2, 4, 3, 5), np.float32)}},
            "stage12_3": {"conv": {"kernel": spec((1, 1, 5, 6), np.float32)}},
            "fc": {"kernel": spec((6, 7), np.float32), "bias": spec((7,), np.float32)},
        },
        "batch_stats": {"stage12_3": {"bn": {"mean": spec((6,), np.float32)}}},
    }


def test_each_number_goes_to_its_place():
    before = state()
    after = convert.to_flax(RULES, before, variables())
    assert jax.tree.map(np.shape, after) == jax.tree.map(lambda leaf: leaf.shape, variables())
    o, i, h, w = 4, 2, 1, 3
    assert after["params"]["stage1_0"]["conv"]["kernel"][h, w, i, o] == before["stage1.0.conv.weight"][o, i, h, w]
    assert after["params"]["fc"]["kernel"][5, 2] == before["fc.weight"][2, 5]
    assert np.array_equal(after["batch_stats"]["stage12_3"]["bn"]["mean"], before["stage12.3.bn.running_mean"])


def test_there_and_back_is_the_same():
    before = state()
    after = convert.to_torch(RULES, convert.to_flax(RULES, before, variables()))
    del before["stage12.3.bn.num_batches_tracked"]
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[name], before[name]) and after[name].flags.c_contiguous for name in before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage12.3.bn.running_mean": None}, r"not those of this little model: missing \(1\): stage12\.3\.bn\."),
        ({"head.weight": (2,)}, r"unknown \(1\): head\.weight"),
        (
            {"stage2.9.conv.weight": (5, 3, 2, 4)},
            r"unknown \(1\): stage2\.9\.conv\.weight",
        ),  # not in this size of model
        ({"fc.bias": (3,)}, r"fc\.bias is \(3,\) in Flax's order, \(7,\) is wanted"),
        ({"stage1.0.conv.weight": (5,)}, r"stage1\.0\.conv\.weight is \(5,\), but a convolution has 4 axes"),
        (dict.fromkeys(SHAPES), r"missing \(5\): .* and 2 more"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    shapes = {name: shape for name, shape in (SHAPES | changes).items() if shape is not None}
    with pytest.raises(CourseError, match=message):
        convert.to_flax(RULES, rule.state_dict(shapes), variables())


def test_the_way_back_names_what_no_rule_knows():
    with pytest.raises(CourseError, match=r"unknown \(1\): params/extra/kernel"):
        convert.to_torch(RULES, {"params": {"extra": {"kernel": np.zeros(3)}}})


def test_numbers_in_a_rule_are_whole_and_the_same_on_both_sides():
    twice = Rules("t", [Rule("a{i}.b{i}", "x{i}")])
    place = twice.in_flax("a3.b3")
    assert place is not None and (place.name, place.layout) == ("x3", convert.SAME)
    assert twice.in_flax("a3.b4") is None
    assert twice.in_flax("aQ.bQ") is None


# --- the rule that fills weights --------------------------------------------------------------------------------


def test_the_rule_gives_the_same_bits_everywhere():
    # by hand: SplitMix64's first output for this start, top 24 bits
    start = int.from_bytes(hashlib.sha256(b"fc.weight").digest()[:8], "little")
    z = (start + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    z ^= z >> 31
    assert rule.uniform("fc.weight", (2, 3)).flat[0] == (z >> 40) / 2**23 - 1


def test_the_rule_gives_plausible_weights():
    for name, low, high in (
        ("bn1.running_var", 0.5, 1.5),
        ("bn1.weight", 0.75, 1.25),
        ("bn1.bias", -0.2, 0.2),
        ("attn.q_bias", -0.2, 0.2),
        ("attn.logit_scale", 2.0, 5.0),
    ):
        values = rule.fill(name, (4000,))
        assert values.dtype == np.float32
        assert low <= values.min() < low + 0.01 * (high - low) and high - 0.01 * (high - low) < values.max() <= high
    kernel = rule.fill("conv.weight", (64, 32, 3, 3))
    assert kernel.var() == pytest.approx(1 / (32 * 9), rel=0.02)
    pictures = rule.images("some", 2, 40, 50)
    assert pictures.shape == (2, 40, 50, 3)
    assert (pictures.mean(), pictures.var()) == pytest.approx((0, 1), abs=0.03)


def test_names_give_numbers_that_have_nothing_to_do_with_one_another():
    a, b = (rule.uniform(name, (10_000,)) for name in ("layer1.0", "layer1.1"))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.05
