"""`dvc cpv …` in this process: as a person types it, without the half second of a new interpreter."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from support.shell import Result


def cpv(folder: Path, *args: str | Path) -> Result:
    """Run a command in a folder and return what it printed and its exit code."""
    from dvc_cpv_plugin.cli import main

    words = tuple(str(arg) for arg in args)
    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err), _logging(out, err):
        try:
            status = main(words)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    return Result(("cpv", *words), status, out.getvalue(), err.getvalue())


@contextmanager
def _logging(out: io.StringIO, err: io.StringIO) -> Iterator[None]:
    """DVC's log handlers keep the streams that they were made with."""
    import dvc.logger  # noqa: F401  # makes them

    handlers = [handler for handler in logging.getLogger("dvc").handlers if isinstance(handler, logging.StreamHandler)]
    before = [handler.stream for handler in handlers]
    for handler in handlers:
        handler.setStream(err if handler.level >= logging.WARNING else out)
    try:
        yield
    finally:
        for handler, stream in zip(handlers, before, strict=True):
            handler.setStream(stream)
