"""Swin v2's weights by timm's names and Microsoft's, there and back; and what does not fit is named."""

import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from golden import rule
from parity import golden

from utils.base.errors import CourseError
from utils.convert import swin_v2 as convert

SHAPES = {name: tuple(shape) for name, shape in golden("swin_v2")["shapes"]["micro"].items()}
TIMM = rule.state_dict(SHAPES | {"absolute_pos_embed": (1, 6 * 4, 32)})


def like(height=6, width=4):
    """The Flax variables' shapes, found by the rules themselves."""
    flat = {}
    for name, array in TIMM.items():
        place = convert.RULES["timm"].in_flax(name)
        flat[place.name] = place.turned(array)
    flat["params/absolute_position"] = np.zeros((height, width, 32), np.float32)
    return unflatten_dict(flat, sep="/")


def microsofts():
    """The same weights under Microsoft's names, with what its files hold besides."""
    state = convert.to_torch(convert.to_flax(TIMM, like()), names="microsoft")
    return {
        "model": state
        | {
            "layers.0.blocks.1.attn_mask": np.zeros((16, 16, 16)),
            "layers.0.blocks.0.attn.relative_coords_table": np.zeros(1),
        }
    }


def test_timms_names_there_and_back_and_places_keep_their_rows_and_columns():
    there = convert.to_flax(TIMM, like())
    places = there["params"]["absolute_position"]
    np.testing.assert_array_equal(places[2, 3], TIMM["absolute_pos_embed"][0, 2 * 4 + 3])
    back = convert.to_torch(there)
    assert back.keys() == TIMM.keys()
    for name, array in TIMM.items():
        np.testing.assert_array_equal(back[name], array)


def test_microsofts_names_give_the_same_variables():
    names = microsofts()["model"].keys()
    assert {"layers.0.downsample.norm.bias", "head.weight", "absolute_pos_embed"} <= names
    assert not {"layers.2.downsample.norm.bias", "head.fc.weight"} & names
    ours, theirs = (flatten_dict(convert.to_flax(state, like()), sep="/") for state in (TIMM, microsofts()))
    assert ours.keys() == theirs.keys()
    for path, array in ours.items():
        np.testing.assert_array_equal(theirs[path], array)


def test_what_does_not_fit_is_named():
    state = dict(TIMM)
    del state["norm.weight"]
    state["norm.wieght"] = TIMM["norm.weight"]
    state["head.fc.weight"] = np.zeros((1000, 128), np.float32)
    state["absolute_pos_embed"] = np.zeros((1, 25, 32), np.float32)
    with pytest.raises(CourseError) as error:
        convert.to_flax(state, like())
    for words in (
        "missing (1): norm.weight",
        "unknown (1): norm.wieght",
        "head.fc.weight is (128, 1000)",
        "absolute_pos_embed",
    ):
        assert words in str(error.value)


def test_another_models_weights_and_unknown_names_are_refused():
    resnet = {"conv1.weight": np.zeros((64, 3, 7, 7)), "fc.bias": np.zeros(10)}
    with pytest.raises(CourseError, match="not those of this Swin v2: missing"):
        convert.to_flax(resnet, like())
    with pytest.raises(CourseError, match='"timm" or "microsoft"'):
        convert.to_torch(like(), names="keras")
