"""What the Python API raises: one class for each kind of action, all of them `CPVError`.

`str(error)` is one line: where, what, and the command that fixes it; the parts are `error.where`, `error.what` and
`error.fix`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpv_hooks.console.check_result import ValidationError as ValidationError
from cpv_hooks.errors import CPVError as CPVError
from cpv_hooks.errors import disk_errors


class InitError(CPVError):
    """A repository, or its data, could not be set up."""


class UploadError(CPVError):
    """A checkpoint could not be uploaded; everything is as it was before."""


class DownloadError(CPVError):
    """A checkpoint could not be loaded or downloaded."""


class TagError(CPVError):
    """A checkpoint could not be tagged; there is no new tag and no new commit."""


class RevertError(CPVError):
    """The work tree could not be brought to a version; it is as it was before."""


class RetireError(CPVError):
    """Versions could not be retired, or a retirement could not be taken back; nothing has changed."""


class ReadError(CPVError):
    """Tags or metadata could not be read."""


class ConfigureError(CPVError):
    """A setting, or access to AWS or the Git host, could not be set up."""


@contextmanager
def raised_as(kind: type[CPVError]) -> Iterator[None]:
    """Let what the engine raises, and a disk that refuses, leave as an error of this kind."""
    try:
        with disk_errors(Path(), by_name=True):
            yield
    except (kind, ValidationError):
        raise
    except CPVError as error:
        raise kind(error.what, where=error.where, fix=error.fix) from error
