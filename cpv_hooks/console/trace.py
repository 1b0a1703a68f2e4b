"""What is being done, told to whoever listens: an operation's log, `--verbose`. Nobody listens in a hook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]
Listener = Callable[[Level, str], None]

_listeners: list[Listener] = []


def emit_trace(level: Level, text: str) -> None:
    """Tell the listeners; any thread may."""
    for listener in tuple(_listeners):
        listener(level, text)


def is_heard() -> bool:
    """Whether anybody listens, so that a text need not be made for nobody."""
    return bool(_listeners)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let `listener` hear everything in this block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
