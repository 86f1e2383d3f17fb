"""Models that are shipped: the card tells the truth, nothing is shipped or written over unasked."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from utils import pretrained
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
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    monkeypatch.delenv("COURSE_SHIP", raising=False)
    return tmp_path


def test_what_is_shipped_when_it_is_asked_for_loads_and_its_card_says_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pretrained.ship("vgg8", TREE, a_card()) is None
    assert pretrained.names() == [] and not list(folder.iterdir())
    monkeypatch.setenv("COURSE_SHIP", "1")
    assert pretrained.ship("vgg8", TREE, a_card())
    assert pretrained.names() == ["vgg8"]
    assert jax.tree.all(jax.tree.map(jnp.array_equal, pretrained.load("vgg8", jax.eval_shape(lambda: TREE)), TREE))
    card = pretrained.card("vgg8")
    assert card.parameters == 9 and card.history == {"val_loss": [1.5, 1.0]}
    for part in ("VGG8(width=64)", "8,000 of 50,000", "2 epochs, 2 min", "validation: 50.0 %", "dm-haiku 0."):
        assert part in str(card)
    assert repr(card) == str(card)


def test_a_shipped_model_is_written_over_only_when_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SHIP", "1")
    pretrained.ship("vgg8", TREE, a_card())
    with pytest.raises(CourseError, match=r"'vgg8' is shipped already. COURSE_SHIP=replace"):
        pretrained.ship("vgg8", TREE, a_card(epochs=3))
    assert pretrained.card("vgg8").epochs == 2
    monkeypatch.setenv("COURSE_SHIP", "replace")
    pretrained.ship("vgg8", TREE, a_card(epochs=3))
    assert pretrained.card("vgg8").epochs == 3


def test_what_must_not_be_shipped_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SHIP", "1")
    with pytest.raises(CourseError, match="was trained on a sample"):
        pretrained.ship("vgg8", TREE, a_card(data="cifar10 train: the course's sample (drawings), 2,000 examples"))
    with pytest.raises(CourseError, match="is no name for a model"):
        pretrained.ship("../vgg8", TREE, a_card())
    monkeypatch.setenv("COURSE_SHIP", "yes")
    with pytest.raises(CourseError, match="COURSE_SHIP='yes' is unknown"):
        pretrained.ship("vgg8", TREE, a_card())
    assert not list(folder.iterdir())


def test_an_unknown_model_and_a_spoilt_card_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CourseError, match=r"No pretrained model is called 'vgg8'. There are: none"):
        pretrained.load("vgg8", TREE)
    monkeypatch.setenv("COURSE_SHIP", "1")
    file = pretrained.ship("vgg8", TREE, a_card())
    assert file is not None
    with pytest.raises(CourseError, match=r"does not fit this model: missing: conv/scale\."):
        pretrained.load("vgg8", {"conv": {**TREE["conv"], "scale": jnp.ones(3)}})
    entries = json.loads((folder / "vgg8.json").read_text())
    for spoilt in ("{", "[]", json.dumps({key: entries[key] for key in entries if key != "machine"})):
        (folder / "vgg8.json").write_text(spoilt)
        with pytest.raises(CourseError, match=r"vgg8\.json is no card of a model"):
            pretrained.card("vgg8")


def test_every_model_that_comes_with_the_course_has_an_honest_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for name in pretrained.names():
        card = pretrained.card(name)
        assert "real set" in card.data, "the data must say whether they are all of the real set"
        assert card.accuracies and card.history and card.parameters and card.seconds > 0
        assert all(len(values) <= card.epochs for values in card.history.values())
        assert all(0 <= value <= 1 for value in card.accuracies.values())
