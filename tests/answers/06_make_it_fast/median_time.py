# %% right: `np.median` of a list
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    seconds = []
    for _ in range(rounds):
        start = clock()
        result = step(*args)
        jax.block_until_ready(result)
        stop = clock()
        seconds.append(stop - start)
    return float(np.median(seconds))


# %% right: `statistics.median`
import statistics


def median_time(step, args, rounds, clock=time.perf_counter):
    def once():
        begin = clock()
        jax.block_until_ready(step(*args))
        return clock() - begin

    once()
    return statistics.median(once() for _ in range(rounds))


# %% right: sorted by hand
def median_time(step, args, rounds, clock=time.perf_counter):
    _ = jax.block_until_ready(step(*args))
    times = []
    while len(times) < rounds:
        t = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - t)
    times.sort()
    half = rounds // 2
    return times[half] if rounds % 2 else (times[half - 1] + times[half]) / 2


# %% right: waits for each leaf by its own method
def median_time(step, args, rounds, clock=time.perf_counter):
    def run():
        for leaf in jax.tree.leaves(step(*args)):
            leaf.block_until_ready()

    run()
    times = np.zeros(rounds)
    for i in range(rounds):
        times[i] = -clock()
        run()
        times[i] += clock()
    return np.median(times)


# %% right: `jax.tree.map` over the result
def median_time(step, args, rounds, clock=time.perf_counter):
    times = []
    for i in range(rounds + 1):
        begin = clock()
        jax.tree.map(jax.block_until_ready, step(*args))
        times.append(clock() - begin)
    return float(np.median(times[1:]))


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


# %% right: an object that measures
class Stopwatch:
    def __init__(self, clock):
        self.clock, self.times = clock, []

    def __enter__(self):
        self.begin = self.clock()

    def __exit__(self, *_):
        self.times.append(self.clock() - self.begin)


def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    watch = Stopwatch(clock)
    for _ in range(rounds):
        with watch:
            jax.block_until_ready(step(*args))
    return float(np.median(watch.times))


# %% right: fetched to the host, which waits too
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.device_get(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.device_get(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: never waits
# cause: the call returns before the work is done; only the hand-over is timed
def median_time(step, args, rounds, clock=time.perf_counter):
    step(*args)
    times = []
    for _ in range(rounds):
        begin = clock()
        step(*args)
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: looks at the clock before waiting
# cause: the clock is read before the wait, so the wait is not in the time
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


# %% wrong: the mean
# cause: the mean of the times; the median is wanted
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    total = 0.0
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        total += clock() - begin
    return total / rounds


# %% wrong: the shortest, as `timeit` recommends
# cause: min in place of the median
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return min(times)


# %% wrong: no first call
# cause: compiling is counted: there is no call before the loop
def median_time(step, args, rounds, clock=time.perf_counter):
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: the first call counts as a round
# cause: the warm-up is one of the rounds, so one round too few is timed
def median_time(step, args, rounds, clock=time.perf_counter):
    times = []
    for number in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        if number > 0 or rounds == 1:
            times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: the first call is among the times
# cause: rounds + 1 times, the first of which holds the compilation
def median_time(step, args, rounds, clock=time.perf_counter):
    times = []
    for _ in range(rounds + 1):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: the upper of the two in the middle
# cause: of an even number of times the upper middle one is taken, not the mean of the two
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return sorted(times)[len(times) // 2]


# %% wrong: waits for the first array only
# cause: only the first leaf of the result is waited for
def median_time(step, args, rounds, clock=time.perf_counter):
    def first(result):
        return jax.tree.leaves(result)[0].block_until_ready()

    first(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        first(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: one long measurement
# cause: the total divided by rounds is the mean, not the median
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    begin = clock()
    for _ in range(rounds):
        result = step(*args)
    jax.block_until_ready(result)
    return (clock() - begin) / rounds


# %% wrong: its own clock
# cause: time.perf_counter is asked in place of the clock that was given
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        jax.block_until_ready(step(*args))
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


# %% wrong: in milliseconds
# cause: a factor 1000: seconds are wanted
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(1e3 * (clock() - begin))
    return float(np.median(times))


# %% wrong: the arguments are not unpacked
# cause: step(args) hands over one tuple in place of the arguments
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(args))
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: the warm-up is not waited for
# cause: the first counted round waits for the warm-up's work too
def median_time(step, args, rounds, clock=time.perf_counter):
    step(*args)
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: the method of the result
# cause: result.block_until_ready() is a method of an array, not of a tuple or dict
def median_time(step, args, rounds, clock=time.perf_counter):
    step(*args).block_until_ready()
    times = []
    for _ in range(rounds):
        begin = clock()
        step(*args).block_until_ready()
        times.append(clock() - begin)
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


# %% wrong: the clock starts after the call
# cause: the clock is started after the call returned: the hand-over is missing
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        result = step(*args)
        begin = clock()
        jax.block_until_ready(result)
        times.append(clock() - begin)
    return float(np.median(times))


# %% wrong: waits for the function
# cause: block_until_ready is given the function, not what it returns, so nothing is waited for
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step)(*args)
    times = []
    for _ in range(rounds):
        begin = clock()
        jax.block_until_ready(step)(*args)
        times.append(clock() - begin)
    return float(np.median(times))


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


# %% wrong: clock without a call
# cause: clock is not called, so functions are subtracted
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times = []
    for _ in range(rounds):
        begin = clock
        jax.block_until_ready(step(*args))
        times.append(clock - begin)
    return float(np.median(times))


# %% wrong: the clock runs on
# cause: begin is read once before the loop, so each time holds the rounds before it
def median_time(step, args, rounds, clock=time.perf_counter):
    jax.block_until_ready(step(*args))
    times, begin = [], clock()
    for _ in range(rounds):
        jax.block_until_ready(step(*args))
        times.append(clock() - begin)
    return float(np.median(times))
