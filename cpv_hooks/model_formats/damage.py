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


def reason(error: BaseException) -> str:
    """Its words, in one line that is not too long."""
    words = " ".join(str(error).split())[:200] or type(error).__name__
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in words)
