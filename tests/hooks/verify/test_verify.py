"""What versions need is compared with the cache and the remote, byte for byte where it counts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError
from cpv_hooks.transfer.commits.upload_commits import publish
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.verify import needs
from cpv_hooks.upkeep.verify.checked import VerifyReport
from cpv_hooks.upkeep.verify.repair import NO_COPY, mend
from cpv_hooks.upkeep.verify.verify import verify
from support.http_store import Files
from support.repos import ModelRepo
from support.seaweed import Server
from support.shell import Shell
from support.two_versions import FILES, STORAGE, cached, md5, oid_of, project_of, save, spoil, stored


def look(repo: Shell, *names: str, repair: bool = False, deep: bool = False) -> VerifyReport:
    project = project_of(repo)
    commits = needs.named(project.repo, names) if names else needs.every_ref(project.repo)
    return (mend if repair else verify)(project, commits, Progress("testing"), deep=deep)


def found(report: VerifyReport) -> dict[str, tuple[str, str]]:
    """File -> state in the cache and on the remote, of what is wrong."""
    return {",".join(report.files(item)): (item.cache, item.remote) for item in report.wrong}


def mended(report: VerifyReport) -> dict[str, dict[str, str]]:
    return {",".join(report.files(item)): item.mended for item in report.wrong}


def test_all_is_well(repo: ModelRepo) -> None:
    report = look(repo)
    assert (report.sound, report.wrong, len(report.checks)) == (True, [], 8)
    assert {(item.cache, item.remote) for item in report.checks} == {("ok", "ok")}
    assert report.bytes == sum(path.stat().st_size for path in (repo.path / ".dvc/cache/files/md5").glob("??/*"))
    assert report.versions == ["HEAD", "main", "v0.1", "v0.0"]
    assert look(repo, "v0.0").versions == ["v0.0"]
    assert len(look(repo, "v0.0").checks) == 5


def test_a_name_that_is_no_version(repo: ModelRepo) -> None:
    with pytest.raises(CPVError, match=r"no commit 'v9'; fix: git fetch --tags, or git tag lists them$"):
        look(repo, "v9")


def test_each_side_and_each_state_is_named_with_who_needs_it(repo: ModelRepo) -> None:
    spoil(cached(repo, md5(b"weights")), b"WEIGHTS")
    spoil(cached(repo, md5(b"heavier weights")), b"heavier")
    stored(repo, md5(b"a")).unlink()
    spoil(stored(repo, md5(b"b")), b"too long")
    report = look(repo)
    states = {item.oid: (item.cache, item.remote, report.names(item)) for item in report.wrong}
    assert states == {
        md5(b"weights"): ("corrupt", "ok", ["v0.0"]),
        md5(b"heavier weights"): ("wrong size", "ok", ["HEAD", "main", "v0.1"]),
        md5(b"a"): ("ok", "missing", ["v0.0"]),
        md5(b"b"): ("ok", "wrong size", ["HEAD", "main", "v0.1", "v0.0"]),
    }
    assert not report.sound
    assert look(repo, "v0.1").as_dict()["objects"][-1].keys() >= {"oid", "cache", "remote", "size"}


def test_an_object_in_several_artifacts_names_them_all(repo: ModelRepo) -> None:
    repo.write("other.bin", b"weights")
    repo.track("other.bin")
    save(repo, {"data/copy": b"weights"})
    publish(project_of(repo), ["HEAD"], Progress("testing"))
    stored(repo, md5(b"weights")).unlink()
    report = look(repo)
    assert set(report.files(report.wrong[0])) == {"model.bin", "data/copy", "other.bin"}


def test_only_deep_reads_what_a_directory_remote_cannot_vouch_for(repo: ModelRepo) -> None:
    spoil(stored(repo, md5(b"weights")), b"WEIGHTS")
    assert look(repo).sound
    assert found(look(repo, deep=True)) == {"model.bin": ("ok", "corrupt")}


def test_a_clone_without_data_is_sound_and_finds_a_truncated_file_all_the_same(repo: ModelRepo, tmp_path: Path) -> None:
    repo.git("clone", "-q", repo.path, tmp_path / "clone")
    clone = Shell(tmp_path / "clone")
    report = look(clone)
    assert report.sound
    assert {(item.cache, item.remote) for item in report.checks} == {("absent", "ok")}
    assert not (clone.path / ".dvc/cache/files").exists(), "looking brings nothing"
    # Nothing but the directory's size in its pointer can tell.
    spoil(stored(repo, md5(b"changed")), b"chan")
    assert found(look(clone)) == {"data/a": ("absent", "corrupt")}


def test_a_corrupt_directory_object_on_the_remote_is_found_by_who_lacks_it(repo: ModelRepo, tmp_path: Path) -> None:
    repo.git("clone", "-q", repo.path, tmp_path / "clone")
    oid = oid_of(repo, "data")
    spoil(stored(repo, oid), b"?" * stored(repo, oid).stat().st_size)
    clone = Shell(tmp_path / "clone")
    report = look(clone, "HEAD")
    assert found(report) == {"data": ("absent", "corrupt")}
    assert found(look(clone, "HEAD", repair=True)) == {"data": ("absent", "corrupt")}
    # Where the cache has it, it comes back, and the clone sees it.
    assert look(repo, "HEAD", deep=True, repair=True).sound
    assert look(clone, "HEAD").sound


def test_what_is_not_there_is_looked_for_again_by_the_next_push(repo: ModelRepo) -> None:
    project = project_of(repo)
    publish(project, ["v0.0"], Progress("testing"))
    stored(repo, md5(b"a")).unlink()
    assert publish(project, ["v0.0"], Progress("testing")).uploaded == 0, "the record is believed"
    look(repo, "v0.0")
    assert publish(project, ["v0.0"], Progress("testing")).uploaded == 1
    assert look(repo).sound


def test_repair_mends_each_side_from_the_other(repo: ModelRepo) -> None:
    spoil(cached(repo, md5(b"weights")), b"WEIGHTS")
    stored(repo, md5(b"a")).unlink()
    folder = oid_of(repo, "data", "v0.0")
    stored(repo, folder).unlink()
    spoil(stored(repo, md5(b"b")), b"B!")
    report = look(repo, repair=True)
    assert report.sound
    assert mended(report) == {
        "model.bin": {"cache": "corrupt, repaired from the remote"},
        "data/a": {"remote": "missing, repaired from the cache"},
        "data/sub/b": {"remote": "wrong size, repaired from the cache"},
        "data": {"remote": "missing, repaired from the cache"},
    }
    again = look(repo, deep=True)
    assert again.sound
    assert not again.wrong
    # DVC agrees.
    repo.git("checkout", "-q", "v0.0")
    repo.run("rm", "-rf", repo.path / ".dvc/cache/files", repo.path / "data", repo.path / "model.bin")
    repo.dvc("pull", "-q")
    assert repo.read("model.bin") == b"weights"


def test_repair_takes_what_nobody_else_has_from_the_work_tree(repo: ModelRepo) -> None:
    for oid in (md5(b"heavier weights"), oid_of(repo, "data"), md5(b"b")):
        spoil(cached(repo, oid), b"nothing")
        stored(repo, oid).unlink()
    report = look(repo, repair=True)
    assert report.sound
    both = {"cache": "corrupt, repaired from the work tree", "remote": "missing, repaired from the cache"}
    assert mended(report) == {
        "model.bin": {**both, "cache": "wrong size, repaired from the work tree"},
        "data": both,
        "data/sub/b": both,
    }
    assert look(repo, deep=True).sound


def test_what_no_good_copy_exists_of_is_left_and_named(repo: ModelRepo) -> None:
    oid = md5(b"weights")
    spoil(cached(repo, oid), b"WEIGHTS")
    stored(repo, oid).unlink()
    report = look(repo, repair=True)
    assert [(item.need.path, report.names(item), item.hopeless) for item in report.wrong] == [
        ("model.bin", ["v0.0"], NO_COPY)
    ]
    assert not report.sound
    assert cached(repo, oid).read_bytes() == b"WEIGHTS", "perhaps a person can still use it"
    assert not stored(repo, oid).exists()


def test_a_directory_object_waits_for_its_files(repo: ModelRepo) -> None:
    folder = oid_of(repo, "data", "v0.0")
    stored(repo, folder).unlink()
    stored(repo, md5(b"a")).unlink()
    cached(repo, md5(b"a")).unlink()
    report = look(repo, "v0.0", repair=True)
    assert {item.need.path: item.hopeless for item in report.wrong} == {
        "data": "some of its files are not on the remote",
        "data/a": NO_COPY,
    }
    assert not stored(repo, folder).exists()


def test_a_remote_whose_disk_is_not_mounted_was_not_looked_at(repo: ModelRepo) -> None:
    publish(project_of(repo), ["HEAD"], Progress("testing"))
    storage = repo.path.parent / "storage"
    storage.rename(repo.path.parent / "away")
    report = look(repo)
    assert {item.remote for item in report.checks} == {"not asked"}
    assert not report.sound
    (line,) = report.trouble
    assert line.startswith(f"remote {storage}")
    assert ": the directory is not there any more; fix: mount its disk, " in line
    assert not storage.exists()


def test_a_remote_that_fails_is_one_line_and_the_cache_is_verified(repo: ModelRepo) -> None:
    (repo.path.parent / "storage").rename(repo.path.parent / "away")
    (repo.path.parent / "storage").write_text("in the way")
    spoil(cached(repo, md5(b"weights")), b"WEIGHTS")
    report = look(repo)
    assert found(report) == {"model.bin": ("corrupt", "not asked")}
    assert len(report.trouble) == 1
    assert "there is a file where the remote's directory should be" in report.trouble[0]
    assert not look(repo, repair=True).sound


def test_a_pointer_that_cannot_be_read_is_named_with_its_version(repo: ModelRepo) -> None:
    repo.write("model.bin.dvc", "outs: [")
    repo.git("commit", "-qam", "broken")
    report = look(repo)
    assert [line for line in report.trouble if line.startswith("model.bin.dvc:1: in HEAD, main: not YAML")]
    assert not report.sound
    assert not report.wrong


def test_what_need_not_be_on_the_remote_is_not_missing_there(repo: ModelRepo, make_repo: MakeRepo) -> None:
    other = make_repo("other", install=False)
    repo.git("tag", "published")
    other.dvc("import", "-q", repo.path, "model.bin")
    other.git("add", "-A")
    other.commit("import")
    assert look(other, "HEAD").sound
    cached(other, md5(b"heavier weights")).unlink()
    assert look(other, "HEAD").sound


def test_old_pointers_in_the_old_layout(repo: ModelRepo) -> None:
    """DVC 2's: hashed with the line ends of Unix."""
    text = b"one\r\ntwo\r\n"
    oid = md5(b"one\ntwo\n")
    repo.write("notes.txt", text)
    repo.write("notes.txt.dvc", f"outs:\n- md5: {oid}\n  size: {len(text)}\n  path: notes.txt\n")
    for folder in (repo.path / ".dvc/cache", repo.path.parent / STORAGE):
        (folder / oid[:2]).mkdir(parents=True, exist_ok=True)
        (folder / oid[:2] / oid[2:]).write_bytes(text)
        os.chmod(folder / oid[:2] / oid[2:], 0o444)
    repo.git("add", "-A", "--", "*.dvc")
    repo.commit("old")
    assert look(repo).sound
    spoil(repo.path / ".dvc/cache" / oid[:2] / oid[2:], b"three\r\n")
    report = look(repo, repair=True)
    assert mended(report)["notes.txt"] == {"cache": "corrupt, repaired from the remote"}
    assert report.sound
    assert (repo.path / ".dvc/cache" / oid[:2] / oid[2:]).read_bytes() == text


# Other remotes


@pytest.fixture
def http() -> Iterator[Files]:
    with Files.serving() as server:
        yield server


def test_a_remote_that_dvc_opens(make_repo: MakeRepo, http: Files) -> None:
    repo = make_repo(install=False, remote=http.url, files=FILES)
    publish(project_of(repo), ["HEAD"], Progress("testing"))
    assert look(repo).sound
    http.put(md5(b"weights"), b"WEIGHTS")
    http.files.pop(f"/storage/files/md5/{md5(b'a')[:2]}/{md5(b'a')[2:]}")
    assert found(look(repo)) == {"data/a": ("ok", "missing")}
    assert found(look(repo, deep=True)) == {"data/a": ("ok", "missing"), "model.bin": ("ok", "corrupt")}
    assert look(repo, deep=True, repair=True).sound
    assert look(repo, deep=True).sound


def test_s3_tells_by_its_own_checksum(make_repo: MakeRepo, s3_server: Server) -> None:
    bucket = s3_server.make_bucket()
    repo = make_repo(
        install=False, remote=f"s3://{bucket}/vision/resnet", server=s3_server, files={**FILES, "model.bin": b"w" * 100}
    )
    project = project_of(repo)
    publish(project, ["HEAD"], Progress("testing"))
    assert look(repo).sound
    for oid, content in ((md5(b"w" * 100), b"W" * 100), (md5(b"b"), b"longer")):
        s3_server.client().put_object(Bucket=bucket, Key=f"vision/resnet/files/md5/{oid[:2]}/{oid[2:]}", Body=content)
    report = look(repo)
    assert found(report) == {"model.bin": ("ok", "corrupt"), "data/sub/b": ("ok", "wrong size")}
    assert not Queue.of(project.repo).verified(report.remote or "", [md5(b"w" * 100), oid_of(repo, "data")])
    assert look(repo, repair=True).sound
    assert look(repo, deep=True).sound
