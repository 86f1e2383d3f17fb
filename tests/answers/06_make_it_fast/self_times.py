# %% right: sorted, a stack
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        stack.append((name, end))
    return own


# %% right: the shortest around each, n squared
def self_times(events):
    own = {name: 0 for name, _, _ in events}
    for i, (name, begin, end) in enumerate(events):
        own[name] += end - begin
        around = [
            (other[2] - other[1], other[0])
            for j, other in enumerate(events)
            if j != i and other[1] <= begin and end <= other[2]
        ]
        if around:
            own[min(around)[1]] -= end - begin
    return own


# %% right: numpy, who is inside whom
def self_times(events):
    if not events:
        return {}
    names = np.array([e[0] for e in events])
    begin = np.array([e[1] for e in events], float)
    end = np.array([e[2] for e in events], float)
    lasts = end - begin
    inside = (begin[:, None] <= begin) & (end <= end[:, None])  # [outer, inner]
    np.fill_diagonal(inside, False)
    depth = inside.sum(0)
    direct = inside & (depth == depth[:, None] + 1)
    own = lasts - direct @ lasts
    return {str(name): float(own[names == name].sum()) for name in np.unique(names)}


# %% right: cut at all times, innermost of each piece
def self_times(events):
    from collections import defaultdict

    own = defaultdict(float)
    for name, _, _ in events:
        own[name] += 0
    times = sorted({t for _, begin, end in events for t in (begin, end)})
    for t0, t1 in zip(times, times[1:]):
        active = [e for e in events if e[1] <= t0 and t1 <= e[2]]
        if active:
            name, _, _ = min(active, key=lambda e: e[2] - e[1])
            own[name] += t1 - t0
    return own


# %% right: marks of beginning and end in one list
def self_times(events):
    marks = []
    for number, (name, begin, end) in enumerate(events):
        marks.append((begin, 1, -(end - begin), number))
        marks.append((end, 0, end - begin, number))
    marks.sort()
    own, open_, last = {e[0]: 0.0 for e in events}, [], None
    for at, begins, _, number in marks:
        if open_:
            own[events[open_[-1]][0]] += at - last
        last = at
        if begins:
            open_.append(number)
        else:
            assert open_.pop() == number
    return own


# %% wrong: sorts the list that it was given in place
class _Node:
    def __init__(self, name, begin, end):
        self.name, self.begin, self.end, self.children = name, begin, end, []

    @property
    def own(self):
        return self.end - self.begin - sum(c.end - c.begin for c in self.children)

    def add_to(self, own):
        own[self.name] = own.get(self.name, 0) + self.own
        for child in self.children:
            child.add_to(own)


def self_times(events):
    events.sort(key=lambda e: (e[1], -e[2]))
    root = _Node("", -float("inf"), float("inf"))
    path = [root]
    for event in events:
        node = _Node(*event)
        while path[-1].end <= node.begin:
            path.pop()
        path[-1].children.append(node)
        path.append(node)
    own = {}
    for child in root.children:
        child.add_to(own)
    return own


# %% wrong: durations added up
def self_times(events):
    own = {}
    for name, begin, end in events:
        own[name] = own.get(name, 0) + end - begin
    return own


# %% wrong: all inside, not only those directly inside
def self_times(events):
    own = {}
    for i, (name, begin, end) in enumerate(events):
        inner = sum(e - b for j, (_, b, e) in enumerate(events) if j != i and begin <= b and e <= end)
        own[name] = own.get(name, 0) + end - begin - inner
    return own


# %% wrong: sorted as tuples of begin and end, the inner one first where both begin together
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        stack.append((name, end))
    return own


# %% wrong: the last event of a name replaces those before
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = end - begin
        stack.append((name, end))
    return own


# %% wrong: what begins as another ends is taken to be inside it
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] < begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        stack.append((name, end))
    return own


# %% wrong: not sorted
def self_times(events):
    own, stack = {}, []
    for name, begin, end in events:
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        stack.append((name, end))
    return own


# %% wrong: names without own time dropped
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        stack.append((name, end))
    return {name: value for name, value in own.items() if value > 0}


# %% wrong: events inside one of the same name not subtracted
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack and stack[-1][0] != name:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        stack.append((name, end))
    return own


# %% wrong: strictly inside only
def self_times(events):
    own = {name: 0 for name, _, _ in events}
    for name, begin, end in events:
        own[name] += end - begin
        around = [(e - b, other) for other, b, e in events if b < begin and end < e]
        if around:
            own[min(around)[1]] -= end - begin
    return own


# %% wrong: two levels only, what is inside an outermost one is subtracted from it
def self_times(events):
    own, outer = {}, None
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        own[name] = own.get(name, 0) + end - begin
        if outer and end <= outer[2]:
            own[outer[0]] -= end - begin
        else:
            outer = (name, begin, end)
    return own


# %% wrong: parent taken to be the event before it, without a stack
def self_times(events):
    own = {}
    events = sorted(events, key=lambda e: (e[1], -e[2]))
    for i, (name, begin, end) in enumerate(events):
        own[name] = own.get(name, 0) + end - begin
        if i and end <= events[i - 1][2]:
            own[events[i - 1][0]] -= end - begin
    return own


# %% wrong: keyed by name, so that a parent is found by its name's last place
def self_times(events):
    places = {name: (begin, end) for name, begin, end in events}
    own = {name: end - begin for name, (begin, end) in places.items()}
    for name, (begin, end) in places.items():
        around = [(e - b, other) for other, (b, e) in places.items() if other != name and b <= begin and end <= e]
        if around:
            own[min(around)[1]] -= end - begin
    return own


# %% wrong: seconds
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= (end - begin) / 1e6
        own[name] = own.get(name, 0) + (end - begin) / 1e6
        stack.append((name, end))
    return own


# %% wrong: fails on an empty list
def self_times(events):
    events = sorted(events, key=lambda e: (e[1], -e[2]))
    own, stack = {events[0][0]: 0}, [(events[0][0], float("inf"))]
    stack = []
    for name, begin, end in events:
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        stack.append((name, end))
    return own


# %% wrong: pops one only
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        if stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        stack.append((name, end))
    return own


# %% wrong: own times averaged over the events of a name
def self_times(events):
    own, many, stack = {}, {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        many[name] = many.get(name, 0) + 1
        stack.append((name, end))
    return {name: value / many[name] for name, value in own.items()}


# %% wrong: the inner events' beginning to last end subtracted as one span
def self_times(events):
    own = {name: 0 for name, _, _ in events}
    for name, begin, end in events:
        inner = [(b, e) for other, b, e in events if (other, b, e) != (name, begin, end) and begin <= b and e <= end]
        own[name] += end - begin
        if inner:
            own[name] -= max(e for _, e in inner) - min(b for b, _ in inner)
    return own


# %% right: recursive, repaired
def self_times(events):
    events = sorted(events, key=lambda e: e[2] - e[1], reverse=True)
    total = {name: 0 for name, _, _ in events}

    def visit(inside):
        lasts = 0
        while inside:
            (name, begin, end), *rest = inside
            children = [e for e in rest if begin <= e[1] and e[2] <= end]
            inside = [e for e in rest if not (begin <= e[1] and e[2] <= end)]
            inner = visit(children)
            total[name] += end - begin - inner
            lasts += end - begin
        return lasts

    visit(events)
    return total


# %% wrong: the parent is the one that began last
def self_times(events):
    own = {name: 0 for name, _, _ in events}
    for i, (name, begin, end) in enumerate(events):
        own[name] += end - begin
        around = [(b, -i, other) for j, (other, b, e) in enumerate(events) if j != i and b <= begin and end <= e]
        if around:
            own[max(around)[2]] -= end - begin
    return own


# %% wrong: the parent is the one that ends first, by a strict begin
def self_times(events):
    own = {name: 0 for name, _, _ in events}
    for name, begin, end in events:
        own[name] += end - begin
        around = [(e - b, other) for other, b, e in events if b < begin and end <= e]
        if around:
            own[min(around)[1]] -= end - begin
    return own


# %% wrong: whole microseconds
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= int(end - begin)
        own[name] = own.get(name, 0) + int(end - begin)
        stack.append((name, end))
    return own


# %% wrong: a list of pairs
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
        stack.append((name, end))
    return sorted(own.items(), key=lambda pair: -pair[1])


# %% wrong: only the last child subtracted
def self_times(events):
    inner = [0] * len(events)
    for i, (_, begin, end) in enumerate(events):
        around = [(e - b, j) for j, (_, b, e) in enumerate(events) if j != i and b <= begin and end <= e]
        if around:
            inner[min(around)[1]] = end - begin
    own = {}
    for (name, begin, end), less in zip(events, inner):
        own[name] = own.get(name, 0) + end - begin - less
    return own


# %% wrong: augmented assignment around a recursion that changes the same entry
from collections import Counter


def self_times(events):
    events = sorted(events, key=lambda e: e[2] - e[1], reverse=True)
    total = Counter()

    def visit(inside):
        """Adds the own times; returns what they last at the top."""
        lasts = 0
        while inside:
            (name, begin, end), *rest = inside
            children = [e for e in rest if begin <= e[1] and e[2] <= end]
            inside = [e for e in rest if not (begin <= e[1] and e[2] <= end)]
            total[name] += end - begin - visit(children)
            lasts += end - begin
        return lasts

    visit(events)
    return dict(total)


# %% wrong: a painted timeline of whole microseconds
def self_times(events):
    if not events:
        return {}
    owner = np.full(max(e[2] for e in events), -1)
    for number, (_, begin, end) in sorted(enumerate(events), key=lambda e: e[1][1] - e[1][2]):
        owner[begin:end] = number
    own = {}
    for number, (name, _, _) in enumerate(events):
        own[name] = own.get(name, 0) + int((owner == number).sum())
    return own


# %% wrong: rounded
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            own[stack[-1][0]] -= round(end - begin)
        own[name] = own.get(name, 0) + round(end - begin)
        stack.append((name, end))
    return own


# %% right: a sweep over all edges
def self_times(events):
    edges = sorted({t for _, b, e in events for t in (b, e)})
    own = {name: 0 for name, _, _ in events}
    for left, right in zip(edges, edges[1:]):
        inside = [e for e in events if e[1] <= left and right <= e[2]]
        if inside:
            name = min(inside, key=lambda e: e[2] - e[1])[0]
            own[name] += right - left
    return own


# %% right: groupby at the end
import itertools


def self_times(events):
    ordered = sorted(((b, -e, n) for n, b, e in events))
    times, stack = [], []
    for b, minus, n in ordered:
        e = -minus
        while stack and times[stack[-1]][2] <= b:
            stack.pop()
        if stack:
            times[stack[-1]][1] -= e - b
        stack.append(len(times))
        times.append([n, e - b, e])
    by_name = itertools.groupby(sorted(times, key=lambda t: t[0]), key=lambda t: t[0])
    return {n: sum(t[1] for t in group) for n, group in by_name}


# %% right: longest first, each looks for the last one that holds it
def self_times(events):
    longest = sorted(events, key=lambda e: e[2] - e[1], reverse=True)
    own = {}
    for i, (name, begin, end) in enumerate(longest):
        own[name] = own.get(name, 0) + end - begin
        for outer, first, last in reversed(longest[:i]):
            if first <= begin and end <= last:
                own[outer] -= end - begin
                break
    return own


# %% right: floats, a default dictionary returned
def self_times(events):
    from collections import defaultdict

    own, stack = defaultdict(float), []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and begin >= stack[-1][1]:
            stack.pop()
        own[name] += end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return dict(sorted(own.items(), key=lambda item: -item[1]))


# %% right: starts and ends as a stream
import collections


def self_times(events):
    stream = []
    for number, (name, begin, end) in enumerate(events):
        stream.append((begin, 1, -(end - begin), number))
        stream.append((end, 0, end - begin, number))
    own, open_, last = collections.Counter(), [], 0
    for t, starts, _, number in sorted(stream):
        if open_:
            own[events[open_[-1]][0]] += t - last
        last = t
        if starts:
            open_.append(number)
        else:
            open_.remove(number)
    return dict(own)


# %% wrong: sorted by name first
# cause: sorted() without a key sorts by name
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% wrong: the outermost alone
# cause: events inside others are left out
def self_times(events):
    own = {}
    for name, begin, end in events:
        if not any(b <= begin and end <= e and (b, e) != (begin, end) for _, b, e in events):
            own[name] = own.get(name, 0) + end - begin
    return own


# %% wrong: only those with nothing inside
# cause: events with others inside are left out
def self_times(events):
    own = {}
    for name, begin, end in events:
        own.setdefault(name, 0)
        if not any(begin <= b and e <= end and (b, e) != (begin, end) for _, b, e in events):
            own[name] += end - begin
    return own


# %% wrong: shares
# cause: divided by the total; microseconds are wanted
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    total = sum(own.values())
    return {name: each / total for name, each in own.items()}


# %% wrong: how often
# cause: it counts events
def self_times(events):
    own = {}
    for name, _, _ in events:
        own[name] = own.get(name, 0) + 1
    return own


# %% wrong: the longest around is the parent
# cause: taken away from the outermost event around, not from the one directly around
def self_times(events):
    own = {}
    for name, begin, end in events:
        own[name] = own.get(name, 0) + end - begin
        around = [e for e in events if e[1] <= begin and end <= e[2] and (e[1], e[2]) != (begin, end)]
        if around:
            parent = max(around, key=lambda e: e[2] - e[1])
            own[parent[0]] = own.get(parent[0], 0) - (end - begin)
    return own


# %% wrong: the stack is never emptied
# cause: an event that is over still counts as the parent of those after it
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% right: children before parents, sorted by end
def self_times(events):
    own, finished = {}, []
    for name, begin, end in sorted(events, key=lambda event: (event[2], -event[1])):
        inside = 0
        while finished and finished[-1][0] >= begin:
            inside += finished.pop()[1]
        finished.append((begin, end - begin))
        own[name] = own.get(name, 0) + (end - begin - inside)
    return own


# %% right: stack of indices, np.lexsort, list of self times
import collections


def self_times(events):
    if not len(events):
        return {}
    names, begins, ends = zip(*events, strict=True)
    own = [end - begin for begin, end in zip(begins, ends, strict=True)]
    around = collections.deque()
    for place in np.lexsort((-np.asarray(ends), np.asarray(begins))):
        while around and ends[around[-1]] <= begins[place]:
            around.pop()
        if around:
            own[around[-1]] -= ends[place] - begins[place]
        around.append(place)
    total = collections.defaultdict(int)
    for name, time_here in zip(names, own, strict=True):
        total[name] += time_here
    return dict(total)


# %% wrong: drops the number of an operation's name (names such as `dot.1` and `dot.2`)
def self_times(events):
    own, stack = {}, []
    for full, begin, end in sorted(events, key=lambda event: (event[1], -event[2])):
        name = full.split(".")[0]
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% right: the smallest event around each, found by comparing all pairs
from collections import Counter


def self_times(events):
    total, inside = Counter(), Counter()
    for number, (name, begin, end) in enumerate(events):
        total[name] += end - begin
        around = [
            (until - since, parent)
            for other, (parent, since, until) in enumerate(events)
            if other != number and since <= begin and end <= until
        ]
        if around:
            inside[min(around)[1]] += end - begin
    return {name: spent - inside[name] for name, spent in total.items()}
