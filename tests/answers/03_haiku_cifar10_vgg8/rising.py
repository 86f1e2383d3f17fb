# %% right: a comprehension
def rising(top: float | jax.Array, depth: int) -> list:
    return [top * (place + 1) / depth for place in range(depth)]

# %% right: `jnp.linspace` without its start
def rising(top, depth):
    return list(jnp.linspace(0, top, depth + 1)[1:])

# %% right: a loop with append
def rising(top, depth):
    rates, step = [], top / depth
    for number in range(1, depth + 1):
        rates.append(number * step)
    return rates

# %% right: `itertools.accumulate`
from itertools import accumulate, repeat

def rising(top, depth):
    return list(accumulate(repeat(top / depth, depth)))

# %% right: `jnp.arange`
def rising(top, depth):
    return [*(top * jnp.arange(1, depth + 1) / depth)]

# %% right: `map` and a lambda
rising = lambda top, depth: list(map(lambda share: share * top, (n / depth for n in range(1, 1 + depth))))

# %% right: `lax.scan`
def rising(top, depth):
    def step(rate, _):
        rate = rate + jnp.float32(top) / depth
        return rate, rate

    _, rates = jax.lax.scan(step, jnp.float32(0.0), length=depth)
    return [rates[place] for place in range(depth)]

# %% right: recursion
def rising(top, depth):
    if depth == 1:
        return [top]
    return rising(top - top / depth, depth - 1) + [top]

# %% right: jit with a static depth
import functools

@functools.partial(jax.jit, static_argnames="depth")
def rising(top, depth):
    return [top * number / depth for number in range(1, depth + 1)]

# %% right: from the top down, then turned round
def rising(top, depth):
    rates = [top - place * top / depth for place in range(depth)]
    rates.reverse()
    return rates

# %% right: `vmap` and `tuple` unpacked
def rising(top, depth):
    numbers = jnp.arange(depth, dtype=jnp.float32)
    rates = jax.vmap(lambda n: top * (n + 1.0) / depth)(numbers)
    return list(rates)

# %% right: `jnp.cumsum` and `jnp.split`, back to scalars
def rising(top, depth):
    rates = jnp.cumsum(jnp.full(depth, top / depth))
    return [part.reshape(()) for part in jnp.split(rates, depth)]

# %% right: a callable object over weights from NumPy
class Rising:
    def __call__(self, top, depth, *, start=0.0):
        return [start + (top - start) * float(share) for share in np.linspace(0, 1, depth + 1)[1:]]

rising = Rising()

# %% right: a generator function before it
def climb(top, depth):
    rate = 0.0
    while depth:
        rate = rate + (top - rate) / depth
        depth -= 1
        yield rate

def rising(top, depth):
    return [*climb(top, depth)]

# %% wrong: starts at 0
# cause: linspace(0, top, depth) begins with 0; the first rate must be one step above 0
def rising(top, depth):
    return list(jnp.linspace(0, top, depth))

# %% wrong: range from 0
# cause: range(depth) counts from 0: the first rate is 0 and the last is one step below top
def rising(top, depth):
    return [top * place / depth for place in range(depth)]

# %% wrong: the same rate everywhere
# cause: all rates are top; they should rise
def rising(top, depth):
    return [top] * depth

# %% wrong: an array
# cause: returns a JAX array instead of a Python list
def rising(top, depth):
    return jnp.linspace(0, top, depth + 1)[1:]

# %% wrong: a tuple
# cause: returns a tuple instead of a Python list
def rising(top, depth):
    return tuple(top * (place + 1) / depth for place in range(depth))

# %% wrong: falls instead of rising
# cause: the order is turned round: the first rate is top
def rising(top, depth):
    return [top * (depth - place) / depth for place in range(depth)]

# %% wrong: `tolist`
# cause: tolist makes Python floats, which a traced top does not allow
def rising(top, depth):
    return jnp.linspace(0, top, depth + 1)[1:].tolist()

# %% wrong: NumPy's linspace
# cause: np.linspace turns top into a NumPy number, which fails for a traced top
def rising(top, depth):
    return list(np.linspace(0, top, depth + 1)[1:])

# %% wrong: four rates whatever the depth
# cause: depth is ignored: always four rates
def rising(top, depth):
    return [top / 4, top / 2, 3 * top / 4, top]

# %% wrong: depth + 1 in the denominator
# cause: the step is top/(depth + 1), so the last rate does not reach top
def rising(top, depth):
    return [top * number / (depth + 1) for number in range(1, depth + 1)]

# %% wrong: from one step to top in too few steps
# cause: the step is top/(depth − 1) from 0 on, as between fence posts; the first rate is 0 (and depth 1 divides by 0)
def rising(top, depth):
    return [top * place / (depth - 1) for place in range(depth)]

# %% wrong: doubling
# cause: the rates double (top/8, top/4, …) instead of rising in equal steps
def rising(top, depth):
    return [top / 2 ** (depth - number) for number in range(1, depth + 1)]

# %% wrong: whole numbers
# cause: // instead of /: the rates are rounded down to whole numbers
def rising(top, depth):
    return [top * number // depth for number in range(1, depth + 1)]

# %% wrong: a generator
# cause: returns a generator, which is no list and is used up after one loop
def rising(top, depth):
    return (top * number / depth for number in range(1, depth + 1))

# %% wrong: 0 included
# cause: returns depth + 1 rates, the 0 at the start included
def rising(top, depth):
    return list(jnp.linspace(0, top, depth + 1))

# %% wrong: the last one missing
# cause: range(1, depth) ends one too early; top itself is missing
def rising(top, depth):
    return [top * number / depth for number in range(1, depth)]

# %% wrong: squares
# cause: the rates rise with the square of the depth, not in equal steps
def rising(top, depth):
    return [top * (number / depth) ** 2 for number in range(1, depth + 1)]

# %% wrong: steps of 0.1
# cause: the step is fixed at 0.1, which is right for top=0.4 and depth=4 only
def rising(top, depth):
    return [top - 0.1 * (depth - number) for number in range(1, depth + 1)]

# %% wrong: not divided by depth
# cause: each step is top instead of top/depth
def rising(top, depth):
    return [top * number for number in range(1, depth + 1)]

# %% wrong: a list with one array
# cause: a list that holds one array of all rates instead of depth numbers
def rising(top, depth):
    return [top * jnp.arange(1, depth + 1) / depth]

# %% wrong: arrays of one number
# cause: the parts of jnp.split are arrays of shape [1], not numbers
def rising(top, depth):
    return jnp.split(jnp.linspace(0, top, depth + 1)[1:], depth)

# %% wrong: `arange` from 0
# cause: arange starts at 0 and leaves top out
def rising(top, depth):
    return [share * top for share in np.arange(0, 1, 1 / depth).tolist()]

# %% wrong: rates of keeping
# cause: returns 1 − rate, the share that is kept, instead of the rate of dropping
def rising(top, depth):
    return [1 - top * number / depth for number in range(1, depth + 1)]

# %% wrong: the middles of the steps
# cause: half a step too low everywhere; the last rate must be top
def rising(top, depth):
    return [top * (place + 0.5) / depth for place in range(depth)]

# %% wrong: from top/2 on
# cause: begins at top/2; the first rate must be one step above 0
def rising(top, depth):
    return list(jnp.linspace(top / 2, top, depth))

# %% wrong: rounded to one decimal
# cause: rates are rounded to one decimal, which hides 0.125
def rising(top, depth):
    return [jnp.round(top * number / depth, 1) for number in range(1, depth + 1)]

# %% wrong: added up twice
# cause: the steps themselves grow: the cumulative sum is taken of rates that rise already
def rising(top, depth):
    return list(jnp.cumsum(top * jnp.arange(1, depth + 1) / depth))


# %% right: linspace from 0 without its first element, as a list of JAX scalars
def rising(top, depth):
    return list(jnp.linspace(0, top, depth + 1)[1:])


# %% right: running sum of equal steps
from itertools import accumulate, repeat


def rising(top, depth):
    return [*accumulate(repeat(top / depth, depth))]


# %% wrong: counts up with arange to top + step, whose end rounding may include (for top=0.2, depth=2 and top=0.9, depth=5: one rate too many)
def rising(top, depth):
    step = top / depth
    if isinstance(top, (int, float)) and top > 0:
        return list(np.arange(step, top + step, step))
    return [step * (i + 1) for i in range(depth)]


# %% right: counted down from the top, then reversed
from fractions import Fraction


def rising(top: float | jax.Array, depth: int) -> list:
    return [*reversed([top * float(Fraction(depth - below, depth)) for below in range(depth)])]
