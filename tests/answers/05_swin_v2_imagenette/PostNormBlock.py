# %% right: two lines
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% right: a loop over the branches
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        for name, branch in (("norm1", self.attention), ("norm2", self.mlp)):
            y = nn.LayerNorm(1e-5, scale_init=nn.initializers.zeros_init(), name=name)(branch(x))
            x = x + DropPath(rate=self.drop_path)(y, train)
        return x


# %% right: partial for the norms
from functools import partial

_Norm = partial(nn.LayerNorm, epsilon=1e-5, scale_init=nn.initializers.constant(0.0), use_fast_variance=False)


class PostNormBlock(nn.Module):
    """A block with res-post-norm."""

    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x, train=False):
        branch = _Norm(name="norm1")(self.attention(x))
        x += DropPath(self.drop_path)(branch, train)
        branch = _Norm(name="norm2")(self.mlp(x))
        x += DropPath(self.drop_path)(branch, train)
        return x


# %% right: setup instead of compact
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    def setup(self):
        self.norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros)
        self.norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros)
        self.drop1, self.drop2 = DropPath(self.drop_path), DropPath(self.drop_path)

    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x = x + self.drop1(self.norm1(self.attention(x)), train)
        return x + self.drop2(self.norm2(self.mlp(x)), train)


# %% right: one DropPath, called twice
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        drop = DropPath(self.drop_path)
        zero = dict(epsilon=1e-5, scale_init=jax.nn.initializers.zeros)
        x = x + drop(nn.LayerNorm(name="norm1", **zero)(self.attention(x)), train)
        return x + drop(nn.LayerNorm(name="norm2", **zero)(self.mlp(x)), train)


# %% right: a method for the branch
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    def branch(self, x, layer, norm, train):
        return x + DropPath(self.drop_path)(norm(layer(x)), train)

    def norm(self, name):
        return nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name=name)

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x = self.branch(x, self.attention, self.norm("norm1"), train)
        return self.branch(x, self.mlp, self.norm("norm2"), train)


# %% right: own initialiser, fields of other types
from typing import Any, Callable


def _zeros(key, shape, dtype=jnp.float32):
    return jnp.zeros(shape, dtype)


class PostNormBlock(nn.Module):
    attention: Callable[[jax.Array], jax.Array]
    mlp: Any
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        attended = nn.LayerNorm(epsilon=1e-5, scale_init=_zeros, name="norm1")(self.attention(x))
        x = jnp.add(x, DropPath(self.drop_path)(attended, train))
        mixed = nn.LayerNorm(epsilon=1e-5, scale_init=_zeros, name="norm2")(self.mlp(x))
        return jnp.add(x, DropPath(self.drop_path)(mixed, train))


# %% right: inherited fields
class _Block(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    def normed(self, name, x):
        return nn.LayerNorm(epsilon=1e-5, name=name, scale_init=nn.initializers.zeros)(x)


class PostNormBlock(_Block):
    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        y = x + DropPath(self.drop_path)(self.normed("norm1", self.attention(x)), train)
        z = y + DropPath(self.drop_path)(self.normed("norm2", self.mlp(y)), train)
        return z


# %% right: setup for the norms, DropPath in compact
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    def setup(self):
        self.norm1, self.norm2 = (nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros) for _ in range(2))

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x = x + DropPath(self.drop_path)(self.norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(self.norm2(self.mlp(x)), train)


# %% right: a subclass of LayerNorm with other defaults
class _ZeroNorm(nn.LayerNorm):
    epsilon: float = 1e-5
    scale_init: nn.initializers.Initializer = nn.initializers.zeros


class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x = x + DropPath(self.drop_path)(_ZeroNorm(name="norm1")(self.attention(x)), train=train)
        return x + DropPath(self.drop_path)(_ZeroNorm(name="norm2")(self.mlp(x)), train=train)


# %% right: reduced with functools
from functools import reduce


class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        def add(x, step):
            name, branch = step
            norm = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name=name)
            return x + DropPath(self.drop_path)(norm(branch(x)), train)

        return reduce(add, {"norm1": self.attention, "norm2": self.mlp}.items(), x)


# %% right: walrus, one expression
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        def norm(name):
            return nn.LayerNorm(epsilon=1e-5, scale_init=lambda key, shape, dtype: jnp.zeros(shape, dtype), name=name)

        return (y := x + DropPath(self.drop_path)(norm("norm1")(self.attention(x)), train)) + DropPath(self.drop_path)(
            norm("norm2")(self.mlp(y)), train
        )


# %% right: no DropPath where nothing is dropped
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        def drop(branch):
            return DropPath(self.drop_path)(branch, train) if train and self.drop_path > 0 else branch

        x = x + drop(nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")(self.attention(x)))
        return x + drop(nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")(self.mlp(x)))


# %% wrong: pre-norm
# cause: normalised before the branches (version 1) instead of after them
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(self.attention(norm1(x)), train)
        return x + DropPath(self.drop_path)(self.mlp(norm2(x)), train)


# %% wrong: the sum is normalised
# cause: the sum of input and branch is normalised (post-norm), not the branch alone: the residual path is lost
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = norm1(x + DropPath(self.drop_path)(self.attention(x), train))
        return norm2(x + DropPath(self.drop_path)(self.mlp(x), train))


# %% wrong: scale begins at one
# cause: the norms' scale begins at one (Flax's default) instead of zero: a new block changes its input
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1, norm2 = nn.LayerNorm(epsilon=1e-5, name="norm1"), nn.LayerNorm(epsilon=1e-5, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: second scale begins at one
# cause: only norm1's scale begins at zero, that of norm2 at one
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(nn.LayerNorm(epsilon=1e-5, name="norm2")(self.mlp(x)), train)


# %% wrong: Flax's epsilon
# cause: Flax's own epsilon 1e-6 instead of 1e-5
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: number of channels as epsilon
# cause: LayerNorm's first argument is epsilon in Flax, not the number of channels as in PyTorch
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(x.shape[-1], scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(x.shape[-1], scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: epsilon in the first norm only
# cause: norm2 has Flax's epsilon of 1e-6, only norm1 has 1e-5
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: no names
# cause: the normalisations have Flax's names LayerNorm_0 and LayerNorm_1, not norm1 and norm2
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros)
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros)
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: names exchanged
# cause: the attention's norm is called norm2 and the MLP's norm1
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: one norm for both
# cause: both branches share one normalisation and its weights; there must be two
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        x = x + DropPath(self.drop_path)(norm(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm(self.mlp(x)), train)


# %% wrong: norms without weights
# cause: the norms have neither scale nor bias and the branch is multiplied by zero: the scale can't be learnt
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, use_scale=False, use_bias=False, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, use_scale=False, use_bias=False, name="norm2")
        x = x + DropPath(self.drop_path)(0.0 * norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(0.0 * norm2(self.mlp(x)), train)


# %% wrong: no bias
# cause: the norms lack their bias (use_bias=False)
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, use_bias=False, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, use_bias=False, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: RMSNorm
# cause: RMSNorm subtracts no mean and has no bias; nn.LayerNorm is asked for
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.RMSNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.RMSNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: statistics over the whole map
# cause: mean and variance are taken over rows, columns and channels instead of over the channels of each token
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        options = dict(epsilon=1e-5, scale_init=nn.initializers.zeros, reduction_axes=(1, 2, 3))
        x = x + DropPath(self.drop_path)(nn.LayerNorm(name="norm1", **options)(self.attention(x)), train)
        return x + DropPath(self.drop_path)(nn.LayerNorm(name="norm2", **options)(self.mlp(x)), train)


# %% wrong: bias begins at one
# cause: the bias begins at one, so a new block adds one to everything
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        options = dict(epsilon=1e-5, scale_init=nn.initializers.zeros, bias_init=nn.initializers.ones)
        x = x + DropPath(self.drop_path)(nn.LayerNorm(name="norm1", **options)(self.attention(x)), train)
        return x + DropPath(self.drop_path)(nn.LayerNorm(name="norm2", **options)(self.mlp(x)), train)


# %% wrong: no residual around the MLP
# cause: the second branch replaces x instead of being added to it
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: branches side by side
# cause: the MLP gets the block's input and not what the attention branch left (parallel branches)
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        first = DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + first + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: the block's input added twice
# cause: the second branch is added to the block's input instead of to what came out of the first
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        y = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(y)), train)


# %% wrong: MLP first
# cause: the MLP branch comes before the attention branch
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)
        return x + DropPath(self.drop_path)(norm1(self.attention(x)), train)


# %% wrong: residual dropped too
# cause: drop path is applied to the sum, so that the input of dropped examples is lost as well
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = DropPath(self.drop_path)(x + norm1(self.attention(x)), train)
        return DropPath(self.drop_path)(x + norm2(self.mlp(x)), train)


# %% wrong: dropped before the norm
# cause: drop path comes before the norm, which undoes its scaling and turns a dropped branch into the norm's bias
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + norm1(DropPath(self.drop_path)(self.attention(x), train))
        return x + norm2(DropPath(self.drop_path)(self.mlp(x), train))


# %% wrong: no drop path
# cause: drop_path is a field that nobody uses: nothing is ever dropped
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        x = x + nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")(self.attention(x))
        return x + nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")(self.mlp(x))


# %% wrong: drop path in one branch only
# cause: the MLP's branch is never dropped
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + norm2(self.mlp(x))


# %% wrong: both branches dropped together
# cause: one decision for both branches of an example; each branch is to be dropped by itself
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        y = x + norm1(self.attention(x))
        y = y + norm2(self.mlp(y))
        return x + DropPath(self.drop_path)(y - x, train)


# %% wrong: never in training
# cause: DropPath always gets train=False, so nothing is dropped in training either
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), False)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), False)


# %% wrong: always in training
# cause: DropPath always gets train=True: evaluation drops branches too, and fails without a key for drop_path
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), True)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), True)


# %% wrong: rate of keeping
# cause: DropPath gets 1 - drop_path, the probability to keep, where it wants that of dropping
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(1 - self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(1 - self.drop_path)(norm2(self.mlp(x)), train)


# %% wrong: Dropout for DropPath
# cause: nn.Dropout drops single numbers of a branch; DropPath leaves out whole branches of examples
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        drop = nn.Dropout(self.drop_path, deterministic=not train, rng_collection="drop_path")
        x = x + drop(norm1(self.attention(x)))
        return x + drop(norm2(self.mlp(x)))


# %% wrong: train handed on
# cause: attention and mlp are called with (x, train), but they take x only
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x, train)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x, train)), train)


# %% wrong: normalised before and after
# cause: each branch is normalised before it too (with the same norm); only what comes out is to be normalised
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(norm1(x))), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(norm2(x))), train)


# %% wrong: attention only
# cause: the MLP's branch is missing
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        return x + DropPath(self.drop_path)(norm1(self.attention(x)), train)


# %% wrong: layers without compact
# cause: without @nn.compact (or setup) Flax allows no layers to be made in __call__
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm1 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm1")
        norm2 = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.zeros, name="norm2")
        x = x + DropPath(self.drop_path)(norm1(self.attention(x)), train)
        return x + DropPath(self.drop_path)(norm2(self.mlp(x)), train)


# %% right: loop over the two branches, keyword calls
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        for name, layer in {"norm1": self.attention, "norm2": self.mlp}.items():
            norm = nn.LayerNorm(epsilon=1e-5, scale_init=nn.initializers.constant(0.0), name=name)
            x = x + DropPath(rate=self.drop_path)(norm(layer(x)), train=train)
        return x


# %% right: nested helper and a lambda as initialiser
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        def zero(key, shape, dtype=jnp.float32):
            return jnp.zeros(shape, dtype)

        def residual(x, layer, number):
            branch = nn.LayerNorm(1e-5, scale_init=zero, name=f"norm{number}")(layer(x))
            return DropPath(self.drop_path)(branch, train) + x

        return residual(residual(x, self.attention, 1), self.mlp, 2)


# %% right: the norm by a helper with partial, the branches from a table, the sum by a fold
from functools import partial, reduce


class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm = partial(nn.LayerNorm, 1e-5, scale_init=nn.initializers.constant(0.0))

        def add(x, pair):
            number, branch = pair
            y = norm(name=f"norm{number}")(branch(x))
            return jnp.add(DropPath(rate=self.drop_path)(y, train=train), x)

        return reduce(add, enumerate((self.attention, self.mlp), start=1), x)
