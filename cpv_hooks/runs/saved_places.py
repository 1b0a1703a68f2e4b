"""Which artifact each file or folder is that a job saved."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from cpv_hooks.errors import CPVError

WHOLE = ""
"""The name of the folder itself that was saved, where all of it is one artifact."""


FOLDER = "checkpoint"
"""The artifact of a checkpoint that has several files, none of which is an artifact."""


def places(
    saved: Mapping[str, bool], artifacts: Mapping[str, bool | None], chief: str | None, asked: str | None, prefix: str
) -> dict[str, str]:
    """The artifact's path for each saved name.

    `saved` says of each name in the folder whether it is a folder; `artifacts` of each artifact of the DVC root, by its
    path, whether it is one (None: it has no content yet). `chief` is the model's own artifact, where there is one,
    `asked` the one that the job names; `prefix` is the DVC root's.

    Names of artifacts are these artifacts. What is left over is the model's artifact where it fits, the whole folder
    where that is a folder. Several that are none of them are all of one folder, `checkpoint`; a single other one is a
    new artifact of its own name. Raises `CPVError` for nothing saved.
    """
    if not saved:
        raise CPVError("nothing was saved", fix="save into the folder that is given: save=lambda folder: …")
    if asked is not None:
        return _all_of(saved, asked, artifacts.get(asked))
    by_name: dict[str, list[str]] = {}
    for path in artifacts:
        by_name.setdefault(posixpath.basename(path), []).append(path)
    named = {name: min(by_name[name], key=lambda path: (path.count("/"), path)) for name in saved if name in by_name}
    left = [name for name in saved if name not in named]
    if not left:
        return named
    if chief is not None and chief not in named.values():
        if _is_folder(chief, artifacts.get(chief)):
            return {WHOLE: chief}
        if len(left) == 1 and not saved[left[0]]:
            return {**named, left[0]: chief}
    if not named and (len(left) > 1 or saved[left[0]]):
        return {WHOLE: prefix + FOLDER}
    return {**named, **{name: prefix + name for name in left}}


def _all_of(saved: Mapping[str, bool], asked: str, is_folder: bool | None) -> dict[str, str]:
    names = list(saved)
    fits = len(names) == 1 and (names[0] == posixpath.basename(asked) or not saved[names[0]])
    return {names[0]: asked} if fits and not _is_folder(asked, is_folder) else {WHOLE: asked}


def _is_folder(path: str, known: bool | None) -> bool:
    """Whether an artifact is a folder; one without content is one where its name has no ending."""
    return known if known is not None else not posixpath.splitext(path)[1]


def chief_of(models: Sequence[str]) -> str | None:
    """The model's own artifact, where only one can be meant."""
    return models[0] if len(models) == 1 else None
