# %% right: sorted, with a stack
def self_times(events):
    result, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        if stack:
            result[stack[-1][0]] -= end - begin
        result[name] = result.get(name, 0) + (end - begin)
        stack.append((name, end))
    return result


# %% right: quadratic, the shortest around is the parent
def self_times(events):
    own = {}
    for name, begin, end in events:
        own.setdefault(name, 0)
        own[name] += end - begin
        around = [e for e in events if e[1] <= begin and end <= e[2] and (e[1], e[2]) != (begin, end)]
        if around:
            parent = min(around, key=lambda e: e[2] - e[1])
            own.setdefault(parent[0], 0)
            own[parent[0]] -= end - begin
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


# %% right: recursion
from collections import defaultdict


def self_times(events):
    rest = sorted(events, key=lambda e: (e[1], e[1] - e[2]))
    own = defaultdict(int)

    def take(until):
        total = 0
        while rest and rest[0][1] < until:
            name, begin, end = rest.pop(0)
            lasts = end - begin
            inner = take(end)
            own[name] += lasts - inner
            total += lasts
        return total

    take(float("inf"))
    return dict(own)


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


# %% right: NumPy, children's durations by containment
def self_times(events):
    if not events:
        return {}
    names, begin, end = zip(*events)
    begin, end = np.array(begin), np.array(end)
    lasts = end - begin
    inside = (begin[:, None] <= begin) & (end <= end[:, None]) & (lasts < lasts[:, None])  # [outer, inner]
    depth = inside.sum(axis=0)
    direct = inside & (depth[:, None] + 1 == depth)
    own = lasts - direct @ lasts
    return {name: sum(float(o) for n, o in zip(names, own) if n == name) for name in set(names)}


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


# %% right: a class for the nodes
class Node:
    def __init__(self, name, begin, end):
        self.name, self.begin, self.end, self.inner = name, begin, end, []

    def add(self, node):
        for child in self.inner:
            if child.begin <= node.begin and node.end <= child.end:
                return child.add(node)
        self.inner.append(node)

    def walk(self, own):
        spent = self.end - self.begin - sum(child.end - child.begin for child in self.inner)
        own[self.name] = own.get(self.name, 0.0) + spent
        for child in self.inner:
            child.walk(own)


def self_times(events):
    root = Node("", float("-inf"), float("inf"))
    for event in sorted(events, key=lambda e: e[1] - e[2]):
        root.add(Node(*event))
    own = {}
    for child in root.inner:
        child.walk(own)
    return own


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


# %% wrong: durations added up
# cause: what lies inside an event is counted twice
def self_times(events):
    own = {}
    for name, begin, end in events:
        own[name] = own.get(name, 0) + end - begin
    return own


# %% wrong: all that is inside is taken away
# cause: events inside of events inside are taken away from the outermost too
def self_times(events):
    own = {}
    for name, begin, end in events:
        inner = sum(e - b for _, b, e in events if begin <= b and e <= end and (b, e) != (begin, end))
        own[name] = own.get(name, 0) + end - begin - inner
    return own


# %% wrong: the last event of a name
# cause: assigned in place of added, so only one event of a name counts
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% wrong: in the order given
# cause: the events are not sorted
def self_times(events):
    own, stack = {}, []
    for name, begin, end in events:
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


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


# %% wrong: one that begins as another ends is taken to be inside
# cause: < in place of <=
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] < begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% wrong: sorted by the beginning alone
# cause: of two that begin together the shorter may come first and counts as the outer one
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% wrong: only one level
# cause: everything is taken from the outermost event, whatever its depth
def self_times(events):
    own, outer = {}, None
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        if outer is None or outer[2] <= begin:
            outer = (name, begin, end)
        else:
            own[outer[0]] -= end - begin
        own[name] = own.get(name, 0) + end - begin
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


# %% wrong: the mean over a name's events
# cause: divided by the number of events of the name; their sum is wanted
def self_times(events):
    own, stack, many = {}, [], {}
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        many[name] = many.get(name, 0) + 1
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return {name: each / many[name] for name, each in own.items()}


# %% wrong: a list of pairs
# cause: a list of (name, time), not a dict
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return sorted(own.items(), key=lambda item: -item[1])


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


# %% wrong: only one is taken off the stack
# cause: if in place of while: where two end together, only the inner one is closed
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        if stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% wrong: names inside themselves
# cause: an event inside another of the same name is not taken away from it
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack and stack[-1][0] != name:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% wrong: the list is sorted in place
# cause: events.sort changes the caller's list
def self_times(events):
    events.sort(key=lambda e: (e[1], e[2]))
    own, stack = {}, []
    for name, begin, end in events:
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% wrong: how often
# cause: it counts events
def self_times(events):
    own = {}
    for name, _, _ in events:
        own[name] = own.get(name, 0) + 1
    return own


# %% wrong: only what lies strictly inside
# cause: events that begin or end together with the one around them are not taken away
def self_times(events):
    own = {}
    for name, begin, end in events:
        own.setdefault(name, 0)
        own[name] += end - begin
        around = [e for e in events if e[1] < begin and end < e[2]]
        if around:
            parent = min(around, key=lambda e: e[2] - e[1])
            own.setdefault(parent[0], 0)
            own[parent[0]] -= end - begin
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


# %% wrong: names without own time are dropped
# cause: what has an own time of 0 is left out of the result
def self_times(events):
    own, stack = {}, []
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return {name: each for name, each in own.items() if each > 0}


# %% wrong: the empty list
# cause: an empty profile is not expected
def self_times(events):
    own, stack = {}, [min(events, key=lambda e: e[1])[:1] + (0,)]
    for name, begin, end in sorted(events, key=lambda e: (e[1], -e[2])):
        while stack and stack[-1][1] <= begin:
            stack.pop()
        own[name] = own.get(name, 0) + end - begin
        if stack:
            own[stack[-1][0]] -= end - begin
        stack.append((name, end))
    return own


# %% wrong: the sum is read before the recursion changes it
# cause: own[name] is read before take(end) runs, so what lies inside under the same name is forgotten
from collections import defaultdict


def self_times(events):
    rest = sorted(events, key=lambda e: (e[1], e[1] - e[2]))
    own = defaultdict(int)

    def take(until):
        total = 0
        while rest and rest[0][1] < until:
            name, begin, end = rest.pop(0)
            lasts = end - begin
            own[name] += lasts - take(end)
            total += lasts
        return total

    take(float("inf"))
    return dict(own)
