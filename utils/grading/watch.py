"""In a hand-in's process: notice what an honest answer never does, and undo what was tampered with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, FunctionType, ModuleType
from typing import Any

Tell = Callable[[str, bool], None]  # what happened; whether it could have earned points by deceit

_GUARDED = {"utils", "jax", "numpy", "flax", "optax", "haiku", "builtins", "inspect", "functools", "contextlib"}
_GUARDED |= {"signal", "operator", "math", "copy", "json", "os", "warnings", "ast"}
_SUSPECT = ("/proc", "solutions", "grading", "checks", "/etc/", "/root")
# through which a file is opened; the last one since IPython puts its own `open` before Python's
_OPENERS = ("pathlib.py", "io.py", "os.py", "glob.py", "shutil.py", "codecs.py", "inspect.py", "interactiveshell.py")
_WALKERS = ("inspect.py", "traceback.py")
# looking into what belongs to the checks: callers' variables, all objects, raw memory
_PRYING = {
    "sys._getframe": "looked at its callers' frames",
    "sys._current_frames": "looked at its callers' frames",
    "sys.settrace": "traced the interpreter",
    "sys.setprofile": "traced the interpreter",
    "gc.get_objects": "searched all objects in memory",
    "gc.get_referrers": "searched all objects in memory",
    "gc.get_referents": "searched all objects in memory",
    "ctypes.dlopen": "used ctypes",
    "ctypes.dlsym": "used ctypes",
    "ctypes.cdata": "used ctypes",
    "ctypes.string_at": "used ctypes",
    "ctypes.addressof": "used ctypes",
    "ctypes.call_function": "used ctypes",
    "code.__new__": "made code objects by hand",
    "sys.addaudithook": "added an audit hook",
}
_PRYING_ATTRIBUTES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}
# reaching outside: the sandbox stops it, a person should know of it
_REACHING = {
    "os.system": "started a program",
    "os.exec": "started a program",
    "os.posix_spawn": "started a program",
    "os.spawn": "started a program",
    "subprocess.Popen": "started a program",
    "os.fork": "started a process",
    "os.forkpty": "started a process",
    "os.kill": "sent a signal to a process",
    "os.killpg": "sent a signal to a process",
    "socket.connect": "asked for a network connection",
    "socket.getaddrinfo": "asked for a network connection",
    "socket.bind": "opened a port",
}
_EVENTS = {*_PRYING, *_REACHING, "object.__getattr__", "object.__setattr__", "open", "compile"}


def _is_students(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename.startswith(("<ipython-input", "<string>", "<unknown>"))


def look_out(tell: Tell) -> None:
    """Tell of every event that a student's code causes. There is no way to stop this again."""
    busy = False
    getframe = sys._getframe

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal busy
        if event not in _EVENTS or busy:
            return
        busy = True
        try:
            _look(event, arguments, getframe(1), tell)
        finally:
            busy = False

    sys.addaudithook(hook)


def _look(event: str, arguments: tuple[Any, ...], frame: FrameType | None, tell: Tell) -> None:
    caller = frame
    if caller is not None and caller.f_code.co_filename.endswith(_WALKERS):
        caller = caller.f_back
    if event in _PRYING:
        if _is_students(caller):
            tell(f"It {_PRYING[event]} ({event}).", True)
    elif event == "object.__getattr__":
        if arguments[1] in _PRYING_ATTRIBUTES and _is_students(caller):
            tell(f"It looked at its callers' frames ({arguments[1]}).", True)
    elif event == "object.__setattr__":
        if arguments[1] in ("__code__", "func_code") and _is_students(caller):
            tell("It changed the code of a function.", True)
    elif event == "compile":
        name = arguments[1]
        if isinstance(name, str) and not name.startswith("<") and _is_students(frame):
            tell("It compiled code under the name of a file.", True)
    elif event == "open":
        _look_at_file(str(arguments[0]), caller, tell)
    elif _within(frame):
        tell(f"It {_REACHING[event]} ({event}).", False)


def _look_at_file(path: str, caller: FrameType | None, tell: Tell) -> None:
    while caller is not None and caller.f_code.co_filename.endswith(_OPENERS):
        caller = caller.f_back
    if any(part in path for part in _SUSPECT) and _is_students(caller):
        tell(f"It opened `{path[:120]}`.", path.startswith("/proc") and path.endswith("mem"))


def _within(frame: FrameType | None) -> bool:
    """Whether a student's code is anywhere up the stack, but not for an import that it caused."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(("<frozen importlib", "<frozen zipimport")):
            return False
        if _is_students(frame):
            return True
        frame = frame.f_back
    return False


class Guard:
    """What functions and classes the checks and the libraries consist of, to see and undo changes."""

    def __init__(self, more: list[ModuleType]):
        self._modules = {
            name: module for name, module in sys.modules.items() if name.split(".")[0] in _GUARDED and module
        }
        self._modules |= {module.__name__: module for module in more}
        self._members = [
            (module.__dict__, name, value, f"{module.__name__}.{name}")
            for module in self._modules.values()
            for name, value in list(module.__dict__.items())
            if callable(value) or isinstance(value, ModuleType)
        ]
        ours = [m for n, m in self._modules.items() if n.startswith("utils.") or m in more]
        values = {id(v): v for m in ours for v in m.__dict__.values()}.values()
        self._functions = [
            (v, v.__code__, v.__defaults__, v.__kwdefaults__) for v in values if isinstance(v, FunctionType)
        ]
        classes = [v for v in values if isinstance(v, type) and v.__module__.startswith("utils.")]
        self._classes = [(c, n, v) for c in [*classes, *_array_classes()] for n, v in vars(c).items() if callable(v)]
        self._in_more = {module.__name__ for module in more}

    def undo(self) -> list[str]:
        """Put back what was replaced; its names."""
        changed = []
        for name, module in self._modules.items():
            if name not in self._in_more and sys.modules.get(name) is not module:
                sys.modules[name] = module
                changed.append(name)
        for namespace, name, value, full in self._members:
            if namespace.get(name) is not value:
                namespace[name] = value
                changed.append(full)
        for function, code, defaults, keywords in self._functions:
            if function.__code__ is not code:
                function.__code__ = code
                changed.append(function.__name__)
            if function.__defaults__ is not defaults or function.__kwdefaults__ is not keywords:
                function.__defaults__, function.__kwdefaults__ = defaults, keywords
                changed.append(function.__name__)
        for cls, name, value in self._classes:
            if cls.__dict__.get(name) is not value:
                setattr(cls, name, value)
                changed.append(f"{cls.__name__}.{name}")
        return changed


def _array_classes() -> list[type]:
    import jax
    from jax._src.array import ArrayImpl

    return [ArrayImpl, jax.core.Tracer]
