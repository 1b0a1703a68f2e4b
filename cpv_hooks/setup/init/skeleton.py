"""The files of a new model repository, from `hook-templates/model-repository`, and its settings file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.config import KINDS, Kind
from cpv_hooks.project.project import Project
from cpv_hooks.setup.install.templates import templates

# Named without their dot in the templates, where they must not act on this repository.
_DOTTED = frozenset({"gitignore", "dvcignore"})
_PIPELINE = "dvc.yaml"
_DATA = "data"


class File(NamedTuple):
    """One file to write; `path` is relative to the DVC root. Files below `data/` belong to DVC, the others to Git."""

    path: str
    content: bytes

    @property
    def is_data(self) -> bool:
        return self.path.startswith(_DATA + "/")


def skeleton_files(team: str, model: str, *, data: bool, pipeline: bool) -> list[File]:
    """The skeleton's files: with its sample `data`, with a `dvc.yaml`, as asked."""
    return [file for file in _read(team, model) if (data or not file.is_data) and (pipeline or file.path != _PIPELINE)]


def _read(team: str, model: str) -> Iterator[File]:
    folder = templates() / "model-repository"
    for source in sorted(folder.rglob("*")):
        if not source.is_file() or source.suffix == ".pyc":
            continue
        name = source.relative_to(folder).as_posix()
        content = source.read_bytes()
        if name == "README.md":
            content = content.decode().replace("{model}", model).replace("{team}", team).encode()
        yield File("." + name if name in _DOTTED else name, content)


def sample_data() -> dict[str, bytes]:
    """The files of a new repository's data folder, by their path in it, when the user brings no data."""
    return {file.path.removeprefix(f"{_DATA}/"): file.content for file in _read("", "") if file.is_data}


def refuse_existing_data(project: Project) -> None:
    """Raise where the repository has training data that is more than the sample of a new repository."""
    patterns = project.config.artifacts.get("data", ())
    sample = sample_data()
    for folder in (project.root / pattern for pattern in patterns):
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()] if folder.is_dir() else []
        own = [path for path in files if sample.get(path.relative_to(folder).as_posix()) != path.read_bytes()]
        if own or folder.is_file():
            local = (own[0] if own else folder).relative_to(project.root).as_posix()
            fix = "dvc cpv data upload PATH (or force, which saves what is there first)"
            raise CPVError("there is training data already", where=local, fix=fix)


def copy_data(source: Path, target: Path) -> None:
    """Copy the user's data, a folder or one file, into the new repository's data folder."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git", ".dvc"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / source.name)


def settings_text(team: str, model: str, artifacts: Mapping[Kind, Sequence[str]]) -> str:
    lines = ["[cpv]", f"team = {_quoted(team)}", f"model = {_quoted(model)}", "", "[artifacts]"]
    lines += [artifact_line(kind, artifacts[kind]) for kind in KINDS if kind in artifacts]
    return "\n".join(lines) + "\n"


def artifact_line(kind: Kind, paths: Sequence[str]) -> str:
    return f"{kind} = [{', '.join(_quoted(path) for path in paths)}]"


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string.
    return json.dumps(text, ensure_ascii=False)
