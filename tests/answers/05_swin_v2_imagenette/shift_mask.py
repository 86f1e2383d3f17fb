# %% right: the loop of the text
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    slices = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    region, number = np.zeros((height, width)), 0
    for rows in slices:
        for columns in slices:
            region[rows, columns] = number
            number += 1
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% right: regions by comparison with the borders
def shift_mask(height, width, window, shift):
    def parts(length):
        place = np.arange(length)
        return (place >= length - window).astype(int) + (place >= length - shift)

    region = 3 * parts(height)[:, None] + parts(width)[None, :]
    t = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3).reshape(-1, window**2)
    return np.float32(-100) * (t[:, :, None] != t[:, None, :]).astype(np.float32)


# %% right: two regions an axis are enough
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    wrapped_row, wrapped_column = np.arange(height) >= height - shift, np.arange(width) >= width - shift
    region = 2 * wrapped_row[:, None] + wrapped_column
    cut = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    mask = np.zeros((len(cut), window**2, window**2), np.float32)
    mask[cut[:, :, None] != cut[:, None, :]] = -100.0
    return mask


# %% right: Python loops all the way
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    def part(place, length):
        return 0 if place < length - window else 1 if place < length - shift else 2

    masks = []
    for top in range(0, height, window):
        for left in range(0, width, window):
            tokens = [
                (part(top + i, height), part(left + j, width)) for i in range(window) for j in range(window)
            ]
            masks.append([[0.0 if a == b else -100.0 for b in tokens] for a in tokens])
    return np.array(masks, dtype=np.float32)


# %% right: only the last row and column of windows are filled
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    down, right = height // window, width // window
    mask = np.zeros((down, right, window, window, window, window), np.float32)
    late = np.arange(window) >= window - shift
    strangers = np.where(late[:, None] == late[None, :], 0, -100).astype(np.float32)
    mask[-1] = np.minimum(mask[-1], strangers[:, None, :, None])
    mask[:, -1] = np.minimum(mask[:, -1], strangers[None, :, None, :])
    return mask.reshape(down * right, window**2, window**2)


# %% right: rows and columns by themselves, Kronecker products
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    def same(length):
        part = np.digitize(np.arange(length), [length - window, length - shift]).reshape(-1, window)
        return (part[:, :, None] == part[:, None, :]).astype(int)

    both = np.stack([np.kron(r, c) for r in same(height) for c in same(width)])
    return (-100.0 * (1 - both)).astype(np.float32)


# %% right: einsum of "same row part" and "same column part"
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    def same(length):
        part = (np.arange(length) >= length - shift).reshape(-1, window)
        return np.equal(part[:, :, None], part[:, None, :]).astype(np.float32)

    both = np.einsum("aik,bjl->abijkl", same(height), same(width)).reshape(-1, window**2, window**2)
    return (both - 1) * np.float32(100)


# %% right: original places tell who was wrapped
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    rows, columns = np.indices((height, width))
    rows, columns = (np.roll(each, (-shift, -shift), (0, 1)) for each in (rows, columns))

    def cut(x):
        return x.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)

    rows, columns = cut(rows), cut(columns)
    near_rows = abs(rows[:, :, None] - rows[:, None, :]) < window
    near_columns = abs(columns[:, :, None] - columns[:, None, :]) < window
    return np.where(near_rows & near_columns, np.float32(0), np.float32(-100))


# %% right: with `window_partition` of exercise 1, evaluated while tracing
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    rows = np.repeat([0, 1, 2], [height - window, window - shift, shift])
    columns = np.repeat([0, 1, 2], [width - window, window - shift, shift])
    region = np.add.outer(3 * rows, columns)[None, :, :, None]
    with jax.ensure_compile_time_eval():
        region = np.asarray(window_partition(jnp.asarray(region), window))[0, :, :, 0]
    return np.where(region[:, :, None] == region[:, None, :], 0, -100).astype("float32")


# %% right: JAX for the sums, NumPy returned
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    with jax.ensure_compile_time_eval():
        r, c = (jnp.searchsorted(jnp.array([n - window, n - shift]), jnp.arange(n), "right") for n in (height, width))
        region = (10 * r[:, None] + c).reshape(height // window, window, width // window, window)
        region = region.transpose(0, 2, 1, 3).reshape(-1, window**2)
        mask = jax.vmap(lambda t: jnp.where(t[:, None] == t, 0.0, -100.0))(region)
        return np.asarray(mask, dtype=np.float32)


# %% right: cached and copied
from functools import lru_cache


@lru_cache
def _mask(height, width, window, shift):
    n, t = np.arange(height // window * (width // window)), np.arange(window**2)
    row = n[:, None] // (width // window) * window + t // window
    column = n[:, None] % (width // window) * window + t % window
    code = 2 * (row >= height - shift) + (column >= width - shift)
    return (np.not_equal(code[:, :, None], code[:, None, :]) * -100.0).astype(np.float32) + np.float32(0)


def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    return _mask(height, width, window, shift).copy()


# %% right: filled one window at a time
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = np.zeros((height, width), int)
    region[-shift:, :] += 1
    region[:, -shift:] += 2
    count, tokens = (height // window) * (width // window), window * window
    mask = np.full((count, tokens, tokens), -100, dtype=np.float32)
    for number in range(count):
        top, left = (each * window for each in divmod(number, width // window))
        flat = region[top : top + window, left : left + window].flatten()
        for query in range(tokens):
            mask[number, query, flat == flat[query]] = 0
    return mask


# %% wrong: sign of 100
# cause: +100 is added for strangers, which draws attention to them; it must be -100
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, 100.0).astype(np.float32)


# %% wrong: inverted
# cause: 0 and -100 are exchanged: strangers may attend to each other and neighbours may not
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] != region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: minus infinity
# cause: strangers get -inf, the task (as the reference) adds -100
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -np.inf).astype(np.float32)


# %% wrong: a mask of booleans
# cause: True and False instead of 0.0 and -100.0, a mask to select by and not one to add
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return region[:, None, :] == region[:, :, None]


# %% wrong: whole numbers
# cause: the mask is of integers, the task wants float32
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0, -100)


# %% wrong: the first `shift` places as wrapped
# cause: the first `shift` rows and columns are taken as wrapped round; after a roll by -shift it is the last ones
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) < shift)[:, None] + (np.arange(width) < shift)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: window - shift places as wrapped
# cause: the border is at `shift` in the last window and not `shift` from its end; right only for shift = window / 2
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    wrapped = window - shift
    region = 2 * (np.arange(height) >= height - wrapped)[:, None] + (np.arange(width) >= width - wrapped)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: always half a window
# cause: the shift is taken as window // 2 and the argument ignored
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    half = window // 2
    region = 2 * (np.arange(height) >= height - half)[:, None] + (np.arange(width) >= width - half)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: off by one
# cause: the wrapped part begins one place too early (-shift - 1)
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = np.zeros((height, width))
    region[-shift - 1 :] += 1
    region[:, -shift - 1 :] += 2
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: regions that share a number
# cause: row part + column part gives different regions the same number (0+1 and 1+0); it must be 3 · row + column
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    rows, columns = (np.digitize(np.arange(n), [n - window, n - shift]) for n in (height, width))
    region = rows[:, None] + columns[None, :]
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: product of the parts
# cause: row part · column part is zero for many regions at once, they can't be told apart
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    rows, columns = (np.digitize(np.arange(n), [n - window, n - shift]) for n in (height, width))
    region = rows[:, None] * columns[None, :]
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: the number is not counted on
# cause: `number += 1` stands in the outer loop, so the three regions of a row of regions share a number
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    slices = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    region, number = np.zeros((height, width)), 0
    for rows in slices:
        for columns in slices:
            region[rows, columns] = number
        number += 1
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: columns only
# cause: only the columns are divided into parts, tokens from top and bottom still see each other
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = np.broadcast_to(np.arange(width) >= width - shift, (height, width))
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: masked only where both differ
# cause: tokens are masked only if row part and column part differ both; one of them is enough
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    def cut(x):
        return x.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)

    rows = cut(np.broadcast_to((np.arange(height) >= height - shift)[:, None], (height, width)))
    columns = cut(np.broadcast_to(np.arange(width) >= width - shift, (height, width)))
    strangers = (rows[:, :, None] != rows[:, None]) & (columns[:, :, None] != columns[:, None])
    return np.where(strangers, -100.0, 0.0).astype(np.float32)


# %% wrong: added up in the corner
# cause: the masks of rows and columns are added, so pairs that differ in both get -200
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    def cut(x):
        return x.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)

    rows = cut(np.broadcast_to((np.arange(height) >= height - shift)[:, None], (height, width)))
    columns = cut(np.broadcast_to(np.arange(width) >= width - shift, (height, width)))
    both = (rows[:, :, None] != rows[:, None]).astype(np.float32) + (columns[:, :, None] != columns[:, None])
    return np.float32(-100) * both


# %% wrong: difference of the numbers as weight
# cause: -100 is multiplied by the difference of the regions' numbers, it must be -100 wherever they differ
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    rows, columns = (np.digitize(np.arange(n), [n - window, n - shift]) for n in (height, width))
    region = 3 * rows[:, None] + columns
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return (-100.0 * np.abs(region[:, None, :] - region[:, :, None])).astype(np.float32)


# %% wrong: windows column by column
# cause: the regions are cut into windows column by column, so the masks belong to other windows
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(height // window, window, width // window, window).transpose(2, 0, 1, 3)
    region = region.reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: tokens column by column
# cause: within a window the tokens are numbered column by column instead of row by row
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 3, 1)
    region = region.reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: cut without a transpose
# cause: the map of regions is only reshaped, so "windows" are runs of places of a row
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: the whole map against itself
# cause: every token of the map is compared with every other of the map, not of its window
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = (2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)).ravel()
    return np.where(region[None, None, :] == region[None, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: an axis for heads
# cause: an axis for the heads is inserted, [N, 1, T, T]; the task wants [N, T, T]
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, None, :] == region[:, None, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: square maps only
# cause: the map is taken as height × height; the width is ignored
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    late, side = np.arange(height) >= height - shift, height // window
    region = (2 * late[:, None] + late).reshape(side, window, side, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: windows before the roll as regions
# cause: the regions are the old, unshifted windows, rolled; then also tokens that are neighbours get masked
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = (np.arange(height) // window * width)[:, None] + np.arange(width) // window
    region = np.roll(region, (-shift, -shift), (0, 1))
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: rolled once more
# cause: the regions are those of the rolled map already; here they are rolled a second time
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = np.roll(region, (-shift, -shift), (0, 1))
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, None, :] == region[:, :, None], 0.0, -100.0).astype(np.float32)


# %% wrong: one triangle only
# cause: only later tokens are masked from earlier ones (a causal triangle); the mask must be symmetric
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    region = 2 * (np.arange(height) >= height - shift)[:, None] + (np.arange(width) >= width - shift)
    region = region.reshape(height // window, window, width // window, window).swapaxes(1, 2).reshape(-1, window**2)
    return np.where(region[:, :, None] < region[:, None, :], -100.0, 0.0).astype(np.float32)


# %% right: np.digitize along each axis, the two axes combined
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    assert 0 < shift < window

    def same(length):
        region = np.digitize(np.arange(length), (length - window, length - shift)).reshape(-1, window)
        return region[:, :, None] == region[:, None, :]  # [windows, query, key]

    both = np.einsum("hik,wjl->hwijkl", same(height), same(width))
    return np.where(both.reshape(-1, window**2, window**2), np.float32(0), np.float32(-100))


# %% right: only wrapped or not matters inside a window; sliding_window_view
def shift_mask(height: int, width: int, window: int, shift: int) -> np.ndarray:
    wrapped_rows = np.arange(height) >= height - shift
    wrapped_columns = np.arange(width) >= width - shift
    code = np.add.outer(2 * wrapped_rows, wrapped_columns)  # [height, width] in 0..3
    tiles = np.lib.stride_tricks.sliding_window_view(code, (window, window))[::window, ::window]
    tiles = tiles.reshape(-1, window * window)
    mask = np.zeros((len(tiles), window * window, window * window), dtype=np.float32)
    mask[tiles[:, :, None] != tiles[:, None, :]] = -100
    return mask


# %% right: from the original positions: two tokens of a window are apart if their rows or columns were a window or more apart
def shift_mask(height, width, window, shift):
    row = (np.arange(height) + shift) % height
    column = (np.arange(width) + shift) % width
    far_down = abs(np.subtract.outer(row, row)) >= window
    far_right = abs(np.subtract.outer(column, column)) >= window
    masks = []
    for top in range(0, height, window):
        for left in range(0, width, window):
            rows, columns = slice(top, top + window), slice(left, left + window)
            apart = far_down[rows, rows][:, None, :, None] | far_right[columns, columns][None, :, None, :]
            masks.append(np.where(apart.reshape(window**2, window**2), np.float32(-100), np.float32(0)))
    return np.array(masks)
