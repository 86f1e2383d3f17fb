# %% right: a loop over the blocks
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        rates = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates[:3], strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), rates[3], x)
        return hk.Linear(self.classes)(x)

# %% right: all written out
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        w = self.width
        one, two, three, four = rising(dropout, 4)
        x = double_conv(x, w)
        if training:
            x = drop(hk.next_rng_key(), one, x)
        x = double_conv(x, 2 * w)
        if training:
            x = drop(hk.next_rng_key(), two, x)
        x = double_conv(x, 4 * w)
        if training:
            x = drop(hk.next_rng_key(), three, x)
        x = x.reshape(x.shape[0], -1)
        x = hk.Linear(4 * w)(x)
        x = jax.nn.relu(x)
        if training:
            x = drop(hk.next_rng_key(), four, x)
        return hk.Linear(self.classes)(x)

# %% right: a local function that drops or not
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        rates = iter(rising(dropout, 4))

        def perhaps(maps):
            rate = next(rates)
            return drop(hk.next_rng_key(), rate, maps) if training else maps

        for power in range(3):
            x = perhaps(double_conv(x, self.width * 2**power))
        hidden = perhaps(jax.nn.relu(hk.Linear(4 * self.width)(hk.Flatten()(x))))
        return hk.Linear(self.classes)(hidden)

# %% right: early return in evaluation
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        sizes = [self.width, 2 * self.width, 4 * self.width]
        if not training:
            for size in sizes:
                x = double_conv(x, size)
            x = jnp.reshape(x, (len(x), 64 * self.width))
            x = jax.nn.relu(hk.Linear(sizes[-1])(x))
            return hk.Linear(self.classes)(x)
        *rates, last = rising(dropout, 4)
        for size, rate in zip(sizes, rates):
            x = drop(hk.next_rng_key(), rate, double_conv(x, size))
        x = jnp.reshape(x, (len(x), 64 * self.width))
        x = drop(hk.next_rng_key(), last, jax.nn.relu(hk.Linear(sizes[-1])(x)))
        return hk.Linear(self.classes)(x)

# %% right: `hk.Sequential` for the head
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        rates = rising(dropout, 4)
        for place, size in enumerate([self.width, 2 * self.width, 4 * self.width]):
            x = double_conv(x, channels=size)
            x = drop(hk.next_rng_key(), rates[place], x) if training else x
        x = hk.Sequential([hk.Flatten(), hk.Linear(4 * self.width), jax.nn.relu])(x)
        x = drop(hk.next_rng_key(), rates[-1], x) if training else x
        return hk.Linear(self.classes)(x)

# %% right: `functools.reduce`, keys only where they are needed
import functools

class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        keys = [hk.next_rng_key() for _ in range(4)] if training else [None] * 4
        rates = rising(dropout, 4)

        def noise(place, values):
            return values if keys[place] is None else drop(keys[place], rates[place], values)

        def block(maps, place):
            return noise(place, double_conv(maps, 2**place * self.width))

        x = functools.reduce(block, range(3), x)
        x = jax.lax.collapse(x, 1)
        x = noise(3, jnp.maximum(hk.Linear(4 * self.width)(x), 0.0))
        return hk.Linear(self.classes)(x)

# %% right: a helper before the class, a list of rates that is popped
def dropped(x, rate, training):
    return drop(hk.next_rng_key(), rate, x) if training else x

class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        rates = rising(dropout, 4)[::-1]
        for size in (self.width, self.width * 2, self.width * 4):
            x = dropped(double_conv(x, size), rates.pop(), training)
        x = jax.nn.relu(hk.Linear(self.width * 4)(x.reshape((x.shape[0], -1))))
        return hk.Linear(self.classes)(dropped(x, rates.pop(), training))

# %% right: a method of its own that is `hk.transparent`
class VGG8(hk.Module):
    def __init__(self, width, classes=10, name=None):
        super().__init__(name=name)
        self.width = width
        self.classes = classes

    @hk.transparent
    def head(self, x, rate, training):
        x = jax.nn.relu(hk.Linear(4 * self.width)(hk.Flatten()(x)))
        if training:
            x = drop(hk.next_rng_key(), rate, x)
        return hk.Linear(self.classes)(x)

    def __call__(self, x, *, dropout=0.0, training=False):
        *rates, last = rising(dropout, 4)
        for factor, rate in zip([1, 2, 4], rates):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        return self.head(x, last, training)

# %% right: a dataclass
import dataclasses

@dataclasses.dataclass
class VGG8(hk.Module):
    width: int
    classes: int = 10
    name: str | None = None

    def __call__(self, x, *, dropout=0.0, training=False):
        rates = rising(dropout, 4)
        for factor in (1, 2, 4):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rates.pop(0), x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(jnp.reshape(x, (x.shape[0], -1))))
        if training:
            x = drop(hk.next_rng_key(), rates.pop(0), x)
        return hk.Linear(self.classes)(x)

# %% right: `hk.dropout`, and rates only in training
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        rates = rising(dropout, 4) if training else [None] * 4
        noise = (lambda rate, x: hk.dropout(hk.next_rng_key(), rate, x)) if training else (lambda rate, x: x)
        for factor, rate in zip((1, 2, 4), rates):
            x = noise(rate, double_conv(x, factor * self.width))
        x = jax.nn.relu(hk.Linear(4 * self.width)(hk.Flatten(preserve_dims=1)(x)))
        return hk.Linear(self.classes)(noise(rates[-1], x))

# %% right: He's initialiser in the hidden layer, walrus
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        he = hk.initializers.VarianceScaling(2.0, "fan_in", "truncated_normal")
        size = self.width
        for rate in (rates := rising(dropout, 4))[:-1]:
            x = double_conv(x, size)
            if training:
                x = drop(key=hk.next_rng_key(), rate=rate, x=x)
            size *= 2
        hidden = hk.Linear(output_size=4 * self.width, w_init=he)
        x = jax.nn.relu(hidden(x.reshape(-1, 64 * self.width)))
        if training:
            x = drop(key=hk.next_rng_key(), rate=rates[-1], x=x)
        return hk.Linear(output_size=self.classes)(x)

# %% right: a table of layers
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        def linear(x):
            return jax.nn.relu(hk.Linear(4 * self.width)(x.reshape(x.shape[0], -1)))

        def block(factor):
            return lambda x: double_conv(x, factor * self.width)

        layers = [block(1), block(2), block(4), linear]
        for layer, rate in zip(layers, rising(dropout, len(layers)), strict=True):
            x = layer(x)
            match training:
                case True:
                    x = drop(hk.next_rng_key(), rate, x)
        return hk.Linear(self.classes)(x)

# %% wrong: no ReLU in the hidden layer
# cause: the ReLU after the first linear layer is missing
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = hk.Linear(4 * self.width)(x)
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: softmax at the end
# cause: returns probabilities; plain logits are wanted (the loss takes the softmax)
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return jax.nn.softmax(hk.Linear(self.classes)(x))

# %% wrong: log-softmax at the end
# cause: returns log-probabilities instead of plain logits
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return jax.nn.log_softmax(hk.Linear(self.classes)(x))

# %% wrong: ReLU on the logits
# cause: a ReLU after the last linear layer cuts off negative logits
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return jax.nn.relu(hk.Linear(self.classes)(x))

# %% wrong: the same rate everywhere
# cause: every place drops at rate dropout; the rates should rise to it with depth
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = [dropout] * 4
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: rates that fall
# cause: the rates are handed out in the wrong order, the highest first
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        last, *rates = rising(dropout, 4)
        rates = rates[::-1]
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: drops in evaluation too
# cause: training is ignored: numbers are dropped (and keys asked for) in evaluation as well
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if True:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if True:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: keys asked for in evaluation
# cause: asks for keys in evaluation too, so apply cannot be given None
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        keys = [hk.next_rng_key() for _ in range(4)]
        rates = rising(dropout, 4)
        for place in range(3):
            x = double_conv(x, 2**place * self.width)
            if training:
                x = drop(keys[place], rates[place], x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(hk.Flatten()(x)))
        if training:
            x = drop(keys[3], rates[3], x)
        return hk.Linear(self.classes)(x)

# %% wrong: one key for all
# cause: one key is used for all four drops; each needs its own
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        key = hk.next_rng_key() if training else None
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(key, rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(key, last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: a key of one's own
# cause: the key is jax.random.key(0) instead of hk.next_rng_key(): the same units are dropped in every step
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(jax.random.key(0), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(jax.random.key(0), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: nothing dropped in the hidden layer
# cause: the drop after the first linear layer is missing
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        return hk.Linear(self.classes)(x)

# %% wrong: no dropout at all
# cause: dropout and training are ignored: nothing is ever dropped
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        return hk.Linear(self.classes)(x)

# %% wrong: dropout in the hidden layer only
# cause: nothing is dropped after the blocks
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: training turned round
# cause: drops in evaluation and not in training
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if not training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if not training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: W, 2W, 3W
# cause: the third block has 3W channels instead of 4W
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 3), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: the same width everywhere
# cause: all blocks have W channels; they should double
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 1, 1), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: a hidden layer of W
# cause: the hidden linear layer has W outputs instead of 4W
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: a mean over places
# cause: takes the mean over the places of a map ([B, 4W]) instead of one row of 64W an image
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = x.mean(axis=(1, 2))
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: ten classes always
# cause: 10 is hard-coded; classes is ignored
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(10)(x)

# %% wrong: width 24 always
# cause: the width is hard-coded as 24; self.width is ignored
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * 24)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * 24)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: dropped after the logits
# cause: the last drop is applied to the logits instead of the hidden layer
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        x = hk.Linear(self.classes)(x)
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return x

# %% wrong: only three rates
# cause: rising(dropout, 3) lets the third block have the top rate already; the fourth place is left with it too
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 3) + [dropout]
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: rates that begin at 0
# cause: the rates are shifted by one place: nothing is dropped after the first block, 3/4 of top in the hidden layer
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = [0.0] + rising(dropout, 4)[:3]
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: keep probabilities
# cause: 1 − rate is handed to drop, which takes a rate of dropping
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), 1 - rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), 1 - last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: layers named by hand
# cause: the linear layers are named by hand (fc1, fc2) instead of by Haiku, so stored weights do not fit
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width, name="fc1")(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes, name="fc2")(x)

# %% wrong: `if dropout > 0`
# cause: compares a traced dropout in an if, which fails under jit
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training and dropout > 0:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training and dropout > 0:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: two blocks only
# cause: the third block is missing
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2), rates):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: two hidden layers
# cause: there are two hidden linear layers instead of one
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        for _ in range(2):
            x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: pictures scaled
# cause: divides the images by 255 first; they come as they should be
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        x = x / 255
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: the class instead of logits
# cause: returns the most likely class [B] instead of logits [B, classes]
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x).argmax(axis=-1)

# %% wrong: features returned too
# cause: returns a tuple of logits and hidden values; only the logits are wanted
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x), x

# %% wrong: dropped before the block
# cause: drops before each block (the pictures too) instead of after it
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            if training:
                x = drop(hk.next_rng_key(), rate, x)
            x = double_conv(x, factor * self.width)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: the name not handed on
# cause: super().__init__() is not given the name, so a module with a name of its own is called vgg8 all the same
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__()
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: dropout 0.5 unless told
# cause: the default of dropout is 0.5 instead of 0.0
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.5, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(4 * self.width)(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)

# %% wrong: a hidden layer of 64W
# cause: hidden layer of 64W instead of 4W
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        *rates, last = rising(dropout, 4)
        for factor, rate in zip((1, 2, 4), rates, strict=True):
            x = double_conv(x, factor * self.width)
            if training:
                x = drop(hk.next_rng_key(), rate, x)
        x = hk.Flatten()(x)
        x = jax.nn.relu(hk.Linear(x.shape[-1])(x))
        if training:
            x = drop(hk.next_rng_key(), last, x)
        return hk.Linear(self.classes)(x)


# %% right: loop over the widths, an iterator of rates, hk.Flatten
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x, *, dropout=0.0, training=False):
        rates = iter(rising(dropout, 4))

        def regularise(x):
            return drop(hk.next_rng_key(), next(rates), x) if training else x

        for factor in (1, 2, 4):
            x = regularise(double_conv(x, factor * self.width))
        x = hk.Flatten()(x)
        x = regularise(jax.nn.relu(hk.Linear(4 * self.width)(x)))
        return hk.Linear(self.classes)(x)


# %% right: no loop, reshape, the rates unpacked, an extra default argument
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None, activation=jax.nn.relu):
        super().__init__(name=name)
        self.width = width
        self.classes = classes
        self.activation = activation

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        w, (first, second, third, fourth) = self.width, rising(dropout, 4)
        after = (lambda rate, x: drop(hk.next_rng_key(), rate, x)) if training else (lambda rate, x: x)
        x = after(first, double_conv(x, w))
        x = after(second, double_conv(x, 2 * w))
        x = after(third, double_conv(x, 4 * w))
        x = jnp.reshape(x, (x.shape[0], 64 * w))
        x = after(fourth, self.activation(hk.Linear(4 * w)(x)))
        return hk.Linear(self.classes)(x)


# %% right: the dropout as a function chosen once, an iterator of rates
class VGG8(hk.Module):
    def __init__(self, width: int, classes: int = 10, name: str | None = None):
        super().__init__(name=name)
        self.width, self.classes = width, classes

    def __call__(self, x: jax.Array, *, dropout: float | jax.Array = 0.0, training: bool = False) -> jax.Array:
        rates = iter(rising(dropout, 4))
        after = (lambda h: drop(hk.next_rng_key(), next(rates), h)) if training else (lambda h: h)
        for factor in (1, 2, 4):
            x = after(double_conv(x, factor * self.width))
        hidden = hk.Linear(4 * self.width)(jnp.reshape(x, (x.shape[0], -1)))
        return hk.Linear(self.classes)(after(jnp.clip(hidden, 0)))
