"""Downloading a version: copies of the user's own, never a byte lost, nothing half-done under a final name."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.operations.download.copies import staging_of
from cpv_hooks.operations.download.download import plan_download_data, plan_download_model
from cpv_hooks.operations.download.model_artifacts import ModelArtifacts
from cpv_hooks.project.project import Project
from support import engine
from support.mounts import small_disk
from support.repos import ModelRepo
from support.shell import Shell
from support.stored import contents

MODEL = {
    "model.bin": b"weights" * 1000,
    "metrics.log": b'{"loss": 0.5}\n',
    "tokenizer/vocab": b"a b c",
    "tokenizer/deep/merges": b"ab",
}
DATA = {"data/a": b"1", "data/sub/b": b"2"}


def project(repo: ModelRepo) -> Project:
    return Project.find_all(engine.git_repo(repo))[0]


def model(repo: ModelRepo, output: Path, **options: bool) -> ModelArtifacts:
    return plan_download_model(project(repo), None, output, **options).run()


def data(repo: ModelRepo, output: Path, **options: bool) -> Path:
    return plan_download_data(project(repo), None, output, **options).run()


def lines(repo: ModelRepo, output: Path, **options: bool) -> list[str]:
    return [str(effect) for effect in plan_download_model(project(repo), None, output, **options).effects]


def refused(repo: ModelRepo, output: Path) -> str:
    """Why a download is refused; nothing may change by it."""
    before = everything(output.parent)
    with pytest.raises(CPVError) as raised:
        plan_download_model(project(repo), None, output)
    assert everything(output.parent) == before
    return str(raised.value)


def everything(folder: Path) -> dict[str, bytes]:
    # What CPV remembers of DVC's configuration is written whenever it is read.
    return {name: text for name, text in contents(folder).items() if not name.endswith("cpv/projects.json")}


def cached(repo: ModelRepo, text: bytes) -> Path:
    oid = hashlib.md5(text).hexdigest()
    return repo.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "somewhere/out"


# Into a new folder


@pytest.mark.parametrize("is_cached", [True, False])
def test_model(versions: ModelRepo, tmp_path: Path, is_cached: bool) -> None:
    if not is_cached:
        shutil.rmtree(versions.path / ".dvc/cache")
    before = (versions.tree(), versions.changes(), versions.head())
    plan = plan_download_model(project(versions), "v0.0", working_dir=tmp_path)
    assert not (tmp_path / "resnet-v0.0").exists(), "a plan changes nothing"
    found = plan.run()
    assert found.folder == tmp_path / "resnet-v0.0"
    assert contents(found.folder) == MODEL
    assert found.model == found.folder / "model.bin"
    assert found.metrics == {"loss": 0.5}
    assert (versions.tree(), versions.changes(), versions.head()) == before
    assert found == plan.expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["repo", "resnet-v0.0", "storage"]


def test_data(versions: ModelRepo, tmp_path: Path, out: Path) -> None:
    plan = plan_download_data(project(versions), None, working_dir=tmp_path)
    assert plan.run() == plan.expected == tmp_path / "resnet-data-v0.0/data"
    assert contents(tmp_path / "resnet-data-v0.0") == DATA
    assert data(versions, out) == out / "data"


def test_data_of_several_artifacts(versions: ModelRepo, out: Path) -> None:
    versions.write(".cpv.toml", versions.read(".cpv.toml").decode() + '[artifacts]\ndata = ["data", "more"]\n')
    versions.write("more", "m")
    versions.commit("more data", "-a")
    assert data(versions, out) == out
    assert contents(out) == DATA | {"more": b"m"}


def test_the_default_folder_of_a_tag_that_names_the_model(versions: ModelRepo, tmp_path: Path) -> None:
    versions.write(".cpv.toml", versions.read(".cpv.toml").decode() + '[tags]\nscheme = "gto"\n')
    versions.git("tag", "resnet@v1.0.0")
    found = plan_download_model(project(versions), None, working_dir=tmp_path)
    assert found.expected.folder == tmp_path / "resnet@v1.0.0"


def test_copies_are_writable_and_nobody_elses(versions: ModelRepo, out: Path) -> None:
    found = model(versions, out).model
    assert found is not None
    assert not found.is_symlink()
    assert found.stat().st_nlink == 1
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(found.stat().st_mode) == 0o666 & ~mask
    found.write_text("mine")
    assert cached(versions, MODEL["model.bin"]).read_bytes() == MODEL["model.bin"]


def test_an_executable_stays_one(versions: ModelRepo, out: Path) -> None:
    (versions.path / "model.bin").chmod(0o755)
    versions.commit("executable", "-a")
    found = model(versions, out)
    assert os.access(found.folder / "model.bin", os.X_OK)
    assert not os.access(found.folder / "metrics.log", os.X_OK)


def test_an_empty_directory_is_made(versions: ModelRepo, out: Path) -> None:
    shutil.rmtree(versions.path / "data")
    (versions.path / "data").mkdir()
    versions.commit("no data", "-a")
    assert data(versions, out) == out / "data"
    assert list((out / "data").iterdir()) == []
    assert plan_download_data(project(versions), None, out).effects == ()


def test_effects_are_what_happens(versions: ModelRepo, out: Path) -> None:
    cached(versions, b"ab").unlink()
    oid = hashlib.md5(b"ab").hexdigest()
    assert lines(versions, out) == [
        f"s3: get {versions.path.parent}/storage/files/md5/{oid[:2]}/{oid[2:]}",
        f"dvc: put 1 object (2 B) into the cache {versions.path}/.dvc/cache",
        f"file: write {out}/metrics.log (14 B)",
        f"file: write {out}/model.bin (7.0 kB)",
        f"file: write {out}/tokenizer/ (2 files)",
    ]
    model(versions, out)
    assert lines(versions, out) == []


def test_without_the_cache(versions: ModelRepo, out: Path) -> None:
    path = cached(versions, MODEL["model.bin"])
    path.chmod(0o644)
    path.write_text("rotten")
    path.chmod(0o444)
    assert len([line for line in lines(versions, out, use_cache=False) if line.startswith("s3: ")]) == 5
    model(versions, out, use_cache=False)
    assert contents(out) == MODEL
    assert path.read_bytes() == MODEL["model.bin"]


def test_a_corrupt_cache_object(versions: ModelRepo, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = cached(versions, MODEL["model.bin"])
    path.chmod(0o644)
    path.write_text("rotten")
    path.chmod(0o444)
    remote = versions.path.parent / "storage/files/md5" / path.parent.name / path.name
    remote.rename(remote.with_name("away"))
    with pytest.raises(CPVError, match=r"model\.bin: object \w+ is not on the remote"):
        model(versions, out)
    assert not out.exists()
    assert not staging_of(out).exists()
    remote.with_name("away").rename(remote)
    capfd.readouterr()
    assert contents(model(versions, out).folder) == MODEL
    assert "model.bin: its cache object" in capfd.readouterr().err


# Into one that holds something


def test_what_is_there_already_is_nothing_to_do(versions: ModelRepo, out: Path) -> None:
    model(versions, out)
    times = {path: path.stat().st_ctime_ns for path in out.rglob("*")}
    (out / "notes").write_text("mine")
    shutil.rmtree(versions.path / ".dvc/cache/files")
    assert lines(versions, out) == []
    model(versions, out)
    assert {path: path.stat().st_ctime_ns for path in times} == times
    assert not (versions.path / ".dvc/cache/files").exists()


def test_a_download_that_was_stopped_goes_on(versions: ModelRepo, out: Path) -> None:
    model(versions, out)
    (out / "model.bin").unlink()
    shutil.rmtree(out / "tokenizer/deep")
    (out / ".cpv-tmp").mkdir()
    (out / ".cpv-tmp/half").write_text("x")
    kept = (out / "metrics.log").stat().st_ino
    assert lines(versions, out) == [f"file: write {out}/model.bin (7.0 kB)", f"file: write {out}/tokenizer/ (1 file)"]
    model(versions, out)
    assert contents(out) == MODEL
    assert (out / "metrics.log").stat().st_ino == kept
    assert sorted(path.name for path in out.iterdir()) == ["metrics.log", "model.bin", "tokenizer"]


def test_an_empty_folder_is_filled(versions: ModelRepo, out: Path) -> None:
    out.mkdir(parents=True)
    assert contents(model(versions, out).folder) == MODEL


def test_a_folder_with_anything_else_is_refused(versions: ModelRepo, out: Path) -> None:
    Shell(out).write("notes", "mine")
    fix = "name another --output-dir, or repeat with --force (what is there is kept)"
    assert refused(versions, out) == f"{out}: is not empty (notes does not belong to v0.0); fix: {fix}"
    Shell(out).write("model.bin", "other")
    Shell(out).write("tokenizer/own", "x")
    what = "is there already and differs from v0.0: model.bin, tokenizer/own"
    assert refused(versions, out) == f"{out}: {what}; fix: {fix}"
    for number in range(4):
        Shell(out).write(f"tokenizer/{number}", "x")
    assert "differs from v0.0: model.bin, tokenizer/0, tokenizer/1 and 3 more" in refused(versions, out)


def test_with_force_what_is_in_the_way_is_kept(versions: ModelRepo, out: Path) -> None:
    Shell(out).write("notes", "mine")
    Shell(out).write("model.bin", "other")
    Shell(out).write("tokenizer/own/deep", "x")
    assert lines(versions, out, force=True)[:2] == [
        f"file: move {out}/model.bin to {out}/before-v0.0/model.bin",
        f"file: move {out}/tokenizer/own to {out}/before-v0.0/tokenizer/own",
    ]
    model(versions, out, force=True)
    kept = {"before-v0.0/model.bin": b"other", "before-v0.0/tokenizer/own/deep": b"x", "notes": b"mine"}
    assert contents(out) == MODEL | kept
    (out / "model.bin").write_text("again")
    model(versions, out, force=True)
    assert contents(out) == MODEL | kept | {"before-v0.0-2/model.bin": b"again"}


def test_many_things_in_the_way_are_one_line(versions: ModelRepo, out: Path) -> None:
    for number in range(30):
        Shell(out).write(f"tokenizer/{number}", "x")
    assert lines(versions, out, force=True)[0] == f"file: move 30 files to {out}/before-v0.0"


def test_a_file_where_the_folder_should_be(versions: ModelRepo, out: Path) -> None:
    Shell(out.parent).write("out", "mine")
    assert f"{out}: there is a file where the folder should be; fix: name another" in refused(versions, out)
    model(versions, out, force=True)
    assert contents(out.parent) == {f"out/{name}": text for name, text in MODEL.items()} | {"out.before-v0.0": b"mine"}


def test_nothing_is_written_through_a_link(versions: ModelRepo, out: Path, tmp_path: Path) -> None:
    precious = Shell(tmp_path / "precious")
    precious.write("vocab", "mine")
    out.mkdir(parents=True)
    (out / "tokenizer").symlink_to(precious.path)
    (out / "model.bin").symlink_to(cached(versions, MODEL["model.bin"]))
    assert "differs from v0.0: model.bin, tokenizer;" in refused(versions, out)
    model(versions, out, force=True)
    assert precious.tree() == {"vocab": hashlib.md5(b"mine").hexdigest()}
    assert {name: text for name, text in contents(out).items() if not name.startswith("before")} == MODEL
    assert not (out / "model.bin").is_symlink()


def test_a_folder_where_a_file_should_be(versions: ModelRepo, out: Path) -> None:
    Shell(out).write("model.bin/inner", "x")
    assert "differs from v0.0: model.bin;" in refused(versions, out)
    model(versions, out, force=True)
    assert contents(out) == MODEL | {"before-v0.0/model.bin/inner": b"x"}


def test_a_file_that_appears_meanwhile_is_not_overwritten(versions: ModelRepo, out: Path) -> None:
    out.mkdir(parents=True)
    plan = plan_download_model(project(versions), None, out)
    (out / "model.bin").write_text("mine")
    with pytest.raises(CPVError, match="appeared while the version was downloaded; fix: move it away"):
        plan.run()
    assert (out / "model.bin").read_text() == "mine"
    assert not (out / ".cpv-tmp").exists()


def test_two_plans_for_one_new_folder(versions: ModelRepo, out: Path) -> None:
    plans = [plan_download_model(project(versions), None, out) for _ in range(2)]
    assert [contents(plan.run().folder) for plan in plans] == [MODEL, MODEL]


# Where nothing may be written


@pytest.mark.parametrize("name", [".git/out", ".dvc/out", "x/.git", ".GIT/x"])
def test_never_into_gits_or_dvcs_own_folder(versions: ModelRepo, name: str) -> None:
    inside = next(part for part in name.split("/") if part.startswith("."))
    what = f"lies in {inside}, which is reserved for Git and DVC; fix: name another --output-dir"
    assert refused(versions, versions.path / name) == f"{versions.path / name}: {what}"


def test_never_over_a_tracked_artifact(versions: ModelRepo, tmp_path: Path) -> None:
    fix = "fix: dvc cpv model revert --tag v0.0, or name another --output-dir"
    what = f"is an artifact that the repository tracks; {fix}"
    top = versions.path
    assert refused(versions, top).endswith(what)
    assert refused(versions, top / "tokenizer/new") == f"{top}/tokenizer: {what}"
    (tmp_path / "link").symlink_to(top)
    assert refused(versions, tmp_path / "link").endswith(what)
    with pytest.raises(CPVError, match=r"repo/data: .*dvc cpv data revert --tag data-v0\.0"):
        plan_download_data(project(versions), None, top, force=True)


def test_elsewhere_in_a_work_tree_is_fine(versions: ModelRepo) -> None:
    assert contents(model(versions, versions.path / "old").folder) == MODEL


def test_a_disk_without_room_is_noticed_before_anything_is_changed(versions: ModelRepo, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4k") as disk:
        with pytest.raises(CPVError, match=r"not enough room on the disk: 7\.0 kB are needed"):
            plan_download_model(project(versions), None, disk / "out")
        with pytest.raises(CPVError, match=r"no space left on the disk; fix: free space"):
            model(versions, disk / "out", force=True)
        assert list(disk.iterdir()) == []


def test_a_tag_that_is_not_there(versions: ModelRepo, out: Path) -> None:
    with pytest.raises(CPVError, match=r"'v7\.0' is no data version \(the last ones are data-v0\.0\)"):
        plan_download_data(project(versions), "v7.0", out)
