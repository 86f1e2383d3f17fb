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
    "function.__new__": "made functions of code objects",
    "marshal.dumps": "wrote code objects out",
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
_SET = "course.set"
_EVENTS = {CALLED, _SET, *_PRYING, *_REACHING, "object.__getattr__", "object.__setattr__", "open", "compile"}


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
                return
            _look(event, arguments, getframe(1), tell)
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


def _look(event: str, arguments: tuple[Any, ...], frame: FrameType | None, tell: Tell) -> None:
    caller = _before(frame, _WALKERS)
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
        name = _exactly(arguments[1])
        if name and not name.startswith(_CELLS) and _is_students(frame):
            tell(f"It compiled code under the name `{name[:60]}`.", True)
    elif event == _SET:
        if _is_students(_before(frame, ("watch.py", *_SETTERS))):
            tell(f"It set `{_exactly(arguments[0])}`.", True)
    elif event == "open":
        _look_at_file(_exactly(arguments[0]), caller, tell)
    elif _within(frame):
        tell(f"It {_REACHING[event]} ({event}).", False)


def _look_at_file(path: str, caller: FrameType | None, tell: Tell) -> None:
    if any(part in path for part in _SUSPECT) and _is_students(_before(caller, _OPENERS)):
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
        self._modules = {
            name: module for name, module in sys.modules.items() if name.split(".")[0] in _GUARDED and module
        }
        self._modules |= {module.__name__: module for module in more}
        self._members = [
            (module.__dict__, name, value, f"{module.__name__}.{name}")
            for module in self._modules.values()
            for name, value in list(module.__dict__.items())
            if callable(value) or isinstance(value, ModuleType) or module.__name__.startswith("utils.checks")
        ]
        for module in self._modules.values():
            if type(module) is ModuleType and module is not sys:
                module.__class__ = _Watched
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
