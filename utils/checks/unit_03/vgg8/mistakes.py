"""The mistakes that are made with `VGG8`, each with what tells it."""

from utils.checks.registry import Wrong, changed

_RIGHT = """
class VGG8(hk.Module):
    def __init__(self, width, classes=10, name=None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x, *, dropout=0.0, training=False):
        rates = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates):
            x = double_conv(x, factor * self.width)
            x = drop(hk.next_rng_key(), rate, x) if training else x
        x = jax.nn.relu(hk.Linear(4 * self.width)(hk.Flatten()(x)))
        x = drop(hk.next_rng_key(), rates[3], x) if training else x
        return hk.Linear(self.classes)(x)
"""


_BLOCK = "            x = double_conv(x, factor * self.width)\n"


_AFTER_BLOCK = "            x = drop(hk.next_rng_key(), rate, x) if training else x\n"


_AFTER_HIDDEN = "        x = drop(hk.next_rng_key(), rates[3], x) if training else x\n"

WRONG = (
    Wrong(
        "drops in evaluation too",
        says="A key is asked for in evaluation",
        code=_RIGHT.replace(" if training else x", ""),
    ),
    Wrong(
        "asks for a key that it does not use",
        says="although nothing is drawn",
        code=changed(
            _RIGHT,
            (
                _AFTER_BLOCK,
                "            key = hk.next_rng_key()\n            x = drop(key, rate, x) if training else x\n",
            ),
            (
                _AFTER_HIDDEN,
                "        key = hk.next_rng_key()\n        x = drop(key, rates[3], x) if training else x\n",
            ),
        ),
    ),
    Wrong(
        "never drops",
        says="Nothing is ever dropped",
        code=changed(_RIGHT, (_AFTER_BLOCK, ""), (_AFTER_HIDDEN, "")),
    ),
    Wrong(
        "the same rate everywhere",
        says="the same rate everywhere",
        code=changed(_RIGHT, ("rising(dropout, 4)", "[dropout] * 4")),
    ),
    Wrong(
        "rates from deep to shallow",
        says="in the wrong order",
        code=changed(_RIGHT, ("rising(dropout, 4)", "rising(dropout, 4)[::-1]")),
    ),
    Wrong(
        "drops after the blocks only",
        says="drops 3 times",
        code=changed(_RIGHT, ("rising(dropout, 4)", "rising(dropout, 3)"), (_AFTER_HIDDEN, "")),
    ),
    Wrong(
        "drops the logits",
        says="the logits themselves are dropped",
        code=changed(
            _RIGHT,
            (_AFTER_HIDDEN, ""),
            (
                "return hk.Linear(self.classes)(x)",
                "x = hk.Linear(self.classes)(x)\n"
                "        return drop(hk.next_rng_key(), rates[3], x) if training else x",
            ),
        ),
    ),
    Wrong(
        "drops the pictures",
        says="the pictures themselves are dropped",
        code=changed(_RIGHT, (_BLOCK + _AFTER_BLOCK, _AFTER_BLOCK + _BLOCK)),
    ),
    Wrong(
        "one key for all",
        says="One key is used for two draws",
        code=changed(
            _RIGHT.replace("drop(hk.next_rng_key(), ", "drop(key, "),
            ("        rates =", "        key = hk.next_rng_key() if training else None\n        rates ="),
        ),
    ),
    Wrong(
        "a key of its own",
        says="the key that is passed in is not used",
        code=changed(
            _RIGHT,
            ("        rates =", "        keys = jax.random.split(jax.random.key(0), 4)\n        rates ="),
            ("factor, rate in zip((1, 2, 4), rates)", "factor, rate, key in zip((1, 2, 4), rates, keys)"),
            ("drop(hk.next_rng_key(), rate,", "drop(key, rate,"),
            ("drop(hk.next_rng_key(), rates[3],", "drop(keys[3], rates[3],"),
        ),
    ),
    Wrong(
        "no ReLU after the hidden layer",
        says="ReLU between the two linear layers",
        code=changed(
            _RIGHT,
            (
                "x = jax.nn.relu(hk.Linear(4 * self.width)(hk.Flatten()(x)))",
                "x = hk.Linear(4 * self.width)(hk.Flatten()(x))",
            ),
        ),
    ),
    Wrong(
        "softmax at the end",
        says="probabilities",
        code=changed(
            _RIGHT, ("return hk.Linear(self.classes)(x)", "return jax.nn.softmax(hk.Linear(self.classes)(x))")
        ),
    ),
    Wrong(
        "averages the places",
        says="the places are averaged away",
        code=changed(_RIGHT, ("hk.Flatten()(x)", "x.mean(axis=(1, 2))")),
    ),
    Wrong(
        "every block as wide as the first",
        says="W, 2W and 4W channels",
        code=changed(_RIGHT, ("factor * self.width", "self.width")),
    ),
    Wrong(
        "a linear layer inside the other's call",
        says="makes the outer one first",
        code=changed(
            _RIGHT,
            ("        x = jax.nn.relu(hk.Linear(4 * self.width)(hk.Flatten()(x)))\n", ""),
            (_AFTER_HIDDEN, ""),
            (
                "return hk.Linear(self.classes)(x)",
                "return hk.Linear(self.classes)(jax.nn.relu(hk.Linear(4 * self.width)(hk.Flatten()(x))))",
            ),
        ),
    ),
    Wrong(
        "ten classes whatever is asked for",
        says="`self.classes` numbers",
        code=changed(_RIGHT, ("hk.Linear(self.classes)", "hk.Linear(10)")),
    ),
)
