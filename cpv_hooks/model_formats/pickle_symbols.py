"""What a pickle would make, as symbols: its opcodes are read, and nothing that they name is imported or called.

The opcodes are those of `pickletools`: https://github.com/python/cpython/blob/main/Lib/pickletools.py.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import IO, Any

from cpv_hooks.model_formats.pickle_objects import Global, Made, Reference
from cpv_hooks.model_formats.record import UnreadableModel

MAX_OPCODES = 5_000_000
_MARK = object()
_CONSTANTS = {"MARK": _MARK, "NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY = {"EMPTY_DICT": "builtins.dict", "EMPTY_LIST": "builtins.list", "EMPTY_SET": "builtins.set"}
_TO_MARK = {"DICT": "builtins.dict", "LIST": "builtins.list", "FROZENSET": "builtins.frozenset"}
# fmt: off
_LITERALS = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
))
# fmt: on


Built = Callable[[IO[bytes], Made], None]
"""Called after an object got its state; may go on in the stream, for what lies in it between two opcodes."""


def _nothing(stream: IO[bytes], made: Made) -> None:
    """Nothing lies between two opcodes."""


def read_symbols(stream: IO[bytes], built: Built = _nothing) -> object:
    """Read one pickle, up to its end; raises `Unreadable` where it is none."""
    machine = _Machine(stream, built)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count > MAX_OPCODES:
                raise UnreadableModel(f"its pickle has more than {MAX_OPCODES} opcodes")
            if opcode.name == "STOP":
                return machine.stack[-1]
            machine.step(opcode.name, argument)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableModel("its pickle is damaged") from error
    raise UnreadableModel("its pickle has no end")


class _Machine:
    def __init__(self, stream: IO[bytes], built: Built) -> None:
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._stream = stream
        self._built = built

    def step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(Made(_EMPTY[name]))
        elif name in _TO_MARK:
            self._gather(_TO_MARK[name])
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            self._last(int(name[-1]))
        elif name not in ("PROTO", "FRAME", "NEXT_BUFFER", "READONLY_BUFFER"):
            method = getattr(self, f"_{name.lower()}", None)
            if method is None:
                raise UnreadableModel(f"its pickle has the opcode {name}, which is not known here")
            method(argument)

    def _to_mark(self) -> list[Any]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise UnreadableModel("its pickle is damaged")
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def _pop(self, _: object) -> None:
        self.stack.pop()

    def _pop_mark(self, _: object) -> None:
        self._to_mark()

    def _dup(self, _: object) -> None:
        self.stack.append(self.stack[-1])

    def _put(self, key: int) -> None:
        self._memo[key] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def _get(self, key: int) -> None:
        self.stack.append(self._memo[key])

    _binget = _long_binget = _get

    def _tuple(self, _: object) -> None:
        self.stack.append(tuple(self._to_mark()))

    def _last(self, count: int) -> None:
        items = self.stack[-count:]
        if len(items) < count:
            raise UnreadableModel("its pickle is damaged")
        self.stack[-count:] = [tuple(items)]

    def _gather(self, kind: str) -> None:
        items = self._to_mark()
        made = Made(kind)
        if kind == "builtins.dict":
            made.pairs = list(zip(items[::2], items[1::2], strict=False))
        else:
            made.items = items
        self.stack.append(made)

    def _append(self, _: object) -> None:
        item = self.stack.pop()
        self._target().items.append(item)

    def _appends(self, _: object) -> None:
        items = self._to_mark()
        self._target().items.extend(items)

    _additems = _appends

    def _setitem(self, _: object) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._target().pairs.append((key, value))

    def _setitems(self, _: object) -> None:
        items = self._to_mark()
        self._target().pairs.extend(zip(items[::2], items[1::2], strict=False))

    def _target(self) -> Made:
        if not isinstance(self.stack[-1], Made):
            # Such as a buffer, of which nothing is known.
            self.stack[-1] = Made("unknown")
        made: Made = self.stack[-1]
        return made

    def _global(self, argument: str) -> None:
        self.stack.append(Global(argument.replace(" ", ".")))

    def _stack_global(self, _: object) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Global(f"{module}.{name}"))

    def _ext1(self, argument: int) -> None:
        self.stack.append(Global(f"extension {argument}"))

    _ext2 = _ext4 = _ext1

    def _reduce(self, _: object) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.stack.append(_made(function, args))

    _newobj = _reduce

    def _newobj_ex(self, _: object) -> None:
        self.stack.pop()
        self._reduce(_)

    def _inst(self, argument: str) -> None:
        self.stack.append(Made(argument.replace(" ", "."), tuple(self._to_mark())))

    def _obj(self, _: object) -> None:
        function, *args = self._to_mark()
        self.stack.append(_made(function, tuple(args)))

    def _build(self, _: object) -> None:
        state = self.stack.pop()
        made = self._target()
        made.state = state
        self._built(self._stream, made)

    def _persid(self, argument: str) -> None:
        self.stack.append(Reference(argument))

    def _binpersid(self, _: object) -> None:
        self.stack.append(Reference(self.stack.pop()))


def _made(function: object, args: object) -> Made:
    name = function.name if isinstance(function, Global) else getattr(function, "by", "unknown")
    return Made(name, args if isinstance(args, tuple) else (args,))
