# %% right: if and else
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    if compute >= memory:
        return compute, "compute"
    return memory, "memory"


# %% right: max by key over a dict, whose first wins
def roofline(m, k, n, itemsize, peak, bandwidth):
    flop = 2 * m * n * k
    moved = itemsize * (m * k + k * n + m * n)
    times = {"compute": flop / peak, "memory": moved / bandwidth}
    limit = max(times, key=times.get)
    return times[limit], limit


# %% right: max of tuples by their first
def roofline(m, k, n, itemsize, peak, bandwidth):
    shapes = [(m, k), (k, n), (m, n)]
    traffic = sum(itemsize * a * b for a, b in shapes)
    return max([((2 * m * k * n) / peak, "compute"), (traffic / bandwidth, "memory")], key=lambda pair: pair[0])


# %% right: math.prod and a namedtuple
import math
from collections import namedtuple

_Roof = namedtuple("Roof", "seconds limit")


def roofline(m, k, n, itemsize, peak, bandwidth):
    pairs = math.prod((m, k, n))
    by_compute = (pairs + pairs) / peak
    by_memory = itemsize * sum(map(math.prod, [(m, k), (k, n), (m, n)])) / bandwidth
    return _Roof(max(by_compute, by_memory), "memory" if by_memory > by_compute else "compute")


# %% right: floats from the beginning, by intensity
def roofline(m, k, n, itemsize, peak, bandwidth):
    flop = 2.0 * m * k * n
    size = float(itemsize) * (m * k + k * n + m * n)
    seconds = [flop / peak, size / bandwidth]
    return seconds[int(np.argmax(seconds))], ("compute", "memory")[int(np.argmax(seconds))]


# %% right: returns a list
def roofline(m, k, n, itemsize, peak, bandwidth):
    a, b = 2 * m * k * n / peak, itemsize * (m * k + k * n + m * n) / bandwidth
    return [a, "compute"] if a >= b else [b, "memory"]


# %% right: np.float64
def roofline(m, k, n, itemsize, peak, bandwidth):
    times = np.array([2 * m * k * n / peak, itemsize * (m * k + k * n + m * n) / bandwidth])
    return times.max(), ["compute", "memory"][times.argmax()]


# %% wrong: one operation each
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: the times added
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return compute + memory, "compute" if compute >= memory else "memory"


# %% wrong: max of tuples, a tie is memory
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return max((compute, "compute"), (memory, "memory"))


# %% wrong: the smaller
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return (compute, "compute") if compute <= memory else (memory, "memory")


# %% wrong: in int32
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = float(2 * jnp.prod(jnp.array([m, k, n])) / peak)
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: the result is not written
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n) * itemsize / bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: numbers, not bytes
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) / bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: one addition fewer
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = m * n * (2 * k - 1) / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: the result read and written
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + 2 * m * n) * itemsize / bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: both sides named the other way
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return (compute, "memory") if compute > memory else (memory, "compute")


# %% wrong: brackets
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n * itemsize) / bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: every operand read for each term
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (2 * m * k * n + m * n) * itemsize / bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: itemsize in bits
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / 8 / bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: whole seconds
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n // peak
    memory = (m * k + k * n + m * n) * itemsize // bandwidth
    return (compute, "compute") if compute >= memory else (memory, "memory")


# %% wrong: in float32
def roofline(m, k, n, itemsize, peak, bandwidth):
    m, k, n = jnp.float32(m), jnp.float32(k), jnp.float32(n)
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return jnp.maximum(compute, memory), jnp.where(compute >= memory, "compute", "memory")


# %% wrong: seconds only
def roofline(m, k, n, itemsize, peak, bandwidth):
    return max(2 * m * k * n / peak, (m * k + k * n + m * n) * itemsize / bandwidth)


# %% wrong: the name in capitals
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return (compute, "Compute") if compute >= memory else (memory, "Memory")


# %% wrong: decided by the ridge of square matrices' intensity, itemsize forgotten there
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    intensity = 2 * m * k * n / (m * k + k * n + m * n)
    return max(compute, memory), "compute" if intensity >= peak / bandwidth else "memory"


# %% wrong: isclose taken for a tie
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    if np.isclose(compute, memory) or compute > memory:
        return compute, "compute"
    return memory, "memory"


# %% wrong: rounded to microseconds
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    seconds = round(max(compute, memory), 6)
    return seconds, "compute" if compute >= memory else "memory"


# %% wrong: the limit by the smaller
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return max(compute, memory), "compute" if compute <= memory else "memory"


# %% wrong: performance, not time
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    flop = 2 * m * k * n
    reached = min(peak, bandwidth * flop / ((m * k + k * n + m * n) * itemsize))
    return reached, "compute" if reached == peak else "memory"


# %% wrong: milliseconds
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    return 1000 * max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: m read twice instead of n: m·k + k·n + k·n
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    memory = (m * k + 2 * k * n) * itemsize / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% right: by attainable performance
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    flop = 2 * m * k * n
    moved = (m * k + k * n + m * n) * itemsize
    return max(flop / peak, moved / bandwidth), "memory" if moved / bandwidth > flop / peak else "compute"


# %% right: intensity against the ridge, multiplied out
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    flop = 2 * m * k * n
    moved = (m * k + k * n + m * n) * itemsize
    if flop * bandwidth >= moved * peak:
        return flop / peak, "compute"
    return moved / bandwidth, "memory"


# %% right: intensity against the ridge
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) * itemsize / bandwidth
    flop = 2 * m * k * n
    moved = (m * k + k * n + m * n) * itemsize
    if flop / moved >= peak / bandwidth:
        return flop / peak, "compute"
    return moved / bandwidth, "memory"


# %% right: fractions
from fractions import Fraction


def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = Fraction(2 * m * k * n) / Fraction(peak)
    memory = Fraction(itemsize * (m * k + k * n + m * n)) / Fraction(bandwidth)
    return float(max(compute, memory)), "memory" if memory > compute else "compute"


# %% right: helper functions
def flop(m, k, n):
    return m * n * (k + k)


def moved(m, k, n):
    reads = m * k + k * n
    writes = m * n
    return reads + writes


def roofline(m, k, n, itemsize, peak, bandwidth):
    t = flop(m, k, n) / peak, moved(m, k, n) * itemsize / bandwidth
    return max(t), ("memory", "compute")[t[0] >= t[1]]


# %% right: `match`
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute, memory = 2 * m * k * n / peak, (m * k + k * n + n * m) * itemsize / bandwidth
    match memory > compute:
        case True:
            return memory, "memory"
        case _:
            return compute, "compute"


# %% right: attainable rate
def roofline(m, k, n, itemsize, peak, bandwidth):
    flops = 2 * m * n * k
    traffic = itemsize * sum([m * k, k * n, m * n])
    rate = min(peak, flops / traffic * bandwidth)
    return flops / rate, "compute" if rate == peak else "memory"


# %% wrong: float32 always
# cause: 4 bytes whatever itemsize says
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = 4 * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: peak and bandwidth exchanged
# cause: FLOP divided by the bandwidth, bytes by the peak
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / bandwidth
    memory = itemsize * (m * k + k * n + m * n) / peak
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: only the operands' and the result's number once, k left out
# cause: the right matrix is not read
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: FLOP of an addition of matrices
# cause: operations are counted as 2·m·n, without the k terms
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: multiplied by the bandwidth
# cause: bytes times bytes a second are no seconds
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) * bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: the limit first
# cause: the label comes first
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return "compute" if compute >= memory else "memory", max(compute, memory)


# %% wrong: compares operations with bytes
# cause: the limit is decided by counts, not by times
def roofline(m, k, n, itemsize, peak, bandwidth):
    flops, moved = 2 * m * k * n, itemsize * (m * k + k * n + m * n)
    if flops >= moved:
        return flops / peak, "compute"
    return moved / bandwidth, "memory"


# %% right: a dictionary, max by value (the first one wins a tie)
def roofline(m, k, n, itemsize, peak, bandwidth):
    times = {
        "compute": m * n * (k + k) / peak,
        "memory": itemsize * sum((m * k, k * n, m * n)) / bandwidth,
    }
    limit = max(times, key=times.get)
    return float(times[limit]), limit


# %% right: sorted pairs, a stable sort
def roofline(m, k, n, itemsize, peak, bandwidth):
    moved = itemsize * (m * n + k * (m + n))
    pairs = [(moved / bandwidth, "memory"), (2 * m * k * n / peak, "compute")]
    seconds, limit = sorted(pairs, key=lambda pair: pair[0])[-1]
    return seconds, limit


# %% wrong: a product with a vector is always limited by memory (n = 1 or m = 1 with a high bandwidth or a low peak)
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    if min(m, n) == 1 and memory < compute:
        return compute, "memory"
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: calls 5 % apart a tie (memory a little slower than compute: the name)
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * n * k / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    limit = "memory" if memory > compute and not math.isclose(compute, memory, rel_tol=0.05) else "compute"
    return max(compute, memory), limit


import math


# %% right: max over pairs with a key, the ties by the order
def roofline(m, k, n, itemsize, peak, bandwidth):
    bounds = {
        "compute": sum((m * n * k, m * n * k)) / peak,
        "memory": sum(itemsize * rows * columns for rows, columns in ((m, k), (k, n), (m, n))) / bandwidth,
    }
    limit = max(bounds, key=bounds.get)  # the first of equals
    return bounds[limit], limit
