"""The one error that a user sees."""

from __future__ import annotations


class CPVError(Exception):
    """Something a user can mend: what happened, where, and the command that mends it.

    `str()` is always one line: ``WHERE: WHAT; to mend it: FIX`` (the parts that are known).
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(self._line())

    def amend(self, text: str) -> None:
        """Add to what happened, in parentheses."""
        self.what = f"{self.what} ({text})"
        self.args = (self._line(),)

    def _line(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        if self.fix:
            line += f"; to mend it: {self.fix}"
        return " ".join(line.split())
