"""The steps of `dvc cpv init` and their order."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from cpv_hooks.accounts.git_host import origin
from cpv_hooks.console.plan import Step
from cpv_hooks.dvcformat import artifacts_section
from cpv_hooks.errors import shell_path, shell_word, shell_words
from cpv_hooks.git.hook_names import FRAMEWORKS, PRE_COMMIT_CONFIG
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.config import FILE, Kind
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.project import pattern_matcher
from cpv_hooks.setup.init import first_commit, layout, proposals, remote, skeleton
from cpv_hooks.setup.init.model_repository import (
    InitRequest,
    NewRepository,
    dvc,
    file_step,
    note_begun,
    run_command,
    step,
)
from cpv_hooks.setup.install.install import install
from cpv_hooks.setup.install.manifest import Manifest
from cpv_hooks.setup.install.templates import templates
from cpv_hooks.system.atomic_files import write_atomic


def init_steps(place: NewRepository, request: InitRequest) -> list[Step]:
    start = [_start(place)] if place.fresh or place.top is None else []
    found = [*start, *(_fresh(place, request) if place.fresh else _settings(place, request))]
    return [*found, *_hooks(place), *_origin(place, request), *first_commit.first_commit_steps(place, request, found)]


def _start(place: NewRepository) -> Step:
    """Make the folder and its Git repository, whichever is missing, and remember that the work has begun."""
    root = place.root
    text = f"git init {shell_path(root)}" if place.top is None else f"make a model repository in {root}"
    if place.top not in (None, root):
        text += f", a folder of the Git repository {place.top}"

    def do() -> None:
        root.mkdir(parents=True, exist_ok=True)
        if place.top is None:
            # DVC reads SHA-1 alone, whatever this user's Git makes by default.
            run_command(["git", "init", "-q"], root, env={"GIT_DEFAULT_HASH": "sha1"})
        if place.fresh:
            note_begun(place)

    return step(text, do)


def _dvc(place: NewRepository, request: InitRequest) -> Iterator[Step]:
    root = place.root
    if not place.has_dvc:
        subdir = ["--subdir"] if place.top not in (None, root) else []
        yield step(" ".join(["dvc init", *subdir]), partial(run_command, dvc("init", "-q", *subdir), root))
    add = remote.to_add(root, request.remote, request.team, request.model)
    if add is not None:
        name, url = add
        text = f"dvc remote add --default {shell_word(name)} {shell_word(url)}"
        yield step(text, partial(run_command, dvc("remote", "add", "-q", "--default", name, url), root))
        for key, value, local in remote.to_modify(url, request.team, request.model):
            level = ["--local"] if local else []
            text = f"dvc remote modify {shell_words([*level, name, key, value])}"
            yield step(text, partial(run_command, dvc("remote", "modify", "-q", *level, name, key, value), root))
    only = remote.to_make_default(root, request.remote)
    if only is not None:
        yield step(
            f"dvc remote default {shell_word(only)}", partial(run_command, dvc("remote", "default", "-q", only), root)
        )
    aware = layout.to_make_aware(root, request.layout, add[0] if add else only)
    if aware is not None:
        words = ("remote", "modify", aware, "version_aware", "true")
        yield step(f"dvc {shell_words(words)}", partial(run_command, dvc(*words[:2], "-q", *words[2:]), root))


def _settings_step(
    place: NewRepository, request: InitRequest, artifacts: Mapping[Kind, Sequence[str]]
) -> Iterator[Step]:
    if not (place.root / FILE).exists():
        text = skeleton.settings_text(request.team, request.model, artifacts) + layout.section(request.layout)
        yield file_step(place.root, FILE, text.encode())


def _artifacts_step(place: NewRepository, request: InitRequest, models: Sequence[str]) -> Iterator[Step]:
    """The models in `dvc.yaml`, where VS Code, DVC Studio and `dvc artifacts get` look for them."""
    file = place.root / artifacts_section.FILE

    def changed() -> str | None:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return artifacts_section.with_models(text, request.model, models, place.root)

    if changed() is not None:
        yield step(
            f"write {file.name} (artifacts: {', '.join(models)})",
            lambda: write_atomic(file, (changed() or "").encode()),
        )


def _fresh(place: NewRepository, request: InitRequest) -> Iterator[Step]:
    root = place.root
    for file in skeleton.skeleton_files(
        request.team, request.model, data=request.data_path is None, pipeline=request.pipeline
    ):
        if not (root / file.path).exists():
            yield file_step(root, file.path, file.content)
    if request.data_path is not None:
        source = Path(request.data_path).absolute()
        yield step(f"copy {source} to data", partial(skeleton.copy_data, source, root / "data"))
    yield from _dvc(place, request)
    yield from _settings_step(place, request, {"model": ["model.bin"], "data": ["data"], "metrics": ["metrics.log"]})
    yield from _artifacts_step(place, request, ["model.bin"])
    if not (root / "model.bin").exists():
        text = "python train.py --epochs 0 (writes the first model.bin and metrics.log)"
        yield step(text, partial(_first_weights, root))
    if request.pipeline:
        yield step("dvc commit train (writes dvc.lock)", partial(_lock_pipeline, root))


def _first_weights(root: Path) -> None:
    run_command([sys.executable, "train.py", "--epochs", "0"], root)
    (root / "metrics.log").touch()


def _lock_pipeline(root: Path) -> None:
    # The stage's dependency on data/ has to be a DVC artifact first.
    run_command(dvc("add", "-q", "data"), root)
    run_command(dvc("commit", "-q", "-f", "train"), root)


def _settings(place: NewRepository, request: InitRequest) -> Iterator[Step]:
    # At the DVC root alone: a repository without DVC gets a root at its own top.
    yield from _dvc(place, request)
    known: dict[str, Kind] = proposals.described_artifacts(place.repo, place.root) if place.top else {}
    if (place.root / FILE).exists():
        more = layout.to_append(place.root, request.layout)
        if more:
            text = (place.root / FILE).read_text(encoding="utf-8") + more
            yield file_step(place.root, FILE, text.encode())
        is_model = pattern_matcher(load_config(place.root).artifacts.get("model", ()))
        models = [path for path in known if is_model(path)]
        yield from _artifacts_step(place, request, models)
        return
    artifacts: dict[Kind, list[str]] = {}
    for path, kind in known.items():
        artifacts.setdefault(kind, []).append(path)
    for kind, paths in request.artifacts.items():
        artifacts.setdefault(kind, []).extend(path for path in paths if path not in known)
    if request.data_path is not None:
        local = Path(request.data_path).resolve().relative_to(place.root).as_posix()
        artifacts.setdefault("data", []).extend([local] if local not in artifacts.get("data", []) else [])
    # Said in full, because the defaults (model.bin, data, metrics.log) may mean something else here.
    full: dict[Kind, list[str]] = {kind: artifacts.get(kind, []) for kind in ("model", "data", "metrics")}
    if artifacts.get("extra"):
        full["extra"] = artifacts["extra"]
    yield from _settings_step(place, request, full)
    yield from _artifacts_step(place, request, full["model"])


def _hooks(place: NewRepository) -> Iterator[Step]:
    top = place.top
    configs = {name for _, *names in FRAMEWORKS.values() for name in names if top and (top / name).exists()}
    if not configs:
        content = (templates() / "pre-commit-config.yaml").read_bytes()
        text = f"write {PRE_COMMIT_CONFIG} ({len(content)} bytes)"
        yield step(text, lambda: write_atomic(place.repo.top / PRE_COMMIT_CONFIG, content))
    if top is None or not _installed(place.repo):
        # pre-commit's own hooks first, so that `pre-commit install` alone is known to work here; ours go in front.
        # A version from before the configuration file must not fail every checkout.
        # Who has a configuration that only prek reads gets none beside it.
        is_prek_alone = configs and PRE_COMMIT_CONFIG not in configs
        if top is None or (not is_prek_alone and place.repo.config("core.hooksPath") is None):
            yield step(
                "pre-commit install --allow-missing-config",
                lambda: run_command(
                    [sys.executable, "-m", "pre_commit", "install", "--allow-missing-config"], place.repo.top
                ),
            )
        yield step("dvc cpv install (Git hooks, live status)", lambda: install(place.repo))


def _origin(place: NewRepository, request: InitRequest) -> Iterator[Step]:
    """The Git remote, where the user has configured a host; that of a larger repository is not one model's."""
    if place.top not in (None, place.root) or (place.top is not None and not origin.is_missing(place.repo)):
        return
    url = origin.configured_url(request.team, request.model)
    if url is not None:
        yield step(f"git remote add {origin.NAME} {shell_word(url)}", lambda: origin.add(place.repo, url))


def _installed(repo: Repo) -> bool:
    manifest = Manifest.load(repo)
    return manifest is not None and all(
        (repo.common_dir / manifest.hooks_dir / name).exists() for name in manifest.hooks
    )
