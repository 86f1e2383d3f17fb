"""Weights go from PyTorch's names and layouts to Flax's and back, and what does not fit is named."""

import jax
import numpy as np
import pytest
from flax.traverse_util import unflatten_dict
from golden import rule
from parity import golden

from utils import convert
from utils.base.errors import CourseError
from utils.convert import CONV, DENSE, Rule, Rules, swin_v2

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
        ({"stage2.9.conv.weight": (5, 3, 2, 4)}, r"unknown \(1\): stage2\.9\.conv"),  # not in this size of model
        ({"fc.bias": (3,)}, r"fc\.bias is \(3,\) in Flax's order, \(7,\) is wanted"),
        ({"stage1.0.conv.weight": (5,)}, r"stage1\.0\.conv\.weight is \(5,\), but a convolution has 4 axes"),
        (dict.fromkeys(SHAPES), r"missing \(5\): .* and 2 more"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    shapes = {name: shape for name, shape in (SHAPES | changes).items() if shape is not None}
    with pytest.raises(CourseError, match=message):
        convert.to_flax(RULES, rule.state_dict(shapes), variables())


def test_the_way_back_names_what_does_not_fit():
    with pytest.raises(CourseError, match=r"unknown \(1\): params/extra/kernel"):
        convert.to_torch(RULES, {"params": {"extra": {"kernel": np.zeros(3)}}})
    with pytest.raises(CourseError, match=r"params/fc/kernel is \(3,\), but a .* has 2 axes"):
        convert.to_torch(RULES, {"params": {"fc": {"kernel": np.zeros(3)}}})


def test_numbers_in_a_rule_are_whole_and_the_same_on_both_sides():
    twice = Rules("t", [Rule("a{i}.b{i}", "x{i}")])
    place = twice.in_flax("a3.b3")
    assert place is not None and (place.name, place.layout) == ("x3", convert.SAME)
    assert twice.in_flax("a3.b4") is None
    assert twice.in_flax("aQ.bQ") is None


# --- Swin v2, by timm's names and by Microsoft's ------------------------------------------------------------------

MICRO = {name: tuple(shape) for name, shape in golden("swin_v2")["shapes"]["micro"].items()}
TIMM = rule.state_dict(MICRO | {"absolute_pos_embed": (1, 6 * 4, 32)})


def like():
    """The Flax variables' shapes, found by the rules themselves."""
    places = {name: swin_v2.RULES["timm"].in_flax(name) for name in TIMM}
    flat = {place.name: place.turned(TIMM[name]) for name, place in places.items()}
    return unflatten_dict(flat | {"params/absolute_position": np.zeros((6, 4, 32), np.float32)}, sep="/")


def test_timms_names_there_and_back_and_places_keep_their_rows_and_columns():
    there = swin_v2.to_flax(TIMM, like())
    places = there["params"]["absolute_position"]
    np.testing.assert_array_equal(places[2, 3], TIMM["absolute_pos_embed"][0, 2 * 4 + 3])
    back = swin_v2.to_torch(there)
    assert back.keys() == TIMM.keys()
    assert all(np.array_equal(back[name], array) for name, array in TIMM.items())


def test_microsofts_names_give_the_same_variables():
    ours = swin_v2.to_flax(TIMM, like())
    state = swin_v2.to_torch(ours, names="microsoft")
    assert {"layers.0.downsample.norm.bias", "head.weight", "absolute_pos_embed"} <= state.keys()
    assert not {"layers.2.downsample.norm.bias", "head.fc.weight"} & state.keys()
    besides = ("layers.0.blocks.1.attn_mask", "layers.0.blocks.0.attn.relative_coords_table")  # what its files hold
    theirs = swin_v2.to_flax(state | dict.fromkeys(besides, np.zeros(1)), like())
    assert jax.tree.all(jax.tree.map(np.array_equal, ours, theirs))
    with pytest.raises(CourseError, match='"timm" or "microsoft"'):
        swin_v2.to_torch(ours, names="keras")


def test_places_of_another_size_are_a_wrong_shape():
    with pytest.raises(CourseError, match=r"not those of this Swin v2: wrong shape \(1\): absolute_pos_embed"):
        swin_v2.to_flax(TIMM | {"absolute_pos_embed": np.zeros((1, 25, 32))}, like())
