"""Bringing a version's files to where they can be used: a folder of links, or the user's own copies.

Neither touches the work tree, Git's index or any ref.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from cpv_hooks.console.output import size_text
from cpv_hooks.console.plan import Effect, Plan
from cpv_hooks.errors import CPVError
from cpv_hooks.history.version_metrics import in_cache, metrics_of_version
from cpv_hooks.operations.download.copies import Copies
from cpv_hooks.operations.download.fetch_content import ContentSource
from cpv_hooks.operations.download.load_folder import Shelf
from cpv_hooks.operations.download.model_artifacts import ModelArtifacts
from cpv_hooks.operations.download.version_content import Stock, find_content, local
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.state_files import cpv_home
from cpv_hooks.system.disk_space import require
from cpv_hooks.versions.version import Version, resolve_version

Result = TypeVar("Result")


def plan_load(
    project: Project, tag: str | None, *, use_cache: bool = True, home: Path | None = None
) -> Plan[ModelArtifacts]:
    """A model version's files (the highest version by default), ready to be read in a folder of its own.

    The folder lies below `home`, the personal folder by default, and belongs to CPV: its files are read-only, and
    mostly links into DVC's cache. Only what the cache lacks is fetched; without `use_cache` all of it. Raises
    `CPVError` for a tag that is not there, for files that neither the cache nor the remote has (before anything is
    changed), and where the disk has no room.
    """
    version = resolve_version(project, Line.MODEL, tag)
    shelf = Shelf(project, version, home or cpv_home())
    if use_cache and shelf.is_whole():
        found = _artifacts(project, version, shelf.folder, loaded=True)
        return Plan((), found, lambda: found)
    stock = find_content(project, version, use_cache=use_cache)
    source = ContentSource(stock, shelf.sound())
    require([(project.cache_dir, stock.lacking_bytes)])

    def run() -> ModelArtifacts:
        with shelf.locked():
            if not (use_cache and shelf.is_whole()):
                source.bring(use_cache=use_cache)
                shelf.build(stock, source)
        return _artifacts(project, version, shelf.folder, loaded=True)

    effects = (*source.effects(), *_made(stock, shelf.folder))
    return Plan(effects, _artifacts(project, version, shelf.folder, stock), run)


def plan_download_model(
    project: Project,
    tag: str | None,
    output: Path | None = None,
    *,
    working_dir: Path | None = None,
    use_cache: bool = True,
    force: bool = False,
) -> Plan[ModelArtifacts]:
    """Copies, the user's own, of a model version's files (the highest version by default); see `Copies` for the rules.

    `output` is a folder, by default `MODEL-TAG` in `working_dir`; each file gets its path relative to the DVC root
    there. Raises as `plan_load` does, and where `output` is not free to be written. `force` also skips the look for
    room on the disk, which counts on a copy of every file where blocks may be shared.
    """
    version = resolve_version(project, Line.MODEL, tag)
    stock = find_content(project, version, use_cache=use_cache)
    copies = Copies(stock, _output(project, version, output, working_dir), force=force)
    result = partial(_artifacts, project, version, copies.output, stock)
    return _copy(stock, copies, result, use_cache=use_cache, force=force)


def plan_download_data(
    project: Project,
    tag: str | None,
    output: Path | None = None,
    *,
    working_dir: Path | None = None,
    use_cache: bool = True,
    force: bool = False,
) -> Plan[Path]:
    """Likewise for a data version; the result is where the data is: `OUTPUT/data`, or OUTPUT where it is several."""
    version = resolve_version(project, Line.DATA, tag)
    stock = find_content(project, version, use_cache=use_cache)
    copies = Copies(stock, _output(project, version, output, working_dir), force=force)

    def result() -> Path:
        places = [copies.output / local(project, pointer) for pointer in stock.pointers]
        return places[0] if len(places) == 1 else copies.output

    return _copy(stock, copies, result, use_cache=use_cache, force=force)


def _copy(stock: Stock, copies: Copies, result: Callable[[], Result], *, use_cache: bool, force: bool) -> Plan[Result]:
    stock = stock.narrowed(copies.todo)
    source = ContentSource(stock)
    if not force:
        require([(stock.project.cache_dir, stock.lacking_bytes), (copies.output, copies.bytes)])

    def run() -> Result:
        source.bring(use_cache=use_cache)
        copies.write(source)
        return result()

    return Plan((*source.effects(), *copies.effects()), result(), run)


def _output(project: Project, version: Version, output: Path | None, working_dir: Path | None) -> Path:
    """The folder to write to, absolute and with its links followed."""
    start = working_dir or Path.cwd()
    model = (project.config.model or project.root.name).replace("/", "-")
    tag = version.name.replace("/", "-")
    name = tag if tag.startswith(f"{model}@") else f"{model}-{tag}"
    found = (start / (output or name)).resolve()
    taken = next((folder for folder in found.parents if folder.exists() and not folder.is_dir()), None)
    if taken is not None:
        raise CPVError("there is a file where a folder should be", where=str(taken), fix="name another --output-dir")
    return found


def _made(stock: Stock, folder: Path) -> list[Effect]:
    lines = []
    for pointer in stock.pointers:
        size = "" if pointer.size is None else f" ({size_text(pointer.size)})"
        lines.append(Effect("file", f"link {folder / local(stock.project, pointer)}{size}"))
    return lines


def _artifacts(
    project: Project, version: Version, folder: Path, stock: Stock | None = None, *, loaded: bool = False
) -> ModelArtifacts:
    """What the caller gets; artifacts that have no content in this version are left out."""
    pointers = stock.pointers if stock else tuple(p for p in version.pointers if p.oid)
    files = {pointer.path: folder / local(project, pointer) for pointer in pointers}
    if loaded:
        files = {path: file for path, file in files.items() if file.exists()}
    models = [files[pointer.path] for pointer in version.of_kind(project, "model") if pointer.path in files]
    return ModelArtifacts(
        tag=version.name,
        commit=version.commit,
        folder=folder,
        model=models[0] if models else None,
        files=files,
        metrics=metrics_of_version(
            project, version, lambda pointer: in_cache(project, pointer) or _file(files, pointer.path)
        ),
    )


def _file(files: Mapping[str, Path], path: str) -> Path | None:
    found = files.get(path)
    return found if found is not None and found.is_file() else None
