"""Annotated tags as Git's objects: made, and signed where the user's Git would sign them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from cpv_hooks.console.output import warn
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.git.repo import Repo
from cpv_hooks.versions.tag_refs import read_tags, update_tags


def make_object(repo: Repo, name: str, commit: str, message: str) -> str:
    """Write an annotated tag object; returns its id. Git checks it as strictly as `fsck` does.

    It is signed where the user's Git would sign it, unless that takes a prompt: then a line says how to sign it.
    """
    who = tagger(repo)
    signed = _signed(repo, name, commit, message, who) if _signs(repo) else None
    if signed is not None:
        return signed
    header = f"object {commit}\ntype commit\ntag {name}\ntagger {who}\n"
    return repo.run("mktag", input=f"{header}\n{message}").strip()


def make_objects(repo: Repo, wanted: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """The same for many (name, commit, message): unsigned ones by one Git process; returns their ids by name."""
    if len(wanted) < 2 or _signs(repo):
        return {name: make_object(repo, name, commit, message) for name, commit, message in wanted}
    import tempfile  # slow to load, and most commits get one tag

    who = tagger(repo)
    with tempfile.TemporaryDirectory(prefix="cpv-") as folder:
        paths = [os.path.join(folder, str(number)) for number in range(len(wanted))]
        for path, (name, commit, message) in zip(paths, wanted, strict=True):
            text = f"object {commit}\ntype commit\ntag {name}\ntagger {who}\n\n{message}"
            Path(path).write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        args = ("hash-object", "-t", "tag", "-w", "--no-filters", "--stdin-paths")
        oids = repo.run(*args, input="".join(f"{path}\n" for path in paths)).split()
    return dict(zip((name for name, _, _ in wanted), oids, strict=True))


def sign(repo: Repo, names: Iterable[str]) -> None:
    """Sign annotated tags that a library has made here, by the same rule; each keeps its time and its message."""
    if not _signs(repo):
        return
    for tag in (tag for name in names for tag in read_tags(repo, name=name) if tag.oid != tag.commit):
        header, _, message = repo.run("cat-file", "tag", tag.oid).partition("\n\n")
        who = header.rpartition("\ntagger ")[2].partition("\n")[0]
        signed = _signed(repo, tag.name, tag.commit, message.rstrip("\n") + "\n", who)
        if signed is not None:
            update_tags(repo, update={tag.name: (signed, tag.oid)})


def _signed(repo: Repo, name: str, commit: str, message: str, who: str) -> str | None:
    from cpv_hooks.git.signing import signed_tag

    try:
        return signed_tag(repo, name, commit, message, who)
    except CPVError as error:
        fix = f"GIT_EDITOR=true git tag -f -s {shell_word(name)} {shell_word(name + '^{}')}"
        warn(str(CPVError(f"{name} is not signed: {error.what}", fix=fix)))
        return None


def _signs(repo: Repo) -> bool:
    """Whether the user's Git signs annotated tags."""
    keys = r"^tag\.(gpgsign|forcesignannotated)$"
    values = repo.run("config", "--type=bool", "--get-regexp", keys, check=False).splitlines()
    return "true" in dict(line.split(" ") for line in values).values()


def tagger(repo: Repo) -> str:
    """Who makes a tag, and when, as Git writes it; `CPVError` where Git does not know the user."""
    try:
        return repo.run("var", "GIT_COMMITTER_IDENT").strip()
    except CPVError as error:
        raise CPVError(error.what, where=error.where, fix="git config --global user.email YOU@EXAMPLE.COM") from error
