"""Git's configuration, read whole by two processes in the place of one for each key."""

from __future__ import annotations

from cpv_hooks.git.repo import Repo
from cpv_hooks.named_tuple import NamedTuple

_Values = dict[str, list[str]]


class GitConfig(NamedTuple):
    """All values of each key: in the repository's own file (`git config --local`), and everywhere."""

    local: _Values
    everywhere: _Values

    @classmethod
    def read(cls, repo: Repo) -> GitConfig:
        return cls(_listed(repo, "--local"), _listed(repo))

    def get(self, key: str) -> str | None:
        """As `git config --get`: the value that counts; None where there is none, or an empty one."""
        return (self.everywhere.get(_as_listed(key)) or [""])[-1] or None

    def local_values(self, key: str) -> list[str]:
        """As `git config --local --get-all`."""
        return self.local.get(_as_listed(key), [])

    def note_local(self, key: str, values: list[str]) -> None:
        """Let it be known that the repository's own file has been given exactly these."""
        self.local[_as_listed(key)] = values


def _listed(repo: Repo, *where: str) -> _Values:
    found: _Values = {}
    for entry in repo.run("config", *where, "-z", "--list", check=False).split("\0")[:-1]:
        # One that is named without a value is true, and `--get` prints nothing of it.
        key, _, value = entry.partition("\n")
        found.setdefault(key, []).append(value)
    return found


def _as_listed(key: str) -> str:
    """Case counts in the middle of a key alone."""
    section, _, rest = key.partition(".")
    middle, dot, name = rest.rpartition(".")
    return f"{section.lower()}.{middle}{dot}{name.lower()}"
