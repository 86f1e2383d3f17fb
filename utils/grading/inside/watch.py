"""In a hand-in's process: notice what an honest answer never does, and undo what was tampered with."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import PosixPath, WindowsPath
from types import FrameType, FunctionType, ModuleType
from typing import Any

from utils.grading.inside.answers import CALLED

Tell = Callable[[str, bool], None]  # what happened; whether it could have earned points by deceit

_GUARDED = {"utils", "jax", "numpy", "flax", "optax", "haiku", "builtins", "inspect", "functools", "contextlib"}
_GUARDED |= {"signal", "operator", "math", "copy", "json", "os", "warnings", "ast"}
_SUSPECT = ("/proc", "solutions", "grading", "checks", "/etc/", "/root")
# through which a file is opened; the last one since IPython puts its own `open` before Python's
_OPENERS = ("pathlib.py", "io.py", "os.py", "glob.py", "shutil.py", "codecs.py", "inspect.py", "interactiveshell.py")
_WALKERS = ("inspect.py", "traceback.py")
_SETTERS = ("mock.py", "monkeypatch.py", "contextlib.py")
# looking into what belongs to the checks: callers' variables, all objects, raw memory
_PRYING = {
    "looked at its callers' frames": ("sys._getframe", "sys._current_frames"),
    "traced the interpreter": ("sys.settrace", "sys.setprofile"),
    "searched all objects in memory": ("gc.get_objects", "gc.get_referrers", "gc.get_referents"),
    "used ctypes": (
        *("ctypes.dlopen", "ctypes.dlsym", "ctypes.cdata"),
        *("ctypes.string_at", "ctypes.addressof", "ctypes.call_function"),
    ),
    "made code objects by hand": ("code.__new__",),
    "made functions of code objects": ("function.__new__",),
    "wrote code objects out": ("marshal.dumps",),
    "added an audit hook": ("sys.addaudithook",),
}
_PRYING_ATTRIBUTES = {"tb_frame", "gi_frame", "cr_frame", "ag_frame"}
# reaching outside: the sandbox stops it, a person should know of it
_REACHING = {
    "started a program": ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen"),
    "started a process": ("os.fork", "os.forkpty"),
    "sent a signal to a process": ("os.kill", "os.killpg"),
    "asked for a network connection": ("socket.connect", "socket.getaddrinfo"),
    "opened a port": ("socket.bind",),
}
_PRIED = {event: what for what, events in _PRYING.items() for event in events}
_REACHED = {event: what for what, events in _REACHING.items() for event in events}
_SET = "course.set"
_EVENTS = {CALLED, _SET, *_PRIED, *_REACHED, "object.__getattr__", "object.__setattr__", "open", "compile"}

_CELLS = ("<ipython-input", "<string>", "<unknown>")
_WRITABLE = (os.environ.get("HOME", "/home/student") + "/", "/dev/shm/")


def _is_students(frame: FrameType | None) -> bool:
    """Whether this code is a cell's, a text's that was executed, or comes from a file that a hand-in could write."""
    if frame is None:
        return False
    file = frame.f_code.co_filename
    return file.startswith((*_CELLS, *_WRITABLE)) or not file.startswith(("<", "/"))


def look_out(tell: Tell, calls: Counter[str]) -> None:
    """Tell of every event that a student's code causes, and count calls of what the course handed out.

    There is no way to stop this again. While an event is looked at, no other is seen: so nothing of the student's may
    run in here, not even the methods of a text of the student's own class.
    """
    busy = False
    getframe = sys._getframe

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal busy
        if type(event) is not str or event not in _EVENTS or busy:
            return
        busy = True
        try:
            if event == CALLED:
                calls[_exactly(arguments[0])] += 1
            elif pried := _pried(event, arguments, getframe(1)):
                tell(pried, True)
            elif event == "open":
                _look_at_file(_exactly(arguments[0]), getframe(1), tell)
            elif event in _REACHED and _within(getframe(1)):
                tell(f"It {_REACHED[event]} ({event}).", False)
        finally:
            busy = False

    sys.addaudithook(hook)


def _exactly(text: Any) -> str:
    """The characters of a text or path, of whatever class it is; "" for anything else."""
    kind = type(text)  # an object may lie about its `__class__`
    if issubclass(kind, bytes):
        return bytes.decode(text, "utf-8", "replace")
    if issubclass(kind, str):
        return str.__str__(text)
    return str(text) if kind in (PosixPath, WindowsPath) else ""


def _pried(event: str, arguments: tuple[Any, ...], frame: FrameType | None) -> str:
    """What a student's code did that could have earned points by deceit, or ""."""
    what = ""
    culprit = _before(frame, _WALKERS)
    if event in _PRIED:
        what = f"{_PRIED[event]} ({event})"
    elif event == "object.__getattr__" and arguments[1] in _PRYING_ATTRIBUTES:
        what = f"looked at its callers' frames ({arguments[1]})"
    elif event == "object.__setattr__" and arguments[1] in ("__code__", "func_code"):
        what = "changed the code of a function"
    elif event == "compile":
        culprit, name = frame, _exactly(arguments[1])
        if name and not name.startswith(_CELLS):
            what = f"compiled code under the name `{name[:60]}`"
    elif event == _SET:
        culprit = _before(frame, ("watch.py", *_SETTERS))
        what = f"set `{_exactly(arguments[0])}`"
    return f"It {what}." if what and _is_students(culprit) else ""


def _look_at_file(path: str, frame: FrameType | None, tell: Tell) -> None:
    if any(part in path for part in _SUSPECT) and _is_students(_before(_before(frame, _WALKERS), _OPENERS)):
        tell(f"It opened `{path[:120]}`.", path.startswith("/proc") and path.endswith("mem"))


def _before(frame: FrameType | None, files: tuple[str, ...]) -> FrameType | None:
    """The nearest frame that is in none of these files."""
    while frame is not None and frame.f_code.co_filename.endswith(files):
        frame = frame.f_back
    return frame


def _within(frame: FrameType | None) -> bool:
    """Whether a student's code is anywhere up the stack, but not for an import that it caused."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(("<frozen importlib", "<frozen zipimport")):
            return False
        if _is_students(frame):
            return True
        frame = frame.f_back
    return False


class _Watched(ModuleType):
    """A module that tells when an attribute of it is set: also when it is set back before anyone looks."""

    def __setattr__(self, name: str, value: Any) -> None:
        sys.audit(_SET, f"{self.__name__}.{name}")
        super().__setattr__(name, value)


class Guard:
    """What functions and classes the checks and the libraries consist of, to see and undo changes."""

    def __init__(self, more: list[ModuleType]):
        guarded = {name: module for name, module in sys.modules.items() if name.split(".")[0] in _GUARDED and module}
        modules = [*guarded.values(), *more]
        self._items: list[tuple[dict[str, Any], str, Any, str]] = [
            (sys.modules, name, module, name) for name, module in guarded.items()
        ]
        self._items += [
            (vars(module), name, value, f"{module.__name__}.{name}")
            for module in modules
            for name, value in list(vars(module).items())
            if callable(value) or isinstance(value, ModuleType) or module.__name__.startswith("utils.checks")
        ]
        for module in modules:
            if type(module) is ModuleType and module is not sys:
                module.__class__ = _Watched
        ours = [module for module in modules if module.__name__.startswith("utils.") or module in more]
        values = {id(value): value for module in ours for value in vars(module).values()}.values()
        classes = [value for value in values if isinstance(value, type) and value.__module__.startswith("utils.")]
        self._attributes: list[tuple[Any, str, Any, str]] = [
            (function, name, getattr(function, name), function.__name__)
            for function in values
            if isinstance(function, FunctionType)
            for name in ("__code__", "__defaults__", "__kwdefaults__")
        ]
        self._attributes += [
            (cls, name, value, f"{cls.__name__}.{name}")
            for cls in [*classes, *_array_classes()]
            for name, value in vars(cls).items()
            if callable(value)
        ]

    def undo(self) -> list[str]:
        """Put back what was replaced; its names."""
        changed = []
        for mapping, name, value, label in self._items:
            if mapping.get(name) is not value:
                mapping[name] = value
                changed.append(label)
        for holder, name, value, label in self._attributes:
            now = vars(holder).get(name) if isinstance(holder, type) else getattr(holder, name)
            if now is not value:
                setattr(holder, name, value)
                changed.append(label)
        return changed


def _array_classes() -> list[type]:
    import jax
    from jax._src.array import ArrayImpl

    return [ArrayImpl, jax.core.Tracer]
