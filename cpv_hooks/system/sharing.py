"""Who else may use the files of a Git directory: `core.sharedRepository`, read and applied as Git does.

The numbers and the rules are those of `git_config_perm` (setup.c) and `adjust_shared_perm` (path.c).
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from functools import cache

GROUP, EVERYBODY = 0o660, 0o664
_WORDS = {"umask": 0, "group": GROUP, "all": EVERYBODY, "world": EVERYBODY, "everybody": EVERYBODY}
_OLD_NUMBERS = {0: 0, 1: GROUP, 2: EVERYBODY}
_FALSE = frozenset({"false", "no", "off"})


def permissions(setting: str) -> int:
    """What a value of `core.sharedRepository` means: bits to add, or, negative, to have instead; 0 for none."""
    word = setting.strip()
    if word in _WORDS:
        return _WORDS[word]
    try:
        number = int(word or "0", 8)
    except ValueError:
        return 0 if word.lower() in _FALSE else GROUP
    if number in _OLD_NUMBERS:
        return _OLD_NUMBERS[number]
    # With any other Git itself refuses to work.
    return -(number & 0o666) if number & 0o600 == 0o600 else 0


def shared_mode(mode: int, tweak: int) -> int:
    """The mode of a file or folder by such a number; `mode` is what the umask left."""
    bits = abs(tweak)
    if not mode & stat.S_IWUSR:
        bits &= ~0o222
    if mode & stat.S_IXUSR:
        bits |= (bits & 0o444) >> 2
    new = (mode & ~0o777) | bits if tweak < 0 else mode | bits
    if stat.S_ISDIR(mode):
        new |= (new & 0o444) >> 2
        # Where a folder hands down its group without being told, Git leaves the bit alone.
        if new & 0o060 and sys.platform.startswith("linux"):
            new |= stat.S_ISGID
    return new


@cache
def asked_permissions(ask: Callable[[], str]) -> int:
    """The same of the setting that `ask` gets from Git, once."""
    return permissions(ask())


def adjust(descriptor: int, ask: Callable[[], str]) -> None:
    """Give a file or folder that was just made its mode."""
    tweak = asked_permissions(ask)
    if not tweak:
        return
    status = os.fstat(descriptor)
    wanted = shared_mode(status.st_mode, tweak)
    if wanted != status.st_mode:
        os.fchmod(descriptor, stat.S_IMODE(wanted))
