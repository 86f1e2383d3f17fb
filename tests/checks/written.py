"""Code as a student writes it: compiled as a cell's is, so that its lines show in messages."""

import itertools
import linecache

_numbers = itertools.count()


def written(name, code, **names):
    """What `code` defines as `name`; `names` is what the cells above have defined."""
    file = f"<answer {next(_numbers)}>"
    linecache.cache[file] = (len(code), None, code.splitlines(True), file)
    exec(compile(code, file, "exec"), names)
    return names[name]
