"""What is raised by whoever reads a file that is not what it says."""

from __future__ import annotations

import struct
import zipfile
import zlib

# What Python's own readers raise for bytes that make no sense: numbers, zip archives, JSON, pickles.
DAMAGE = (
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def damage_reason(error: BaseException) -> str:
    """Its words, in one line that is not too long."""
    return " ".join(str(error).split())[:200] or type(error).__name__
