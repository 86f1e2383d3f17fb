# %% right: two times, the larger
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    if compute >= memory:
        return compute, "compute"
    return memory, "memory"


# %% right: by intensity
def roofline(m, k, n, itemsize, peak, bandwidth):
    flops = 2 * m * n * k
    moved = (m * k + k * n + m * n) * itemsize
    ridge = peak / bandwidth
    if flops / moved < ridge:
        return moved / bandwidth, "memory"
    return flops / peak, "compute"


# %% right: attainable rate
def roofline(m, k, n, itemsize, peak, bandwidth):
    flops = 2 * m * n * k
    traffic = itemsize * sum([m * k, k * n, m * n])
    rate = min(peak, flops / traffic * bandwidth)
    return flops / rate, "compute" if rate == peak else "memory"


# %% right: a dictionary and max
def roofline(m, k, n, itemsize, peak, bandwidth):
    times = {
        "compute": 2.0 * m * k * n / peak,
        "memory": float(itemsize) * (m * k + k * n + m * n) / bandwidth,
    }
    limit = max(times, key=times.get)
    return times[limit], limit


# %% right: max of pairs, ties by hand
def roofline(m, k, n, itemsize, peak, bandwidth):
    seconds, tie, limit = max(
        (2 * m * k * n / peak, 1, "compute"), (itemsize * (m * (k + n) + k * n) / bandwidth, 0, "memory")
    )
    return seconds, limit


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


# %% right: NumPy floats
def roofline(m, k, n, itemsize, peak, bandwidth):
    seconds = np.array([2.0 * m * k * n / peak, 1.0 * itemsize * (m * k + k * n + m * n) / bandwidth])
    return float(seconds.max()), ["compute", "memory"][int(seconds.argmax())]


# %% right: `match`
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute, memory = 2 * m * k * n / peak, (m * k + k * n + n * m) * itemsize / bandwidth
    match memory > compute:
        case True:
            return memory, "memory"
        case _:
            return compute, "compute"


# %% right: fractions
from fractions import Fraction


def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = Fraction(2 * m * k * n) / Fraction(peak)
    memory = Fraction(itemsize * (m * k + k * n + m * n)) / Fraction(bandwidth)
    return float(max(compute, memory)), "memory" if memory > compute else "compute"


# %% right: a list, not a tuple
def roofline(m, k, n, itemsize, peak, bandwidth):
    needs = [("memory", itemsize * (m * k + k * n + m * n) / bandwidth), ("compute", 2 * m * k * n / peak)]
    limit, seconds = sorted(needs, key=lambda need: need[1])[-1]
    return seconds, limit


# %% wrong: one FLOP for a multiplication and an addition
# cause: the factor 2 is missing
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: the two times are added
# cause: both go on at the same time: the larger, not the sum
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return compute + memory, "compute" if compute >= memory else "memory"


# %% wrong: the smaller
# cause: min in place of max
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return min(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: the result is not written
# cause: m·n, the result, is missing in the bytes
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: numbers, not bytes
# cause: itemsize plays no part
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: float32 always
# cause: 4 bytes whatever itemsize says
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = 4 * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: names the faster one
# cause: the label is the other way round
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "memory" if compute >= memory else "compute"


# %% wrong: memory on a tie
# cause: where both take as long, "compute" is wanted
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute > memory else "memory"


# %% wrong: the rate
# cause: FLOP a second in place of seconds
def roofline(m, k, n, itemsize, peak, bandwidth):
    flops, moved = 2 * m * k * n, itemsize * (m * k + k * n + m * n)
    rate = min(peak, bandwidth * flops / moved)
    return rate, "compute" if flops / moved >= peak / bandwidth else "memory"


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


# %% wrong: every factor is fetched anew
# cause: 2·m·k·n numbers are read; each matrix is read once
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (2 * m * k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: FLOP of an addition of matrices
# cause: operations are counted as 2·m·n, without the k terms
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: counted in jnp
# cause: 2·m·k·n overflows int32
def roofline(m, k, n, itemsize, peak, bandwidth):
    sizes = jnp.array([2, m, k, n])
    compute = float(jnp.prod(sizes)) / peak
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


# %% wrong: other words
# cause: "compute" and "memory" are wanted
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute-bound" if compute >= memory else "memory-bound"


# %% wrong: seconds alone
# cause: what sets the time is not returned
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory)


# %% wrong: whole seconds
# cause: // cuts the fraction off
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n // peak
    memory = itemsize * (m * k + k * n + m * n) // bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: microseconds
# cause: a factor of a million
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 1e6 * 2 * m * k * n / peak
    memory = 1e6 * itemsize * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: k − 1 additions
# cause: the exact count of additions, where the task counts a pair for each term
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = m * n * (2 * k - 1) / peak
    memory = itemsize * (m * k + k * n + m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"


# %% wrong: compares operations with bytes
# cause: the limit is decided by counts, not by times
def roofline(m, k, n, itemsize, peak, bandwidth):
    flops, moved = 2 * m * k * n, itemsize * (m * k + k * n + m * n)
    if flops >= moved:
        return flops / peak, "compute"
    return moved / bandwidth, "memory"


# %% wrong: the result is read and written
# cause: m·n counts twice
def roofline(m, k, n, itemsize, peak, bandwidth):
    compute = 2 * m * k * n / peak
    memory = itemsize * (m * k + k * n + 2 * m * n) / bandwidth
    return max(compute, memory), "compute" if compute >= memory else "memory"
