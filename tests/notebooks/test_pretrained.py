"""Models that are shipped: the card tells the truth, nothing is shipped or written over unasked."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from utils import pretrained, weights
from utils.base.errors import CourseError

TREE = {"conv": {"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.ones(3)}}


def a_card(**changes) -> pretrained.Card:
    entries = {
        "model": "VGG8(width=64)",
        "data": "cifar10 train[:80%]: a part of the real set (8,000 of 50,000 train)",
        "epochs": 2,
        "seconds": 120.0,
        "accuracies": {"validation": np.float32(0.5)},
        "history": {"val_loss": [jnp.float32(1.5), 1.0]},
    }
    return pretrained.Card(**{**entries, **changes})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    monkeypatch.delenv("COURSE_SHIP", raising=False)
    return tmp_path


def test_what_is_shipped_when_it_is_asked_for_loads_and_its_card_says_all(folder, monkeypatch):
    pretrained.ship("vgg8", TREE, a_card())
    assert pretrained.names() == [] and not list(folder.iterdir())
    monkeypatch.setenv("COURSE_SHIP", "1")
    with pytest.raises(CourseError, match="was trained on a sample"):
        pretrained.ship("vgg8", TREE, a_card(data="cifar10 train: the course's sample (drawings), 2,000 examples"))
    assert not list(folder.iterdir())
    pretrained.ship("vgg8", TREE, a_card(epochs=1))
    pretrained.ship("vgg8", TREE, a_card())
    assert pretrained.names() == ["vgg8"]
    assert jax.tree.all(jax.tree.map(jnp.array_equal, pretrained.load("vgg8", jax.eval_shape(lambda: TREE)), TREE))
    card = pretrained.card("vgg8")
    assert card.parameters == 9 and card.history == {"val_loss": [1.5, 1.0]} and card.machine
    for part in ("VGG8(width=64)", "8,000 of 50,000", "2 epochs, 2 min", "validation: 50.0 %", "dm-haiku 0."):
        assert part in str(card)
    assert repr(card) == str(card)


def test_every_model_that_comes_with_the_course_has_an_honest_card(monkeypatch):
    monkeypatch.undo()
    for name in pretrained.names():
        card, leaves = pretrained.card(name), weights.arrays(pretrained.FOLDER / f"{name}.safetensors").values()
        assert sum(leaf.size for leaf in leaves) == card.parameters and all(np.isfinite(leaf).all() for leaf in leaves)
        assert "real set" in card.data, "the data must say whether they are all of the real set"
        assert all(getattr(card, field.name) for field in dataclasses.fields(card))
        assert all(0 <= value <= 1 for value in card.accuracies.values())
        assert {len(values) for values in card.history.values()} == {card.epochs}
        best = np.argmin(card.history["val_loss"])
        assert card.accuracies["validation"] == pytest.approx(card.history["val_accuracy"][best], abs=1e-3)
