"""Which artifact a source is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.operations.make import target_artifact, work_tree
from cpv_hooks.operations.make.commit_draft import PointerChange
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from support.repos import SETTINGS, ModelRepo

MODEL, DATA = Line.MODEL, Line.DATA


def repo_with(make_repo: MakeRepo, artifacts: str) -> ModelRepo:
    return make_repo(install=False, settings=f"{SETTINGS}[artifacts]\n{artifacts}\n")


def change(repo: ModelRepo, source: str | Path, line: Line = MODEL, **options: Any) -> PointerChange:
    project = Project.find_all(Repo.discover(repo.path))[0]
    return target_artifact.target_change(
        project, line, repo.path / source, work_tree.tracked_artifacts(project), **options
    )


def refused(repo: ModelRepo, source: str | Path, line: Line = MODEL, **options: Any) -> str:
    with pytest.raises(CPVError) as caught:
        change(repo, source, line, **options)
    return str(caught.value)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("best.pt", "model.bin", "head.safetensors", "tokenizer.json"):
        (folder / name).write_text(name)
    return folder


def test_the_only_artifact_takes_any_name(make_repo: MakeRepo, out: Path) -> None:
    repo = repo_with(make_repo, 'model = ["model.bin"]')
    found = change(repo, out / "best.pt")
    assert (found.pointer.path, found.pointer.file, found.in_place) == ("model.bin", "model.bin.dvc", False)
    assert found.new.content.size == 7
    assert dict(found.new.objects) == {found.new.content.oid: 7}


def test_of_several_the_one_of_that_name_is_meant(make_repo: MakeRepo, out: Path) -> None:
    repo = repo_with(make_repo, 'model = ["model.bin", "weights/head.safetensors"]')
    assert change(repo, out / "model.bin").pointer.path == "model.bin"
    assert change(repo, out / "head.safetensors").pointer.path == "weights/head.safetensors"
    assert refused(repo, out / "best.pt") == (
        f"{out / 'best.pt'}: may be for any of model.bin, weights/head.safetensors; "
        "fix: give the file or folder the name of the one you mean"
    )


def test_a_pattern_takes_what_matches_it(make_repo: MakeRepo, out: Path) -> None:
    repo = repo_with(make_repo, 'model = ["weights/*.safetensors"]')
    assert change(repo, out / "head.safetensors").pointer.path == "weights/head.safetensors"
    assert "no model artifact is configured" in refused(repo, out / "best.pt")


def test_an_extra_takes_its_own_name_alone(make_repo: MakeRepo, out: Path) -> None:
    repo = make_repo(install=False, files={"tokenizer.json": "1"})
    assert change(repo, out / "tokenizer.json").pointer.path == "tokenizer.json"
    assert change(repo, out / "best.pt").pointer.path == "model.bin"


def test_no_artifact_of_the_line(make_repo: MakeRepo, out: Path) -> None:
    repo = repo_with(make_repo, "model = []")
    assert refused(repo, out / "best.pt") == (
        f"{repo.path / '.cpv.toml'}: no model artifact is configured; "
        'fix: model = ["best.pt"] under [artifacts] in .cpv.toml'
    )


def test_a_file_that_git_tracks_itself(make_repo: MakeRepo, out: Path) -> None:
    repo = make_repo(install=False)
    repo.write("model.bin", "text")
    repo.git("add", "-f", "model.bin")
    assert refused(repo, out / "best.pt") == (
        "model.bin: is tracked by Git itself, so DVC cannot have it; "
        "fix: git rm -r --cached model.bin && git commit -m 'Track model.bin with DVC'"
    )


def test_a_link_that_leads_nowhere_in_the_artifacts_place(make_repo: MakeRepo, out: Path) -> None:
    repo = make_repo(install=False)
    (repo.path / "model.bin").symlink_to("nowhere")
    assert "model.bin: a link that leads nowhere is in its place; fix: rm model.bin" in refused(repo, out / "best.pt")


def test_an_import_and_a_stage_belong_to_dvc(make_repo: MakeRepo, out: Path) -> None:
    repo = make_repo(install=False)
    repo.write("dvc.yaml", "stages:\n  fit:\n    cmd: echo x >model.bin\n    outs: [model.bin]\n")
    repo.dvc("repro", "-q")
    assert refused(repo, "model.bin") == "model.bin: belongs to DVC's own commands; fix: dvc repro"


def test_what_dvcignore_hides_is_left_out_of_a_folder(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo(install=False)
    repo.write(".dvcignore", "data/*.tmp\n")
    for name in ("a", "b.tmp", "sub/c"):
        repo.write(tmp_path / "corpus" / name, name)
    found = change(repo, tmp_path / "corpus", DATA)
    assert [name for name, _, _ in found.new.files()] == ["a", "sub/c"]
    repo.write(tmp_path / "corpus/.dvcignore", "x")
    assert ".dvcignore inside an artifact" in refused(repo, tmp_path / "corpus", DATA)


def test_a_folder_hashes_as_dvc_hashes_it(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo(install=False)
    for name in ("a", "sub/ü", "sub-x"):
        repo.write(tmp_path / "corpus" / name, name)
        repo.write(f"data/{name}", name)
    found = change(repo, tmp_path / "corpus", DATA)
    repo.dvc("add", "-q", "data")
    assert f"md5: {found.new.content.oid}\n" in repo.read("data.dvc").decode()
    assert found.new.content.nfiles == 3


def test_a_file_that_cannot_be_read(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Root reads everything, so the disk's answer is given here."""
    from cpv_hooks.operations.make.new_content import unreadable

    path = tmp_path / "secret"
    assert str(unreadable(PermissionError(13, "denied", str(path)), path)) == (
        f"{path}: no permission to read it; fix: chmod -R u+rX {path}"
    )
