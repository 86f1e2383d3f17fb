"""Unit 05's Swin v2 is timm's: same weights, same logits and gradients; and each known mistake in a port is noticed.

The golden values are PyTorch's, of weights made by rule, in float64 (`tests/golden`). Here everything runs in float64
too, so that the function is compared and not its rounding; that float32 agrees up to rounding is a test of its own.
"""

import json
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden import rule
from parity import cross_entropy, distances, golden, mutated, quick, see_that_the_limit_is_a_hundred_times_the_rounding

from utils.base import definitions
from utils.base.paths import ROOT
from utils.convert import swin_v2 as convert

LESSON = "notebooks/05_swin_v2_imagenette.py"
CASES, SHAPES = (golden("swin_v2")[key] for key in ("cases", "shapes"))
# case → configuration of the lesson's table, and its changes
MODELS = {
    "tiny, window 8, 256 px": ("tiny", {}),
    "tiny, window 4, 128 px": ("tiny", {"window": 4}),
    "tiny, window 12, 192 px": ("tiny", {"window": 12}),
    "tiny, window 16 after 12": ("tiny", {"window": 16, "trained_windows": (12, 12, 12, 6)}),
    "tiny, 256 × 192": ("tiny", {}),
    "tiny, 200 × 232": ("tiny", {}),
    "micro": ("micro", {}),
    "micro, padded": ("micro", {}),
    "micro, window 16 after 8": ("micro", {"window": 16, "trained_windows": (8, 8, 4)}),
    "micro, absolute position": ("micro", {"absolute_position": True}),
}
# Of a logit, of the loss, and of a tensor's two numbers in relation to its norm. Rounding gives 3.0e-12 at most (tiny,
# 200 × 232), and the smallest of the mistakes below, the epsilon of 1.01e-5, 4.3e-6.
LIMIT = 1e-9
# what is compared at every change; `make proof` compares the rest as well
OFTEN = ("micro, padded", "micro, absolute position")
# Of a logit in float32: a hundred times what rounding gives at most with ten kinds of pictures, 2.3e-5. So much, since
# the factor on the cosines reaches 100 with these weights, and rounding grows with it (PyTorch's too). (bfloat16 in the
# place of float32 gives 0.35.)
FLOAT32_LIMIT = 2e-3


def lesson():
    return definitions.load(LESSON)


@cache
def state_dict(case):
    """The golden weights as PyTorch has them, float32."""
    shapes = {name: tuple(shape) for name, shape in SHAPES[CASES[case]["model"]].items()}
    if MODELS[case][1].get("absolute_position"):
        _, height, width = CASES[case]["pictures"]
        shapes["absolute_pos_embed"] = (1, height // 4 * width // 4, shapes["patch_embed.proj.bias"][0])
    return rule.state_dict(shapes)


def prepared(case, module, dtype):
    """Model, weights and pictures in that dtype."""
    images = rule.images(case, *CASES[case]["pictures"])
    name, changes = MODELS[case]
    model = module.swin_v2(name, **changes, dtype=dtype)
    variables = convert.to_flax(state_dict(case), jax.eval_shape(model.init, jax.random.key(0), images))
    return model, *jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), (variables, images))


def of_training(case, module, by_variables=False):
    """How far loss, logits, the gradient by the pictures and, if wanted, all others are from timm's."""
    model, *arguments = prepared(case, module, jnp.float64)

    def loss(variables, images):
        logits = model.apply(variables, images)
        return cross_entropy(logits), logits

    step = quick(jax.value_and_grad(loss, argnums=(1, 0) if by_variables else (1,), has_aux=True))
    (value, logits), (of_pictures, *others) = step(*arguments)
    named = {"images": np.asarray(of_pictures)} | (convert.to_torch(others[0]) if by_variables else {})
    wanted = CASES[case]["gradients"]
    return distances(named, wanted if by_variables else {"images": wanted["images"]}, logits, value, CASES[case])


# --- equal to the reference -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", [case if case in OFTEN else pytest.param(case, marks=pytest.mark.proof) for case in MODELS]
)
def test_logits_loss_and_every_gradient_equal_timms(case, float64):
    apart = of_training(case, lesson(), by_variables=True)
    assert not {name: distance for name, distance in apart.items() if not distance <= LIMIT}


def test_in_float32_logits_are_the_same_up_to_rounding_and_in_bfloat16_near():
    model, variables, images = prepared("micro", lesson(), jnp.float32)
    short, shorter = (quick(model.clone(dtype=dtype).apply)(variables, images) for dtype in (jnp.float32, jnp.bfloat16))
    np.testing.assert_allclose(short, CASES["micro"]["logits"], rtol=0, atol=FLOAT32_LIMIT)
    assert shorter.dtype == jnp.float32
    assert np.sqrt(np.mean((np.asarray(shorter) - CASES["micro"]["logits"]) ** 2)) < 0.2  # of logits with deviation 1


@pytest.mark.proof
def test_the_limit_in_float32_is_a_hundred_times_what_rounding_gives():
    def logits_of(images, dtype):
        model, variables, _ = prepared("micro", lesson(), dtype)
        return np.asarray(quick(model.apply)(variables, jnp.asarray(images, dtype)), np.float64)

    images = np.concatenate([rule.images(f"seed {seed}", *CASES["micro"]["pictures"]) for seed in range(10)])
    see_that_the_limit_is_a_hundred_times_the_rounding(FLOAT32_LIMIT, logits_of, images)


# --- each mistake is noticed ------------------------------------------------------------------------------------------

PATCH_NORM = 'x = layer_norm(dtype=self.dtype, name="patch_norm")(x)'
MERGE_NORM = 'layer_norm(dtype=self.dtype, name="norm")(merged)'
# what is wrong → text of the lesson, text instead
MUTANTS = {
    "GELU by tanh": ("approximate=False", "approximate=True"),
    "LayerNorm with Flax's epsilon": ("epsilon=1e-5", "epsilon=1e-6"),
    "LayerNorm with epsilon 768": ("epsilon=1e-5", "epsilon=768"),
    "no limit of the logit scale": ("jnp.minimum(logit_scale, math.log(100.0))", "logit_scale"),
    "a bias for the keys": (
        "q, k, v = jnp.split(qkv, 3, axis=-1)",
        "q, k, v = jnp.split(qkv, 3, axis=-1); k = k + 0.1",
    ),
    "the last stage is shifted too": (
        "window // 2 if shifted and length > window else 0",
        "min(length, window) // 2 if shifted else 0",
    ),
    "no sigmoid on the bias": ("16 * nn.sigmoid(", "("),
    "no factor 16": ("16 * nn.sigmoid(", "nn.sigmoid("),
    "no mask": ("if any(shift) else None", "if False else None"),
    "no logarithm": ("np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)", "x / 8"),
    "coordinates divided by the window": ("np.array(trained or window) - 1", "np.array(trained or window)"),
    "merging goes right, then down": ("x[:, 1::2, 0::2], x[:, 0::2, 1::2]", "x[:, 0::2, 1::2], x[:, 1::2, 0::2]"),
    "rows and columns swapped in the offsets": ('1 - w, w), indexing="ij"', '1 - w, w), indexing="xy"'),
    "query and key swapped in the offsets": ("rows[:, None] - rows[None, :]", "rows[None, :] - rows[:, None]"),
    "keys not normalised": ("unit_vectors(at_least_float32(k))", "at_least_float32(k)"),
    "not shifted back": ("return jnp.roll(x, shift, axis=(1, 2))", "return x"),
    "norm before the attention": (
        'layer_norm(name="norm1", **norm)(self.attend(x))',
        'self.attend(layer_norm(name="norm1", **norm)(x))',
    ),
    "no norm in the merging": (f"return {MERGE_NORM}", f"{MERGE_NORM}\n        return merged"),
    "no norm after the patches": (PATCH_NORM, 'layer_norm(name="patch_norm")(x)'),
    "padding on the other side": ("(0, below), (0, right)", "(below, 0), (right, 0)"),
    "trained window ignored": ("np.array(trained or window)", "np.array(window)"),
    "absolute position left out": ("x = x + places.astype(self.dtype)", "pass"),
}
SHOWS_IN = {  # the case, where it is not "micro"
    "padding on the other side": "micro, padded",
    "trained window ignored": "micro, window 16 after 8",
    "absolute position left out": "micro, absolute position",
}
MEASURED = ROOT / "ressources/mistakes_swin_v2.json"


def measured():
    """Mistake → the distance that the lesson shows."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))["distances"]


def mutant(right, wrong, folder):
    """A copy of the lesson with the mistake in it."""
    text = (ROOT / LESSON).read_text(encoding="utf-8")
    assert text.count(right) == 1, "the lesson changed: say anew where this mistake would be made"
    return mutated(LESSON, [(right, wrong)], folder)


def distance(mistake, folder):
    """How far the mistake, made in a copy of the lesson, takes the logits from timm's: the largest difference.

    Where the maps are those of "micro", not compiled as a whole: so the copies share what is compiled of them.
    """
    case = SHOWS_IN.get(mistake, "micro")
    model, variables, images = prepared(case, mutant(*MUTANTS[mistake], folder), jnp.float64)
    shared = CASES[case]["pictures"] == CASES["micro"]["pictures"]
    logits = (model.apply if shared else quick(model.apply))(variables, images)
    return float(np.abs(logits - np.array(CASES[case]["logits"])).max())


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_mistake_moves_the_logits_as_far_as_the_lesson_shows(mistake, tmp_path, float64):
    apart = distance(mistake, tmp_path)
    assert apart > 10 * LIMIT, f"only {apart:.1e}"
    assert apart == pytest.approx(measured()[mistake], rel=0.02), "python tests/golden/mistakes.py"


def test_the_lesson_shows_no_other_mistakes():
    assert set(measured()) == set(MUTANTS)


SLOPE = f"x = 1.04 * x - 0.04 * jax.lax.stop_gradient(x); {PATCH_NORM}"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("epsilon=1e-5", "epsilon=1.01e-5", id="LayerNorm with epsilon 1.01e-5", marks=pytest.mark.proof),
        pytest.param(PATCH_NORM, SLOPE, id="gradient of the patches × 1.04"),
    ],
)
def test_a_mistake_that_hardly_moves_the_logits_is_caught_by_the_gradient(right, wrong, tmp_path, float64):
    assert of_training("micro", mutant(right, wrong, tmp_path))["images"] > 10 * LIMIT


# --- the pieces -------------------------------------------------------------------------------------------------------


def test_drop_path_leaves_branches_out_in_training_only_and_keeps_the_mean():
    drop, x = lesson().DropPath(0.25), jnp.ones((4000, 1, 1, 1))
    kept = drop.apply({}, x, train=True, rngs={"drop_path": jax.random.key(0)})
    np.testing.assert_allclose(np.unique(kept), [0.0, 4 / 3], rtol=1e-6)
    assert abs(float(kept.mean()) - 1) < 0.05
    np.testing.assert_array_equal(drop.apply({}, x, train=False), x)


def test_what_decays():
    module = lesson()
    spec = jax.eval_shape(
        module.swin_v2("micro", absolute_position=True).init, jax.random.key(0), jnp.zeros((1, 64, 64, 3))
    )
    mask = module.decay_mask(spec)
    flat = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(mask)}
    decayed = {name for name, leaf in flat.items() if leaf}
    assert all(name.endswith("['kernel']") for name in decayed)
    assert not any("position" in name or "logit_scale" in name for name in decayed)
    assert len(decayed) == 1 + 6 * 4 + 2 + 1  # patches; qkv, proj, wide, narrow; mergings; head


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "size", "words"),
    [
        ("micro", {}, (2, 64), "4 pixels"),
        ("micro", {"heads": (2, 4)}, (64, 64), "one entry a stage"),
        ("micro", {"trained_windows": (8,)}, (64, 64), "one entry a stage"),
        ("huge", {}, (64, 64), "micro, tiny, small, base"),
    ],
)
def test_what_cannot_be_built_is_said(name, changes, size, words):
    with pytest.raises(ValueError, match=words):
        model = lesson().swin_v2(name, **changes)
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *size, 3)))
