"""Whether HEAD is sure to be back before anybody sees it: what can end `git commit`, or look, inside the detour."""

from __future__ import annotations

import os

from cpv_hooks.git.caller import GitProcess
from cpv_hooks.git.repo import Repo

_EVENTS = frozenset({"pre-commit", "prepare-commit-msg"})


def unpromised(repo: Repo, git: GitProcess | None) -> str | None:
    """Why nobody can promise it; None where HEAD will be back."""
    # From Git 2.54 on these run beside the hooks of the folder, before them, and also after one of them failed.
    listed = repo.run("config", "-z", "--get-regexp", r"^hook\..*\.event$", check=False).split("\0")
    for key, _, event in (line.partition("\n") for line in listed if line):
        name = key.removeprefix("hook.").removesuffix(".event")
        enabled = repo.run("config", "--type=bool", "--get", f"hook.{name}.enabled", check=False).strip()
        if event in _EVENTS and enabled != "false":
            return f"hook.{name} is configured for {event}"
    # Git reads these only after the pre-commit hook, and ends where it cannot.
    for file in _message_files(git.words[1:] if git else ()):
        path = os.path.join(repo.top, os.environ.get("GIT_PREFIX", ""), os.path.expanduser(file))
        if file != "-" and not (os.path.exists(path) and not os.path.isdir(path) and os.access(path, os.R_OK)):
            return f"{file} cannot be read"
    return None


def _message_files(words: tuple[str, ...]) -> list[str]:
    found = []
    for at, word in enumerate(words):
        if word == "--":
            break
        following = words[at + 1] if at + 1 < len(words) else ""
        if word in ("--file", "--template"):
            found.append(following)
        elif word.startswith(("--file=", "--template=")):
            found.append(word.partition("=")[2])
        elif word[:1] == "-" and word[1:2] != "-":
            # The first letter that takes a value takes the rest of the word.
            letter = next((place for place, letter in enumerate(word) if letter in "FtmcCSu"), 0)
            if letter and word[letter] in "Ft":
                found.append(word[letter + 1 :] or following)
    return found
