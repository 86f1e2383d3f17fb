# %% right: meshgrid and stack
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1)
    x = 8 * x / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% right: one axis computed, then laid out twice
def log_coordinates(window, trained=0):
    reach = (trained if trained else window) - 1
    x = np.arange(-window + 1, window) / reach * 8
    x = np.copysign(np.log2(1 + abs(x)) / 3, x)
    table = np.empty((len(x), len(x), 2), dtype=np.float32)
    table[..., 0], table[..., 1] = x[:, None], x[None, :]
    return table


# %% right: two Python loops
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    def squash(offset):
        x = 8 * offset / ((window if trained == 0 else trained) - 1)
        return math.copysign(math.log2(abs(x) + 1) / math.log2(8), x)

    n = 2 * window - 1
    rows = [[(squash(i - window + 1), squash(j - window + 1)) for j in range(n)] for i in range(n)]
    return np.array(rows, dtype=np.float32)


# %% right: `np.indices` and `moveaxis`
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    x = np.moveaxis(np.indices((2 * window - 1,) * 2), 0, -1) - (window - 1.0)
    x *= 8 / ((trained or window) - 1)
    return np.float32(np.sign(x) * np.log1p(np.abs(x)) / np.log(8))


# %% right: `mgrid`, in place
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    grid = np.mgrid[1 - window : window, 1 - window : window].transpose(1, 2, 0).astype(np.float64)
    grid *= 8.0
    grid /= trained - 1 if trained else window - 1
    sign = np.sign(grid)
    return np.multiply(sign, np.log2(np.abs(grid) + 1.0) / np.log2(8.0), dtype=np.float64).astype(np.float32)


# %% right: linspace
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    edge = 8 * (window - 1) / (trained - 1) if trained != 0 else 8
    x = np.linspace(-edge, edge, 2 * window - 1)
    x = np.where(x < 0, -1, 1) * np.emath.logn(8, np.abs(x) + 1)
    return np.dstack(np.broadcast_arrays(x[:, None], x[None])).astype(np.float32)


# %% right: `np.fromfunction`
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    def entry(i, j, which):
        x = 8 * (np.where(which == 0, i, j) - window + 1) / ((trained or window) - 1)
        return np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)

    return np.fromfunction(entry, (2 * window - 1, 2 * window - 1, 2)).astype(np.float32)


# %% right: JAX inside, evaluated while tracing
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    with jax.ensure_compile_time_eval():
        x = jnp.arange(1 - window, window) * 8.0 / ((trained or window) - 1)
        x = jnp.sign(x) * jnp.log2(jnp.abs(x) + 1) / 3
        table = jnp.stack(jnp.meshgrid(x, x, indexing="ij"), axis=-1)
        return np.asarray(table, dtype=np.float32)


# %% right: half an axis and its mirror
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    half = np.log2(np.arange(1, window) * 8 / ((trained or window) - 1) + 1) / np.log2(8)
    x = np.concatenate([-half[::-1], [0.0], half])
    return np.stack([np.repeat(x[:, None], x.size, 1), np.tile(x, (x.size, 1))], -1).astype("float32")


# %% right: `itertools.product`
from itertools import product


def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    x = np.array(list(product(range(1 - window, window), repeat=2)), np.float64)
    x = x / ((trained or window) - 1) * 8
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32).reshape(2 * window - 1, -1, 2)


# %% right: a callable object, its sizes as properties
class _LogCoordinates:
    scale = 8

    def squash(self, x):
        return np.sign(x) * np.log(np.abs(x) + 1) / math.log(self.scale)

    def __call__(self, window: int, trained: int = 0) -> np.ndarray:
        x = self.squash(self.scale * np.arange(1 - window, window) / ((trained or window) - 1))
        return np.stack(np.meshgrid(x, x)[::-1], axis=-1).astype(np.float32)


log_coordinates = _LogCoordinates()

# %% right: float32 from the start
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    reach = np.float32(window - 1)
    if trained:
        reach = np.float32(trained - 1)
    x = np.arange(-(window - 1), window, dtype=np.float32) / reach * np.float32(8)
    x = np.sign(x) * (np.log2(np.abs(x) + np.float32(1)) / np.log2(np.float32(8)))
    shape = (2 * window - 1, 2 * window - 1)
    return np.stack((np.broadcast_to(x.reshape(-1, 1), shape), np.broadcast_to(x, shape)), axis=2)


# %% wrong: columns first
# cause: meshgrid without indexing="ij" gives columns first; rows come first here
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: sign lost
# cause: the sign is lost: offsets up and down get the same number
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: without + 1
# cause: the + 1 in the logarithm is missing, the offset 0 gives NaN
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x)) / np.log2(8)).astype(np.float32)


# %% wrong: + 1 inside of the magnitude
# cause: |x + 1| instead of |x| + 1: not symmetric, and wrong for all negative offsets
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x + 1)) / np.log2(8)).astype(np.float32)


# %% wrong: divided by window
# cause: divided by window instead of window - 1: the edge is not at 8
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window + 1) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: divided by trained
# cause: with `trained` the offsets are divided by trained instead of trained - 1
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / (trained or window - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: trained ignored
# cause: `trained` is ignored, the edge of the window is at 8 always
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / (window - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: trained - 1 is never zero
# cause: (trained - 1) or (window - 1) is -1 where trained is 0: it must be asked before 1 is subtracted
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained - 1) or (window - 1))
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: the greater of the windows
# cause: divides by the greater of both windows less 1; `trained` counts wherever it is not 0, also if it is greater
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / (max(window, trained) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: the trained window's table
# cause: the table of the trained window is returned, with its number of offsets
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    window = trained or window
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / (window - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: without the 8
# cause: the offsets are not multiplied by 8 before the logarithm
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: multiplied by 8 too late
# cause: the 8 is multiplied after the logarithm instead of before
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (8 * np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: linear
# cause: the offsets stay linear, step 2 (the logarithm) is missing
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (8 * x).astype(np.float32)


# %% wrong: without the division by log 8
# cause: the division by log₂ 8 = 3 is missing
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1)).astype(np.float32)


# %% wrong: two kinds of logarithm
# cause: natural logarithm above, logarithm to base 2 below the fraction: both must have the same base
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: divided by 8
# cause: divided by 8 instead of log₂ 8 = 3
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / 8).astype(np.float32)


# %% wrong: the paper's formula
# cause: the logarithm of the offsets themselves (the paper's formula), without scaling to the window
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1)
    return (np.sign(x) * np.log(np.abs(x) + 1)).astype(np.float32)


# %% wrong: whole division
# cause: whole-number division // throws away all but the edge of the window
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) // ((trained or window) - 1) * 8
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: offsets of one side
# cause: only offsets 0 … window - 1 and not the negative ones: the table is [window, window, 2]
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: off by one
# cause: the offsets begin at -window instead of 1 - window, one too many
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(-window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: opposite direction
# cause: the offsets run from window - 1 down to 1 - window, the signs are the wrong way round
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(window - 1, -window, -1)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: flattened
# cause: the two axes of offsets are flattened to one, [(2·window-1)², 2]
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32).reshape(-1, 2)


# %% wrong: coordinates in front
# cause: stacked along the first axis: [2, 2·window-1, 2·window-1] instead of the two numbers last
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij")) / ((trained or window) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: cut off at the edge
# cause: coordinates beyond the trained window's edge are clipped, they must go on growing
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or window) - 1)
    x = np.clip(x, -8, 8)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: hard-coded window of 8
# cause: divides by 7 for every window, right for a window of 8 only
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    offsets = np.arange(1 - window, window)
    x = 8 * np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) / ((trained or 8) - 1)
    return (np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)).astype(np.float32)


# %% wrong: rows and columns the same
# cause: both numbers of an entry are the row's offset
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    x = 8 * np.arange(1 - window, window) / ((trained or window) - 1)
    x = np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)
    return np.broadcast_to(x[:, None, None], (x.size, x.size, 2)).astype(np.float32)


# %% right: np.indices, log1p, copysign
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    assert window >= 2
    offsets = np.moveaxis(np.indices((2 * window - 1,) * 2), 0, -1) - (window - 1)
    scaled = 8.0 * offsets / ((trained or window) - 1)
    return np.copysign(np.log1p(np.abs(scaled)) / np.log(8), scaled).astype(np.float32)


# %% right: one axis, then broadcast into an empty array
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    edge = trained - 1 if trained != 0 else window - 1
    line = np.linspace(-(window - 1), window - 1, num=2 * window - 1) * (8 / edge)
    line = np.sign(line) * np.log2(1 + abs(line)) / 3
    result = np.empty((line.size, line.size, 2), dtype=np.float32)
    result[..., 0], result[..., 1] = line[:, np.newaxis], line
    return result


# %% wrong: counts from -8 to 8 with np.arange and a step, up to below 9 (windows of 10 or more: too many entries)
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    step = 8 / (window - 1)
    offsets = np.arange(-8, 9, step)
    if trained:
        offsets = offsets * (window - 1) / (trained - 1)
    line = np.sign(offsets) * np.log2(np.abs(offsets) + 1) / np.log2(8)
    return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).astype(np.float32)


# %% right: in Python numbers, entry by entry, with log1p and a quarter turned round
def log_coordinates(window: int, trained: int = 0) -> np.ndarray:
    edge = (window if trained == 0 else trained) - 1
    half = [math.log1p(8 * steps / edge) / math.log(8) for steps in range(window)]
    line = [-value for value in half[:0:-1]] + half
    return np.array([[(down, right) for right in line] for down in line], dtype="float32")
