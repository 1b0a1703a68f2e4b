"""Loading a version: a folder of read-only files for each commit, made from the cache, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.operations.download.download import plan_load
from cpv_hooks.operations.download.model_artifacts import ModelArtifacts
from cpv_hooks.project.project import Project
from cpv_hooks.state_files import cpv_home
from support import engine
from support.mounts import small_disk
from support.repos import ModelRepo, object_names
from support.stored import contents

MODEL = {
    "model.bin": b"weights" * 1000,
    "metrics.log": b'{"loss": 0.5}\n',
    "tokenizer/vocab": b"a b c",
    "tokenizer/deep/merges": b"ab",
}


def project(repo: ModelRepo) -> Project:
    return Project.find_all(engine.git_repo(repo))[0]


def load(repo: ModelRepo, tag: str | None = None, **options: bool) -> ModelArtifacts:
    return plan_load(project(repo), tag, **options).run()


def lines(repo: ModelRepo, tag: str | None = None, **options: bool) -> list[str]:
    return [str(effect) for effect in plan_load(project(repo), tag, **options).effects]


def forget_cache(repo: ModelRepo) -> None:
    shutil.rmtree(repo.path / ".dvc/cache")


def cached(repo: ModelRepo, data: bytes) -> Path:
    oid = hashlib.md5(data).hexdigest()
    return repo.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


def stored(repo: ModelRepo, data: bytes) -> Path:
    oid = hashlib.md5(data).hexdigest()
    return repo.path.parent / "storage/files/md5" / oid[:2] / oid[2:]


def spoil(path: Path, data: bytes = b"rotten") -> None:
    """Change an object's bytes and leave it looking like one."""
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def beside(found: ModelArtifacts) -> list[str]:
    """What lies beside the folder, without the lock and the note."""
    return sorted(path.name for path in found.folder.parent.iterdir() if path.suffix not in (".lock", ".json"))


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_version_is_loaded_and_the_work_tree_left_alone(versions: ModelRepo, is_cached: bool) -> None:
    if not is_cached:
        forget_cache(versions)
    before = (versions.tree(), versions.changes(), versions.head())
    plan = plan_load(project(versions), None)
    assert not (cpv_home() / "artifacts").exists(), "a plan changes nothing"
    found = plan.run()
    assert found.tag == "v0.0"
    assert found.commit == versions.head()
    assert found.folder == cpv_home() / "artifacts/vision/resnet" / versions.head()
    assert contents(found.folder) == MODEL
    assert found.model == found.folder / "model.bin"
    assert Path(found).read_bytes() == MODEL["model.bin"]
    assert dict(found.files) == {name: found.folder / name for name in ("metrics.log", "model.bin", "tokenizer")}
    assert found.metrics == {"loss": 0.5}
    assert (versions.tree(), versions.changes(), versions.head()) == before
    again = plan_load(project(versions), "0.0")
    assert again.effects == ()
    assert again.run() == found == plan.expected


def test_files_are_read_only_and_take_no_room(versions: ModelRepo) -> None:
    found = load(versions)
    assert found.model is not None
    assert stat.S_IMODE(found.model.stat().st_mode) & 0o222 == 0
    assert found.model.stat().st_nlink == 1, "no second name of the cache's own file"
    if found.model.is_symlink():
        assert found.model.resolve() == cached(versions, MODEL["model.bin"])


def test_effects_are_what_happens(versions: ModelRepo) -> None:
    everything = versions.objects()
    forget_cache(versions)
    found = lines(versions)
    storage = versions.path.parent / "storage/files/md5"
    gets = {line.removeprefix(f"s3: get {storage}/").replace("/", "") for line in found if line.startswith("s3: ")}
    folder = cpv_home() / "artifacts/vision/resnet" / versions.head()
    assert [line for line in found if not line.startswith("s3: ")] == [
        f"dvc: put 5 objects (7.0 kB) into the cache {versions.path}/.dvc/cache",
        f"file: link {folder}/metrics.log (14 B)",
        f"file: link {folder}/model.bin (7.0 kB)",
        f"file: link {folder}/tokenizer (7 B)",
    ]
    assert versions.path.joinpath(".dvc/cache").exists() is False
    load(versions)
    assert versions.objects() == gets < everything


def test_only_what_is_missing_is_fetched(versions: ModelRepo) -> None:
    cached(versions, b"ab").unlink()
    found = lines(versions)
    assert found[:2] == [
        f"s3: get {stored(versions, b'ab')}",
        f"dvc: put 1 object (2 B) into the cache {versions.path}/.dvc/cache",
    ]
    stored(versions, MODEL["model.bin"]).unlink()
    assert contents(load(versions).folder) == MODEL


def test_many_objects_are_one_line(versions: ModelRepo) -> None:
    for number in range(30):
        versions.write(f"tokenizer/{number}", f"token {number}")
    versions.commit("more", "-a")
    forget_cache(versions)
    found = [line for line in lines(versions) if not line.startswith("file: ")]
    assert found == [
        f"s3: get 35 objects (7.3 kB) from {versions.path.parent}/storage/files/md5",
        f"dvc: put 35 objects (7.3 kB) into the cache {versions.path}/.dvc/cache",
    ]
    assert len(contents(load(versions).folder)) == 34


def test_without_the_cache_everything_is_fetched_anew(versions: ModelRepo) -> None:
    load(versions)
    path = cached(versions, MODEL["model.bin"])
    spoil(path)
    assert len([line for line in lines(versions, use_cache=False) if line.startswith("s3: ")]) == 5
    assert contents(load(versions, use_cache=False).folder) == MODEL
    assert path.read_bytes() == MODEL["model.bin"], "the cache's copy is replaced"


@pytest.mark.parametrize(
    "damage",
    [
        lambda repo, folder: (folder / "model.bin").unlink(),
        lambda repo, folder: shutil.rmtree(folder / "tokenizer"),
        lambda repo, folder: shutil.rmtree(folder),
        lambda repo, folder: forget_cache(repo),
        lambda repo, folder: [(folder / "model.bin").unlink(), (folder / "model.bin").write_text("mine")],
        lambda repo, folder: spoil(cached(repo, b"ab")),
        lambda repo, folder: [path.write_text("{") for path in folder.parent.glob(".*.json")],
        lambda repo, folder: [path.unlink() for path in folder.parent.glob(".*.json")],
    ],
    ids=["a file", "a folder", "all", "dvc gc", "replaced", "rotten", "the note", "no note"],
)
def test_a_damaged_folder_is_made_anew(versions: ModelRepo, damage) -> None:  # type: ignore[no-untyped-def]
    folder = load(versions).folder
    damage(versions, folder)
    found = load(versions)
    assert contents(folder) == MODEL
    assert beside(found) == [versions.head()]
    assert lines(versions) == []


def test_a_corrupt_cache_object_is_fetched_anew(versions: ModelRepo, capfd: pytest.CaptureFixture[str]) -> None:
    path = cached(versions, MODEL["model.bin"])
    spoil(path, b"rotten")
    assert contents(load(versions).folder) == MODEL
    oid = hashlib.md5(MODEL["model.bin"]).hexdigest()
    told = f"cpv: warning: model.bin: its cache object {oid} is corrupt; fetching it again\n"
    assert capfd.readouterr().err == told


def test_a_corrupt_listing_is_fetched_anew(versions: ModelRepo) -> None:
    oid = engine.pointer(versions, "tokenizer").oid or ""
    path = versions.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
    spoil(path, b"[]")
    assert contents(load(versions).folder) == MODEL
    assert path.read_bytes() != b"[]"


def test_a_corrupt_cache_object_that_the_remote_cannot_replace(versions: ModelRepo) -> None:
    spoil(cached(versions, MODEL["model.bin"]))
    stored(versions, MODEL["model.bin"]).unlink()
    with pytest.raises(CPVError, match=r"model\.bin: object \w+ is not on the remote"):
        load(versions)
    assert contents(cpv_home() / "artifacts").keys() == {f"vision/resnet/.{versions.head()}.lock"}


def test_a_corrupt_object_on_the_remote_is_never_installed(versions: ModelRepo) -> None:
    forget_cache(versions)
    spoil(stored(versions, b"ab"), b"ba")
    with pytest.raises(
        CPVError, match=r"tokenizer/deep/merges: object \w+ is corrupt.*dvc cpv verify --all --deep --repair"
    ):
        load(versions)
    assert not cached(versions, b"ab").exists()
    assert not (cpv_home() / "artifacts/vision/resnet" / versions.head()).exists()


def test_what_nobody_has_is_named(versions: ModelRepo) -> None:
    forget_cache(versions)
    for path in (versions.path.parent / "storage").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(CPVError) as raised:
        plan_load(project(versions), None)
    named = "neither the cache nor the remote has metrics.log, model.bin, tokenizer of v0.0"
    assert str(raised.value) == f"{versions.path}: {named}; fix: dvc push --all-tags in a clone that has it"
    assert not (cpv_home() / "artifacts").exists()
    assert object_names(versions.path / ".dvc/cache/files/md5") == set()


def test_of_many_lost_files_three_are_named(versions: ModelRepo) -> None:
    for data in MODEL.values():
        cached(versions, data).unlink()
        stored(versions, data).unlink()
    named = r"has metrics\.log, model\.bin, tokenizer/deep/merges and 1 more of v0\.0"
    with pytest.raises(CPVError, match=named):
        plan_load(project(versions), None)


def test_an_object_of_another_size_on_the_remote_counts_as_lost(versions: ModelRepo) -> None:
    cached(versions, MODEL["model.bin"]).unlink()
    spoil(stored(versions, MODEL["model.bin"]), b"short")
    with pytest.raises(CPVError, match=r"neither the cache nor the remote has model\.bin of v0\.0"):
        plan_load(project(versions), None)


def test_without_a_remote_the_cache_is_enough(versions: ModelRepo) -> None:
    versions.dvc("remote", "remove", "storage")
    assert contents(load(versions).folder) == MODEL
    forget_cache(versions)
    with pytest.raises(CPVError, match="no DVC remote is configured"):
        plan_load(project(versions), None)


def test_offline_a_folder_that_stands_is_enough(versions: ModelRepo) -> None:
    found = load(versions)
    shutil.rmtree(versions.path.parent / "storage")
    assert load(versions) == found


def test_an_unknown_tag_is_refused_with_those_that_there_are(versions: ModelRepo) -> None:
    with pytest.raises(CPVError, match=r"'v9\.9' is no model version \(the last ones are v0\.0\)"):
        plan_load(project(versions), "v9.9")


def test_a_lightweight_tag_made_by_hand(versions: ModelRepo) -> None:
    versions.write("model.bin", "two")
    versions.commit("two", "-a")
    versions.git("tag", "-d", "v0.1")
    versions.git("tag", "v3.0")
    found = load(versions)
    assert found.tag == "v3.0"
    assert Path(found).read_bytes() == b"two"
    assert found.metrics == {"loss": 0.5}, "from the metrics file"
    assert Path(load(versions, "v0.0")).read_bytes() == MODEL["model.bin"], "each commit has its folder"


def test_a_version_without_a_model(versions: ModelRepo) -> None:
    versions.git("rm", "-q", "model.bin.dvc")
    versions.commit("no model any more")
    versions.git("tag", "v1.0")
    found = load(versions)
    assert found.model is None
    with pytest.raises(CPVError, match=r"v1\.0: this version has no model artifact; fix: name it under"):
        os.fspath(found)


def test_a_dvc_root_in_a_folder(versions: ModelRepo, shell) -> None:  # type: ignore[no-untyped-def]
    other = ModelRepo(shell.path / "mono")
    other.path.mkdir()
    other.git("init", "-q")
    shutil.copytree(versions.path, other.path / "nested", ignore=shutil.ignore_patterns(".git"))
    shutil.copytree(versions.path.parent / "storage", other.path / "storage")
    other.git("add", "-A")
    other.git("commit", "-q", "-m", "nested")
    other.git("tag", "v0.1")
    found = load(other)
    assert found.folder == cpv_home() / "artifacts/vision/resnet" / f"{other.head()}-nested"
    assert contents(found.folder) == MODEL
    assert found.model == found.files["nested/model.bin"] == found.folder / "model.bin"


def test_two_processes_at_once(versions: ModelRepo) -> None:
    forget_cache(versions)
    code = (
        "from pathlib import Path; from cpv_hooks.git.repo import Repo; from cpv_hooks.project.project import Project\n"
        "from cpv_hooks.operations.download.download import plan_load\n"
        "print(plan_load(Project.find_all(Repo.discover(Path('.')))[0], None).run().folder)"
    )
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, cwd=versions.path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=60)[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert printed[0] == printed[1]
    assert contents(Path(printed[0])) == MODEL


def test_what_a_killed_process_left_is_swept_away(versions: ModelRepo) -> None:
    folder = cpv_home() / "artifacts/vision/resnet"
    leftover = folder / f".{versions.head()}.0badcafe.cpv-tmp"
    leftover.mkdir(parents=True)
    (leftover / "half").write_text("x")
    assert beside(load(versions)) == [versions.head()]


def test_a_full_disk_is_noticed_before_anything_is_changed(versions: ModelRepo, tmp_path: Path) -> None:
    forget_cache(versions)
    with small_disk(tmp_path / "disk", "4k") as disk:
        versions.dvc("cache", "dir", "--local", disk)
        with pytest.raises(CPVError, match=r"not enough room on the disk: 7\.0 kB are needed, .* are free.*free space"):
            plan_load(project(versions), None)
        assert list(disk.iterdir()) == []
    assert not (cpv_home() / "artifacts").exists()
