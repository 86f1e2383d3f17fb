# %% right: list and np.median
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        start = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - start)
    return float(np.median(times))


# %% right: statistics
import statistics


def median_time(step, args, rounds, clock=time.perf_counter):
    def once():
        t0 = clock()
        out = step(*args)
        out = jax.block_until_ready(out)
        t1 = clock()
        return t1 - t0

    jax.block_until_ready(step(*args))
    return statistics.median(once() for _ in range(rounds))


# %% right: sorted by hand, each leaf waited for
def median_time(step, args, rounds, clock=time.perf_counter):
    def wait(tree):
        for leaf in jax.tree.leaves(tree):
            leaf.block_until_ready()

    wait(step(*args))
    times = np.zeros(rounds)
    for i in range(rounds):
        begin = clock()
        wait(step(*args))
        end = clock()
        times[i] = end - begin
    times.sort()
    return float((times[(rounds - 1) // 2] + times[rounds // 2]) / 2)


# %% right: tree map, one loop of rounds + 1 with the first continued
def median_time(step, args, rounds, clock=time.perf_counter):
    seconds = []
    for number in range(rounds + 1):
        if number == 0:
            jax.tree.map(lambda leaf: leaf.block_until_ready(), step(*args))
            continue
        begin = clock()
        jax.tree_util.tree_map(lambda leaf: leaf.block_until_ready(), step(*args))
        seconds.append(clock() - begin)
    return np.quantile(seconds, 0.5).item()


# %% right: a context manager class
class _Watch:
    def __init__(self, clock):
        self.clock, self.laps = clock, []

    def __enter__(self):
        self.begin = self.clock()

    def __exit__(self, *_):
        self.laps.append(self.clock() - self.begin)


def median_time(step, args, rounds, clock=time.perf_counter):
    watch = _Watch(clock)
    _ = jax.block_until_ready(step(*args))
    while len(watch.laps) < rounds:
        with watch:
            jax.block_until_ready(step(*args))
    laps = sorted(watch.laps)
    middle = rounds // 2
    return laps[middle] if rounds % 2 else 0.5 * (laps[middle - 1] + laps[middle])


# %% right: waits by fetching, np.float64 returned
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.device_get(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.device_get(step(*args))
        times.append(clock() - begin)
    return np.median(np.array(times))


# %% right: the first timed as well and dropped
def median_time(step, args, rounds, clock=time.perf_counter):
    times = []
    for _ in range(rounds + 1):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times[1:]))


# %% wrong: does not wait
def median_time(step, args, rounds, clock=time.perf_counter):
    step(*args)
    times = []
    for _ in range(rounds):
        begin = clock()
        step(*args)
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: waits for the first leaf only
def median_time(step, args, rounds, clock=time.perf_counter):
    def run():
        jax.tree.leaves(step(*args))[0].block_until_ready()

    run()
    times = []
    for _ in range(rounds):
        begin = clock()
        run()
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: waits after the second look at the clock
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        result = step(*args)
        end = clock()
        jax.block_until_ready(result)
        times.append(end - begin)
    return float(np.median(times))


# %% wrong: the mean
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return sum(times) / rounds


# %% wrong: no first call
def median_time(step, args, rounds, clock=time.perf_counter):
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: the first call is not waited for
def median_time(step, args, rounds, clock=time.perf_counter):
    step(*args)
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: upper middle of an even number
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return sorted(times)[len(times) // 2]


# %% wrong: its own clock
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        jax.block_until_ready(step(*args))
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


# %% wrong: the method, which a tree has not
def median_time(step, args, rounds, clock=time.perf_counter):
    step(*args).block_until_ready()
    times = []
    for _ in range(rounds):
        begin = clock()
        step(*args).block_until_ready()
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: all rounds at once, divided
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    begin = clock()
    for _ in range(rounds):
        result = step(*args)
    jax.block_until_ready(result)
    return (clock() - begin) / rounds


# %% wrong: the first call is one of the rounds and dropped
def median_time(step, args, rounds, clock=time.perf_counter):
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times[1:] or times))


# %% wrong: the clock starts once
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    begin = clock()
    times = []
    for _ in range(rounds):
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: milliseconds
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(1000 * (clock() - begin))
    return float(np.median(times))


# %% wrong: step(args)
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: the clock begins after the call was handed over
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        result = step(*args)
        begin = clock()
        jax.block_until_ready(result)
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: the minimum
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return min(times)


# %% wrong: compiles the step anew, so that it is called once
def median_time(step, args, rounds, clock=time.perf_counter):
    step = jax.jit(step)
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: clock readings as float32 arrays
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    begins, ends = [], []
    for _ in range(rounds):
        begins.append(clock())
        jax.block_until_ready(step(*args))
        ends.append(clock())
    return float(jnp.median(jnp.array(ends) - jnp.array(begins)))


# %% right: jnp.median
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(jnp.median(jnp.array(times)))


# %% wrong: lower middle
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return sorted(times)[(rounds - 1) // 2]


# %% wrong: middle of what is not sorted
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return (times[rounds // 2] + times[(rounds - 1) // 2]) / 2


# %% wrong: waits for the function, not for its result
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        result = step(*args)
        jax.block_until_ready(args)
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: waits for the arguments, calls once more in the clocked part
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        step(*args)
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: differences of the ends
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    ends = []
    for _ in range(rounds):
        jax.block_until_ready(step(*args))
        ends.append(clock())
    return float(np.median(np.diff(ends)))


# %% wrong: clock not called
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock
        jax.block_until_ready(step(*args))
        times.append(clock - begin)
    return float(np.median(times))


# %% wrong: jit of step
def median_time(step, args, rounds, clock=time.perf_counter):
    step = jax.jit(step)
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% right: the first is dropped by `pop`
def median_time(step, args, rounds, clock=time.perf_counter):
    times = []
    for _ in range(1 + rounds):
        a = clock()
        out = jax.block_until_ready(step(*args))
        b = clock()
        del out
        times += [b - a]
    times.pop(0)
    return np.percentile(times, 50)


# %% right: clock readings kept, then subtracted
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    readings = []
    for _ in range(rounds):
        readings.append((clock(), jax.block_until_ready(step(*args)), clock()))
    return float(np.quantile([end - begin for begin, _, end in readings], 0.5))


# %% right: a generator
def median_time(step, args, rounds, clock=time.perf_counter):
    def measured():
        while True:
            begin = clock()
            jax.block_until_ready(step(*args))
            yield clock() - begin

    stream = measured()
    next(stream)
    return float(np.median([next(stream) for _ in range(rounds)]))


# %% right: end of one round is the beginning of the next
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    ticks = [clock()]
    for _ in range(rounds):
        jax.block_until_ready(step(*args))
        ticks.append(clock())
    return float(jnp.median(jnp.asarray(np.diff(ticks))))


# %% wrong: waits only at the end
# cause: only the last call is waited for; each round's time is that of handing over
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        result = step(*args)
        times.append(clock() - begin)
    jax.block_until_ready(result)
    return float(np.median(times))


# %% wrong: all the times
# cause: the list of times is returned, not their median
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return times


# %% wrong: the first two rounds are thrown away
# cause: more is left out than the one call
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times[2:] or times))


# %% right: nested helper, statistics.median
import statistics


def median_time(step, args, rounds, clock=time.perf_counter):
    def once():
        return jax.block_until_ready(step(*args))

    def timed():
        begin = clock()
        once()
        return clock() - begin

    once()
    return float(statistics.median(timed() for _ in range(rounds)))


# %% right: array of both readings, leaf by leaf, the median by sorting
def median_time(step, args, rounds, clock=time.perf_counter):
    assert rounds >= 1
    readings = np.empty((rounds + 1, 2), np.float64)
    for number in range(rounds + 1):
        warm = number == 0
        readings[number, 0] = 0.0 if warm else clock()
        for leaf in jax.tree.leaves(step(*args)):
            jax.block_until_ready(leaf)
        readings[number, 1] = 0.0 if warm else clock()
    times = sorted(readings[1:, 1] - readings[1:, 0])
    return float(times[(rounds - 1) // 2] + times[rounds // 2]) / 2


# %% right: each leaf waited for by its own method, the statistics module, the first round thrown away by a generator
import statistics


def median_time(step, args, rounds, clock=time.perf_counter):
    def finished():
        for leaf in reversed(jax.tree.leaves(step(*args))):
            jax.block_until_ready(leaf)
        return clock()

    def durations():
        finished_first = jax.block_until_ready(step(*args))
        del finished_first
        for _ in range(rounds):
            yield -clock() + finished()

    return float(statistics.median(durations()))
