"""Unit 05's Swin v2 is timm's: same weights, same logits and gradients; and each known mistake in a port is noticed.

The golden values are PyTorch's, of weights made by rule, in float64 (`tests/golden`). Here everything runs in float64
too, so that the function is compared and not its rounding; that float32 agrees up to rounding is a test of its own.
"""

import json
import sys
from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from utils import definitions
from utils.convert import swin_v2 as convert
from utils.errors import CourseError
from utils.paths import ROOT

LESSON = "notebooks/05_swin_v2_imagenette.py"
GOLDEN = Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
import rule  # noqa: E402

CASES = json.loads((GOLDEN / "swin_v2.json").read_text(encoding="utf-8"))["cases"]
SHAPES = json.loads((GOLDEN / "swin_v2.json").read_text(encoding="utf-8"))["shapes"]
# case → configuration of the lesson's table, and its changes
MODELS = {
    "tiny, window 8, 256 px": ("tiny", {}),
    "tiny, window 4, 128 px": ("tiny", {"window": 4}),
    "micro": ("micro", {}),
    "micro, padded": ("micro", {}),
    "micro, window 16 after 8": ("micro", {"window": 16, "trained_windows": (8, 8, 4)}),
    "micro, absolute position": ("micro", {"absolute_position": True}),
}


def lesson():
    return definitions.load(LESSON)


def build(case, module, **changes):
    name, own = MODELS[case]
    return module.swin_v2(name, **own | changes)


@lru_cache
def state_dict(case):
    """The golden weights as PyTorch has them, float32."""
    shapes = {name: tuple(shape) for name, shape in SHAPES[CASES[case]["model"]].items()}
    if MODELS[case][1].get("absolute_position"):
        _, height, width = CASES[case]["pictures"]
        shapes["absolute_pos_embed"] = (1, height // 4 * width // 4, shapes["patch_embed.proj.bias"][0])
    return rule.state_dict(shapes)


def prepared(case, module, dtype):
    """Model, weights and pictures of a case in that dtype."""
    model = build(case, module, dtype=dtype)
    images = rule.images(case, *CASES[case]["pictures"])
    like = jax.eval_shape(model.init, jax.random.key(0), images)
    variables = convert.to_flax(state_dict(case), like)
    return model, *jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), (variables, images))


def logits_of(case, module, dtype=jnp.float64):
    model, variables, images = prepared(case, module, dtype)
    return np.asarray(model.apply(variables, images))


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


# --- equal to the reference -------------------------------------------------------------------------------------------


def test_tiny_has_as_many_weights_as_timms():
    spec = jax.eval_shape(lesson().swin_v2("tiny").init, jax.random.key(0), jnp.zeros((1, 256, 256, 3)))
    assert sum(leaf.size for leaf in jax.tree.leaves(spec)) == 27_585_844


@pytest.mark.parametrize("case", [case for case in MODELS if "gradients" not in CASES[case]])
def test_logits_equal_timms(case, float64):
    np.testing.assert_allclose(logits_of(case, lesson()), CASES[case]["logits"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", [case for case in MODELS if "gradients" in CASES[case]])
def test_logits_and_every_gradient_equal_timms(case, float64):
    golden = CASES[case]
    model, variables, images = prepared(case, lesson(), jnp.float64)
    labels = jnp.arange(len(images)) % 10

    def loss(variables):
        logits = model.apply(variables, images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), logits

    gradients, logits = jax.jit(jax.grad(loss, has_aux=True))(variables)
    np.testing.assert_allclose(logits, golden["logits"], rtol=0, atol=1e-5)
    gradients = convert.to_torch(gradients)
    assert gradients.keys() == golden["gradients"].keys()
    for name, (norm, product) in golden["gradients"].items():
        fixed = rule.uniform(f"gradient/{name}", gradients[name].shape)
        assert abs(np.linalg.norm(gradients[name]) - norm) <= 1e-4 * norm, name
        assert abs(np.sum(gradients[name] * fixed) - product) <= 1e-4 * norm, name


def test_in_float32_it_is_the_same_up_to_rounding():
    """The factor on the cosines reaches 100 with these weights, and rounding errors grow with it (PyTorch's too)."""
    np.testing.assert_allclose(logits_of("micro", lesson(), jnp.float32), CASES["micro"]["logits"], rtol=0, atol=1e-4)


def test_in_bfloat16_logits_are_float32_and_near():
    model, variables, images = prepared("micro", lesson(), jnp.float32)
    logits = model.clone(dtype=jnp.bfloat16).apply(variables, images)
    assert logits.dtype == jnp.float32
    assert np.sqrt(np.mean((np.asarray(logits) - CASES["micro"]["logits"]) ** 2)) < 0.2  # of logits with deviation 1


# --- each mistake is noticed ------------------------------------------------------------------------------------------

# what is wrong → (case, text of the lesson, text instead)
MUTANTS = {
    "GELU by tanh": ("micro", "approximate=False", "approximate=True"),
    "LayerNorm with Flax's epsilon": ("micro", "epsilon=1e-5", "epsilon=1e-6"),
    "LayerNorm with epsilon 768": ("micro", "epsilon=1e-5", "epsilon=768"),
    "no limit of the logit scale": ("micro", "jnp.minimum(logit_scale, math.log(100.0))", "logit_scale"),
    "a bias for the keys": (
        "micro",
        "q, k, v = jnp.split(qkv, 3, axis=-1)",
        "q, k, v = jnp.split(qkv, 3, axis=-1); k = k + 0.1",
    ),
    "the last stage is shifted too": (
        "micro",
        "window // 2 if shifted and length > window else 0",
        "min(length, window) // 2 if shifted else 0",
    ),
    "no sigmoid on the bias": ("micro", "16 * nn.sigmoid(", "("),
    "no factor 16": ("micro", "16 * nn.sigmoid(", "nn.sigmoid("),
    "no mask": ("micro", "if any(shift) else None", "if False else None"),
    "no logarithm": ("micro", "np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)", "x / 8"),
    "coordinates divided by the window": ("micro", "np.array(trained or window) - 1", "np.array(trained or window)"),
    "merging goes right, then down": (
        "micro",
        "x[:, 1::2, 0::2], x[:, 0::2, 1::2]",
        "x[:, 0::2, 1::2], x[:, 1::2, 0::2]",
    ),
    "rows and columns swapped in the offsets": (
        "micro",
        'np.arange(1 - w, w), indexing="ij"',
        'np.arange(1 - w, w), indexing="xy"',
    ),
    "query and key swapped in the offsets": ("micro", "rows[:, None] - rows[None, :]", "rows[None, :] - rows[:, None]"),
    "keys not normalised": ("micro", "unit_vectors(at_least_float32(k))", "at_least_float32(k)"),
    "not shifted back": ("micro", "return jnp.roll(x, shift, axis=(1, 2))", "return x"),
    "norm before the attention": (
        "micro",
        'layer_norm(name="norm1", **norm)(self.attend(x))',
        'self.attend(layer_norm(name="norm1", **norm)(x))',
    ),
    "no norm in the merging": (
        "micro",
        'return layer_norm(dtype=self.dtype, name="norm")(merged)',
        'layer_norm(dtype=self.dtype, name="norm")(merged)\n        return merged',
    ),
    "no norm after the patches": (
        "micro",
        'x = layer_norm(dtype=self.dtype, name="patch_norm")(x)',
        'layer_norm(name="patch_norm")(x)',
    ),
    "padding on the other side": (
        "micro, padded",
        "((0, 0), (0, below), (0, right), (0, 0))",
        "((0, 0), (below, 0), (right, 0), (0, 0))",
    ),
    "trained window ignored": ("micro, window 16 after 8", "np.array(trained or window)", "np.array(window)"),
    "absolute position left out": ("micro, absolute position", "x = x + places.astype(self.dtype)", "pass"),
}


MEASURED = ROOT / "ressources/mistakes_swin_v2.json"


def measured():
    """Mistake → the distance that the lesson shows."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))["distances"]


def distance(mistake, folder):
    """How far the mistake, made in a copy of the lesson, takes the logits from timm's: the largest difference."""
    case, right, wrong = MUTANTS[mistake]
    text = (ROOT / LESSON).read_text(encoding="utf-8")
    assert text.count(right) == 1, "the lesson changed: say anew where this mistake would be made"
    (folder / "mutant.py").write_text(text.replace(right, wrong), encoding="utf-8")
    return float(np.abs(logits_of(case, definitions.load(folder / "mutant.py")) - CASES[case]["logits"]).max())


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_mistake_moves_the_logits_as_far_as_the_lesson_shows(mistake, tmp_path, float64):
    apart = distance(mistake, tmp_path)
    assert apart > 2e-5, f"only {apart:.1e}"
    assert apart == pytest.approx(measured()[mistake], rel=0.02), "python tests/golden/mistakes.py"


def test_the_lesson_shows_no_other_mistakes():
    assert set(measured()) == set(MUTANTS)


# --- the pieces -------------------------------------------------------------------------------------------------------


def test_windows_go_together_again():
    x = jax.random.normal(jax.random.key(0), (2, 12, 8, 3))
    windows = lesson().window_partition(x, (3, 4))
    assert windows.shape == (2, 8, 12, 3)
    np.testing.assert_array_equal(windows[1, 3].reshape(3, 4, 3), x[1, 3:6, 4:8])
    np.testing.assert_array_equal(lesson().window_reverse(windows, (3, 4), (12, 8)), x)


def test_nothing_passes_between_strangers():
    """With one block of shifted windows, no token sees one that stands at the other side of the picture."""
    block = lesson().Block(heads=1, window=4, shifted=True)
    x = jax.random.normal(jax.random.key(0), (1, 12, 12, 4))
    weights = jax.tree.map(lambda leaf: leaf + 0.3, block.init(jax.random.key(1), x))
    seen = jax.grad(lambda x: block.apply(weights, x)[0, 0, 0].sum())(x)[0]
    reached = np.flatnonzero(np.abs(np.asarray(seen)).max(axis=(0, 2)) > 1e-12)
    assert reached.tolist() == [0, 1]


def test_a_new_block_changes_nothing():
    block = lesson().Block(heads=2, window=4, shifted=True)
    x = jax.random.normal(jax.random.key(0), (1, 8, 8, 8))
    np.testing.assert_array_equal(block.apply(block.init(jax.random.key(1), x), x), x)


def test_zero_vectors_have_a_finite_gradient():
    gradient = jax.grad(lambda x: lesson().unit_vectors(x).sum())(jnp.zeros((2, 4)))
    assert bool(jnp.isfinite(gradient).all())


def test_drop_path_leaves_branches_out_in_training_only_and_keeps_the_mean():
    drop, x = lesson().DropPath(0.25), jnp.ones((4000, 1, 1, 1))
    kept = drop.apply({}, x, train=True, rngs={"drop_path": jax.random.key(0)})
    np.testing.assert_allclose(np.unique(kept), [0.0, 4 / 3], rtol=1e-6)
    assert abs(float(kept.mean()) - 1) < 0.05
    np.testing.assert_array_equal(drop.apply({}, x, train=False), x)


def test_the_same_weights_fit_every_window_and_size():
    module = lesson()
    small, large = module.swin_v2("micro"), module.swin_v2("micro", window=8, trained_windows=(4, 4, 4))
    shapes = [
        jax.tree.map(jnp.shape, jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, side, side, 3))))
        for model, side in ((small, 64), (large, 128))
    ]
    assert shapes[0] == shapes[1]


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
    ("changes", "size", "words"),
    [
        ({}, (66, 64), "64 or 68"),
        ({}, (2, 64), "4 pixels"),
        ({"heads": (3, 4, 8)}, (64, 64), "stage 0 has 32 channels"),
        ({"heads": (2, 4)}, (64, 64), "one entry a stage"),
        ({"trained_windows": (8,)}, (64, 64), "one entry a stage"),
    ],
)
def test_what_cannot_be_built_is_said(changes, size, words):
    model = lesson().swin_v2("micro", **changes)
    with pytest.raises(CourseError, match=words):
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *size, 3)))


def test_an_absolute_position_fits_one_size():
    model = lesson().swin_v2("micro", absolute_position=True)
    variables = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
    with pytest.raises(CourseError, match="64 × 64 pixels, not 32 × 32"):
        jax.eval_shape(model.apply, variables, jnp.zeros((1, 32, 32, 3)))


def test_an_unknown_configuration_names_the_known():
    with pytest.raises(CourseError, match="micro, tiny, small, base"):
        lesson().swin_v2("huge")
