"""What the difference between two results says about its cause, where no known mistake explains it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache, partial
from operator import ne
from typing import Any

import numpy as np

from utils.base import trees
from utils.base.errors import few
from utils.checks.crossing import Leaves, Result, is_array, kind, leaves

FEW = 12  # numbers that are shown in full
WIDE = 160  # characters of a line
LINES = 6  # of an example's inputs
MOST_AXES = 4  # of which all orders are tried
FEWEST = 3  # numbers that a relation must explain, not all the same
VALUES = "The values differ"  # how a message begins when the form is right
LOOK_FOR = "If no input does, look for a division by 0, the log or root of something ≤ 0, or an overflow, as in `exp`."


def difference(got: Result, want: Result, limit: float) -> str:
    """How the form or the values of a result differ from what is wanted; "" where they agree."""
    forms = (_form(got.leaves[path], wanted, _at(path), limit) for path, wanted in want.leaves.items())
    if message := structure(got, want) or next(filter(None, forms), ""):
        return message
    wrong = spoilt(got.leaves, want.leaves, limit)
    if not wrong:
        return ""
    right = [path for path in want.leaves if path not in wrong]
    which = f": {_names(wrong, want.leaves)} wrong, {_names(right, want.leaves)} right" if right else ""
    return not_finite(got, want) or f"{VALUES}{which}."


def spoilt(got: Leaves, want: Leaves, limit: float) -> list[str]:
    """The leaves that are not what is wanted; all of `got` if these are not the leaves that are."""
    if got.keys() != want.keys():
        return list(got)
    return [path for path in want if not same(got[path], want[path], limit)]


def same(got: Any, want: Any, limit: float) -> bool:
    """Whether two leaves hold the same up to rounding: `limit`, as a share of the largest number in `want`."""
    if not (_is_number(got) and _is_number(want)):
        return type(got) is type(want) and bool(got == want)
    return off(got, want) <= limit


def off(got: Any, want: Any) -> float:
    """How far an array is from what it should be, as a share of that one's largest finite number.

    Infinite where NaN or infinity stand in other places.
    """
    if np.shape(got) != np.shape(want):
        return np.inf
    a, b = _floats(got), _floats(want)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
        return np.inf
    largest = max(np.abs(b[finite]).max(initial=0.0), 1e-6)
    return float(np.abs(a[finite] - b[finite]).max(initial=0.0) / largest)


def relation(pairs: Sequence[tuple[Leaves, Leaves]], limit: float) -> str:
    """One relation that holds between all results (got, want), in words; "" for none.

    Of a leaf that is wrong in the first pair, or of all leaves.
    """
    paths = list(pairs[0][1])
    for path in paths:
        each = [(got.get(path), want.get(path)) for got, want in pairs]
        if not same(*each[0], limit) and (words := _related(each, limit)):
            return f"{_names([path])}: {words}" if len(paths) > 1 else words
    return _related([(got.get(path), leaf) for got, want in pairs for path, leaf in want.items()], limit, moved=False)


def _related(pairs: Sequence[tuple[Any, Any]], limit: float, moved: bool = True) -> str:
    numbers = [(a, b) for a, b in pairs if _is_number(a) and _is_number(b) and np.size(b)]
    numbers = [(_floats(a), _floats(b)) for a, b in numbers if np.shape(b) or np.asarray(b).dtype != bool]
    wanted = [number for _, want in numbers for number in want.ravel()]
    if len(wanted) < FEWEST or len(set(wanted)) == 1 or any(a.shape != b.shape for a, b in numbers):
        return ""
    if all(same(a, b, limit) for a, b in numbers):
        return ""
    relations = _RELATIONS | (_moves(numbers[0][1].ndim) if moved else {})
    for words, related in relations.items():
        with suppress(ValueError):  # there is no such axis
            if all(same(got, related(want), limit) for got, want in numbers):
                return words
    if words := _factor(numbers):
        return words
    if not moved or any(len(np.unique(want)) < FEWEST for _, want in numbers):
        return ""
    if not all(same(np.sort(got, axis=None), np.sort(want, axis=None), limit) for got, want in numbers):
        return ""
    check = " Check the order of axes in `reshape`, `transpose` and `stack`. Are rows and columns swapped?"
    return "The values are right but in other positions." + check * bool(numbers[0][1].ndim > 1)


def _rounded(want: np.ndarray, how: Callable[[np.ndarray], Any]) -> Any:
    found = _floats(how(want))
    return found if len(np.unique(found)) >= FEWEST else np.nan  # few may be what they are for another reason


_RELATIONS: dict[str, Callable[[np.ndarray], Any]] = {
    "The sign is wrong: it is minus the expected value.": np.negative,
    "It is inverted: true where false is expected, and the other way round.": lambda want: (
        1 - want if want.size > 1 and np.isin(want, (0, 1)).all() else np.nan
    ),
    "It is one more than expected.": lambda want: want + 1,
    "It is one less than expected.": lambda want: want - 1,
    "It is the square of the expected value.": np.square,
    "It is the square root of the expected value.": lambda want: np.sqrt(np.abs(want)),
    "It is the absolute value of the expected value.": np.abs,
    "It is `exp` of the expected value.": lambda want: np.exp(np.minimum(want, 50)),
    "It is the logarithm of the expected value.": lambda want: np.log(np.maximum(want, 1e-30)),
    "It is zero everywhere.": np.zeros_like,
    "It is the expected value, rounded to whole numbers.": partial(_rounded, how=np.round),
    "It is the expected value, rounded down to whole numbers. Is there a `//`?": partial(_rounded, how=np.floor),
    "It is the expected value, truncated to whole numbers. Is there an `int`?": partial(_rounded, how=np.trunc),
    "It is the expected value, rounded to bfloat16.": partial(_rounded, how=lambda want: want.astype("bfloat16")),
}


@cache
def _moves(ndim: int) -> dict[str, Callable[[np.ndarray], Any]]:
    """What puts the numbers of an array elsewhere."""
    found: dict[str, Callable[[np.ndarray], Any]] = {}
    said = "It is the expected value"
    for axis in range(ndim):
        found[f"{said}, reversed along axis {axis}."] = partial(np.flip, axis=axis)
        found[f"{said}, shifted: one position too late along axis {axis}."] = partial(np.roll, shift=1, axis=axis)
        found[f"{said}, shifted: one position too early along axis {axis}."] = partial(np.roll, shift=-1, axis=axis)
    for one, other in itertools.combinations(range(ndim), 2):
        found[f"{said}, reversed along axes {one} and {other}."] = partial(np.flip, axis=(one, other))
    for order in itertools.permutations(range(ndim) if ndim <= MOST_AXES else ()):
        found[_brings(order)] = partial(np.transpose, axes=order)
    return found


def _brings(order: Sequence[int]) -> str:
    back = tuple(int(place) for place in np.argsort(order))
    return f"Its axes are in another order: `.transpose{back}` of the result would be right."


def _factor(pairs: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """The factor between got and want, if there is one in each case."""
    factors = []
    for got, want in pairs:
        place = np.argmax(np.abs(want))
        factor = float(got.flat[place] / want.flat[place]) if want.flat[place] else np.nan
        if not np.isfinite(factor) or not factor or not same(got, factor * want, 1e-4):
            return ""
        factors.append(factor)
    each = np.array(factors)
    if np.ptp(each) < 1e-3 * abs(each.max()):
        return f"It is {each.max():.4g} times the expected value: is a factor missing, or one too many?"
    for what, sizes in (("is it a sum instead of a mean", each), ("is it divided once too often", 1 / each)):
        whole = np.round(sizes)
        # a power of two may be anything
        if (whole >= 1).all() and (abs(sizes - whole) < 1e-3 * sizes).all() and (np.log2(whole) % 1).any():
            return f"It is off by an integer factor that differs between the cases: {what}?"
    return ""


def example(inputs: dict[str, Any], got: Result, want: Result, limit: float) -> str:
    """A case, small enough to read: what went in, what came out, what is wanted."""
    went_in: Leaves = {}
    for name, value in inputs.items():
        parts = leaves(value, name)
        went_in |= parts if any(map(is_array, parts.values())) else {name: value}
    small_first = sorted(went_in, key=lambda path: np.size(went_in[path]) > FEW)
    lines = [f"{path} = {_value(went_in[path])}" for path in small_first[:LINES]] + ["…"] * (len(went_in) > LINES)
    for path in spoilt(got.leaves, want.leaves, limit)[:2]:
        yours, wanted = got.leaves[path], want.leaves[path]
        place = f"{_written(path, 'result')}: " if path else ""
        lines += [f"{place}yours {_value(yours)}", f"{place}expected {_value(wanted)}"]
        if np.size(wanted) > FEW:
            a, b = _floats(yours), _floats(wanted)
            most = np.unravel_index(np.argmax(np.nan_to_num(np.abs(a - b), nan=np.inf)), a.shape)
            lines[-1] += f"; at {[int(i) for i in most]} yours {a[most]:.5g}, expected {b[most]:.5g}"
    return "\n".join(line if len(line) <= WIDE else line[: WIDE - 1] + "…" for line in lines)


def _value(value: Any) -> str:
    if is_array(value):
        if getattr(value.dtype, "kind", "") not in "biuf" or np.size(value) > FEW:
            return trees.form(value)
        return np.array2string(np.asarray(value), precision=4, separator=", ").replace("\n", "")
    return f"{value!r:.{WIDE}}".replace("\n", " ")


# --- form -----------------------------------------------------------------------------------------------------------


def structure(got: Result, want: Result) -> str:
    """What is missing or not expected in a result; "" where nothing is."""
    if got.leaves.keys() == want.leaves.keys():
        return ""
    if {""} in (set(got.leaves), set(want.leaves)):
        of = f" with {_names(list(want.leaves))}" * ("" not in want.leaves)
        return f"It returned {got.whole} instead of {want.whole}{of}."
    missing = [path for path in want.leaves if path not in got.leaves]
    extra = [path for path in got.leaves if path not in want.leaves]
    if (nested := [*map(_nested, missing, extra)]) and len(nested) == len(missing) and all(nested):
        return nested[0]
    parts = [f"{_names(missing)} missing"] * bool(missing) + [f"{_names(extra)} not expected"] * bool(extra)
    return f"The result has the wrong structure: {', '.join(parts)}."


def _nested(missing: str, extra: str) -> str:
    """Whether what is wanted stands one step deeper, e.g. at "0.0.w" instead of at "0.w"."""
    shallow, deep = missing.split("."), extra[:1000].split(".")
    for place in reversed(range(len(deep))):
        if deep[:place] + deep[place + 1 :] == shallow:
            names = [_written(".".join(path)) for path in (shallow[:place], deep[: place + 1])]
            at = f" at `{names[0]}`" if names[0] else ""
            return f"What is expected{at} is one level deeper, at `{names[1]}`: is there a pair or a list too many?"
    return ""


def _form(got: Any, want: Any, where: str, limit: float) -> str:
    if not (_is_number(want) and _is_number(got)):
        return "" if type(got) is type(want) else f"The result{where} is {kind(got)}; expected {kind(want)}."
    if np.shape(got) != np.shape(want):
        why = _why_shape(got, want, limit)
        return f"The result{where} has shape {_shape(got)}; expected {_shape(want)}.{why}"
    if not (is_array(got) and is_array(want)):
        return ""
    names = {str(one.dtype) for one in (got, want)}
    kinds = {one.dtype.kind.replace("u", "i") for one in (got, want)}
    if len(names) == 1 or names == {"float32", "float64"} or kinds in ({"b"}, {"i"}):
        return ""  # int32 for int64: JAX's, in place of NumPy's
    return f"The result{where} has dtype {got.dtype}; expected {want.dtype}."


def _why_shape(yours: Any, wanted: Any, limit: float) -> str:
    got, want = np.shape(yours), np.shape(wanted)
    if sorted(got) == sorted(want):
        may_be = len(want) <= MOST_AXES and yours.dtype.kind in "biuf"
        orders = itertools.permutations(range(len(want))) if may_be else ()
        right = [order for order in orders if same(yours, np.transpose(wanted, order), limit)]
        if right:
            return f" {_brings(right[0])}" if len(right) == 1 else " Its axes are in another order."
        return " Two axes are swapped." * bool(sum(map(ne, got, want)) == 2)
    if [size for size in got if size != 1] == [size for size in want if size != 1]:
        return " There is an axis of size 1 too many or too few."
    if len(got) < len(want) and _is_within(got, want):
        return " An axis is missing: was it summed, averaged or indexed away, or is `keepdims` or `vmap` missing?"
    if len(got) > len(want) and _is_within(want, got):
        return " There is an axis too many: should it be summed or averaged over?"
    return ""


def _is_within(few: tuple[int, ...], many: tuple[int, ...]) -> bool:
    rest = iter(many)
    return all(size in rest for size in few)


def not_finite(got: Result, want: Result) -> str:
    """Where the one holds NaN or infinity and the other does not; "" where nowhere."""
    for path, wanted in want.leaves.items():
        yours, where = got.leaves.get(path), _at(path)
        if not (_is_number(yours) and _is_number(wanted)):
            continue
        a, b = _floats(yours), _floats(wanted)
        nan = np.isnan(a).any() and not np.isnan(b).any()
        if nan or (np.isinf(a).any() and np.isfinite(b).all()):
            return f"The result{where} contains {'NaN' if nan else 'infinity'}. {LOOK_FOR}"
        if np.isnan(b).any() and not np.isnan(a).any():
            return f"The result{where} should contain NaN in this case, but it does not."
    return ""


def _is_number(value: Any) -> bool:
    return is_array(value) or isinstance(value, bool | int | float | complex)


def _floats(value: Any) -> np.ndarray:
    return np.asarray(value).astype(np.float64)


def _shape(value: Any) -> str:
    shape = np.shape(value)
    return f"{list(shape)}" + " (a scalar)" * bool(shape == ())


def _names(paths: Sequence[str], of: Iterable[str] = ()) -> str:
    """Some paths in words; a tree of which all leaves are among them is named in their place."""
    rest = [path for path in of if path not in paths]
    short: dict[str, None] = {}
    for path in paths:
        heads = [path.rsplit(".", left)[0] for left in range(path.count("."), -1, -1)] if of else [path]
        whole = (head for head in heads if not any(f"{other}.".startswith(f"{head}.") for other in rest))
        short[next(whole, path)] = None  # names may have dots of their own: "dot" and "dot.1"
    return few(f"`{_written(path)}`" for path in short)


def _at(path: str) -> str:
    return f" at `{_written(path)}`" if path else ""


def _written(path: str, root: str = "") -> str:
    """A path as Python writes it: "0.params.w" → "[0].params.w"; that of a result's part → "result[0].params.w"."""
    steps = path.split(".") if path else []
    return (root + "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in steps)).removeprefix(".")
