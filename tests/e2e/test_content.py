"""What an artifact may be: modes, folders, strange names, links, and DVC's ways of linking to its cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from e2e.conftest import Tell
from e2e.story import SETTINGS, Story, install_hooks, md5, refused
from support.shell import Shell


def is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o111)


def test_executable_bit_travels(story: Story) -> None:
    (story.path / "model.bin").chmod(0o755)
    story.git("commit", "-qm", "executable")
    assert yaml.safe_load(story.git("show", "HEAD:model.bin.dvc").out)["outs"][0]["isexec"] is True
    story.check()
    story.git("checkout", "-q", "v0.1")
    assert not is_executable(story.path / "model.bin")
    story.git("checkout", "-q", "main")
    assert is_executable(story.path / "model.bin")
    story.check()


def test_executable_bit_of_the_user_in_the_umask(story: Story) -> None:
    (story.path / "model.bin").chmod(0o700)
    story.git("commit", "-qm", "executable")
    story.git("checkout", "-q", "v0.0")
    story.git("checkout", "-q", "main")
    assert (story.path / "model.bin").stat().st_mode & 0o777 == 0o777 & ~_umask()
    story.check()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_cache_stays_read_only(story: Story) -> None:
    story.train(3)
    story.git("commit", "-qm", "third")
    for name in story.cached():
        path = story.path / ".dvc/cache/files/md5" / name[:2] / name[2:]
        assert path.stat().st_mode & 0o777 == 0o444, path


STRANGE = [
    "with space.csv",
    "ünïcödé.csv",
    "日本語/モデル.csv",
    "new\nline.csv",
    "tab\tand 'quotes\".csv",
    "-dash.csv",
    "back\\slash.csv",
    "[glob]*?.csv",
    "#hash.csv",
    ".hidden",
    "deep/" + "/".join(["d"] * 30) + "/leaf.csv",
]


@pytest.mark.compatibility("Git layouts", "spaces, quotes, newlines in names, and names up to the file system's limit")
def test_strange_names_in_a_folder(story: Story) -> None:
    for number, name in enumerate(STRANGE):
        story.put(f"data/{name}", f"strange {number}\n")
    story.git("commit", "-qm", "strange names")
    story.check()
    story.git("checkout", "-q", "v0.1")
    assert sorted(path.name for path in (story.path / "data").iterdir()) == ["a.csv", "sub"]
    story.check()
    story.git("checkout", "-q", "main")
    for number, name in enumerate(STRANGE):
        assert story.read(f"data/{name}") == f"strange {number}\n".encode()
    story.check()


@pytest.mark.compatibility(
    "Git layouts",
    "spaces, quotes, newlines in names, and names up to the file system's limit",
    limit="an artifact's own name cannot contain a newline (the commit says so); names of files in a folder can",
)
@pytest.mark.parametrize(
    "name", ["my model.bin", "modèle.bin", "[best]*.bin", "it's.bin", "a b/c d.bin", "a:b", "dot.", "aux"]
)
def test_strange_names_of_artifacts(tell: Tell, name: str) -> None:
    story = tell("live")
    story.put(name, "one\n")
    story.dvc("add", "-q", name)
    story.git("add", "-A")
    story.git("commit", "-qm", "add")
    story.put(name, "two\n")
    story.git("commit", "-qm", "two")
    assert story.saved(name, "two\n")
    story.git("checkout", "-q", "HEAD~1")
    assert story.read(name) == b"one\n"
    story.check()


def test_a_newline_in_the_name_of_an_artifact(live: Story) -> None:
    live.put("new\nline.bin", "one\n")
    live.dvc("add", "-q", "new\nline.bin")
    live.git("add", "-A")
    refused(live.git("commit", "-m", "add", status=1), "an artifact's name cannot hold a newline; fix: rename")


def test_empty_files_and_folders(story: Story) -> None:
    story.put("model.bin", "")
    story.put("data/empty.csv", "")
    (story.path / "data/hollow/deeper").mkdir(parents=True)
    story.git("commit", "-qm", "empty things")
    assert story.saved("model.bin", "")
    story.check()
    story.git("checkout", "-q", "v0.1")
    assert not (story.path / "data/empty.csv").exists()
    story.git("checkout", "-q", "main")
    assert story.read("data/empty.csv") == b""
    story.check()


def test_folder_that_becomes_empty(story: Story) -> None:
    (story.path / "data/a.csv").unlink()
    shutil.rmtree(story.path / "data/sub")
    story.git("commit", "-qm", "no data")
    assert story.oid_at("HEAD", "data.dvc") == md5("[]") + ".dir"
    story.check()
    story.git("checkout", "-q", "v0.0")
    assert story.read("data/sub/b.csv") == b"b 1\n"
    story.git("checkout", "-q", "main")
    assert (story.path / "data").is_dir()
    story.check()


def test_file_becomes_a_folder_and_back(story: Story) -> None:
    (story.path / "model.bin").unlink()
    story.put("model.bin/part-1", "part 1\n")
    story.git("commit", "-qm", "sharded")
    story.check()
    story.git("checkout", "-q", "v0.1")
    assert story.read("model.bin") == b"model 2\n"
    story.check()
    story.git("checkout", "-q", "main")
    assert story.read("model.bin/part-1") == b"part 1\n"
    story.check()


def test_files_removed_renamed_and_swapped(story: Story) -> None:
    data = story.path / "data"
    story.put("data/c.csv", "c 3\n")
    (data / "a.csv").rename(data / "renamed.csv")
    (data / "sub/b.csv").rename(data / "a.csv")
    story.git("commit", "-qm", "moved around")
    held = story.tree("data")
    assert sorted(held) == ["a.csv", "c.csv", "renamed.csv"]
    story.git("checkout", "-q", "v0.0")
    assert sorted(story.tree("data")) == ["a.csv", "sub/b.csv"]
    story.git("checkout", "-q", "main")
    assert story.tree("data") == held
    story.check()


def test_same_size_and_time_as_before_is_still_seen(story: Story) -> None:
    """A write within the file system's tick, its time set back: nothing but the ctime tells."""
    path = story.path / "model.bin"
    before = path.stat()
    story.put("model.bin", "model 9\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    story.git("commit", "-qm", "ninth")
    assert story.saved("model.bin", "model 9\n")
    story.check()


def test_file_replaced_by_rename(story: Story) -> None:
    """As a careful training script does: write beside, then rename over."""
    story.put("model.bin.tmp", "model 3\n")
    (story.path / "model.bin.tmp").rename(story.path / "model.bin")
    story.git("commit", "-qm", "third")
    assert story.saved("model.bin", "model 3\n")
    story.check()


def test_many_quick_writes_each_make_a_checkpoint(live: Story) -> None:
    """Writes of one size, commit after commit, without a pause: no racy timestamp hides one."""
    for number in range(3, 9):
        live.put("model.bin", f"model {number}\n")
        live.git("commit", "-qm", f"checkpoint {number}")
        assert live.saved("model.bin", f"model {number}\n")
    live.check()


def test_link_to_a_file_in_a_data_folder_counts_as_its_content(story: Story) -> None:
    """As `dvc add` has it: a link inside a folder is followed."""
    (story.path / "data/link.csv").symlink_to("a.csv")
    story.git("commit", "-qm", "a link")
    found = story.git("show", "HEAD:data.dvc").out
    story.dvc("add", "-q", "data")
    assert story.read("data.dvc").decode() == found, "the same as `dvc add` makes of it"
    story.git("checkout", "-q", "v0.1")
    assert not (story.path / "data/link.csv").exists()
    story.git("checkout", "-q", "main")
    assert story.read("data/link.csv") == b"a 2\n"
    story.check()


def test_artifact_through_a_link_out_of_the_repository_is_refused(story: Story, tmp_path: Path) -> None:
    outside = tmp_path / "outside.bin"
    outside.write_bytes(b"somebody else's\n")
    (story.path / "model.bin").unlink()
    (story.path / "model.bin").symlink_to(outside)
    before = story.head()
    refused(story.git("commit", "-am", "a link out", status=1), "model.bin", "symbolic link")
    assert story.head() == before
    story.git("checkout", "-q", "v0.0", status=None)
    assert outside.read_bytes() == b"somebody else's\n"


@pytest.mark.compatibility("DVC", "`.dvcignore`")
def test_dvcignore(tell: Tell) -> None:
    story = tell("live", files={".dvcignore": "*.tmp\n__pycache__/\n"})
    story.put("data/new.csv", "new\n")
    story.write("data/scratch.tmp", "scratch\n")
    story.write("data/__pycache__/x.pyc", "x\n")
    story.git("commit", "-qm", "data")
    ours = story.git("show", "HEAD:data.dvc").out
    assert yaml.safe_load(ours)["outs"][0]["nfiles"] == 3
    story.dvc("add", "-q", "data")
    assert story.read("data.dvc").decode() == ours
    assert story.changes() == []
    story.git("checkout", "-q", "HEAD~1")
    assert story.read("data/scratch.tmp") == b"scratch\n", "what DVC ignores is not ours to remove"
    assert not (story.path / "data/new.csv").exists()
    assert story.dvc_status() == {}


def test_change_of_dvcignore_alone_changes_the_folder(story: Story) -> None:
    story.write(".dvcignore", "sub\n")
    story.git("add", ".dvcignore")
    story.git("commit", "-qm", "ignore")
    assert yaml.safe_load(story.git("show", "HEAD:data.dvc").out)["outs"][0]["nfiles"] == 1
    assert story.changes() == []


# DVC's cache


@pytest.mark.compatibility("DVC", "`cache.type` of every kind")
@pytest.mark.parametrize("types", ["hardlink", "symlink", "copy", "reflink,hardlink,copy", "symlink,copy"])
@pytest.mark.parametrize("mode", ["live", "shims"])
def test_cache_types(tell: Tell, mode: str, types: str) -> None:
    from e2e.story import DVC_CONFIG

    story = tell(mode, files={".dvc/config": DVC_CONFIG + f"[cache]\n    type = {types}\n"})
    story.git("checkout", "-q", "v0.0")
    story.git("checkout", "-q", "main")
    story.agree()
    path = story.path / "model.bin"
    kept = story.path / ".dvc/cache/files/md5" / md5("model 2\n")[:2] / md5("model 2\n")[2:]
    if types.startswith("symlink"):
        assert path.is_symlink()
    elif types == "hardlink":
        assert path.samefile(kept) and not path.is_symlink()
    if not types.startswith("copy"):
        # A training script that replaces its file, as one must where the cache is linked.
        path.unlink()
        shutil.rmtree(story.path / "data")
        story.put("data/sub/b.csv", "b 1\n")
    story.put("model.bin", "model 3\n")
    story.put("data/a.csv", "a 3\n")
    story.git("commit", "-qm", "third")
    story.agree()
    story.git("checkout", "-q", "v0.1")
    assert story.read("model.bin") == b"model 2\n"
    assert kept.read_bytes() == b"model 2\n"
    story.git("checkout", "-q", "main")
    assert story.read("model.bin") == b"model 3\n"
    story.check()


@pytest.mark.compatibility("DVC", "a cache elsewhere (`cache.dir`)")
def test_cache_elsewhere(tell: Tell, tmp_path: Path) -> None:
    from e2e.story import DVC_CONFIG

    shared = tmp_path / "shared-cache"
    story = tell("live", files={".dvc/config": DVC_CONFIG + f"[cache]\n    dir = {shared}\n"})
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    name = md5("model 3\n")
    assert (shared / "files/md5" / name[:2] / name[2:]).read_bytes() == b"model 3\n"
    story.git("checkout", "-q", "v0.0")
    assert story.read("model.bin") == b"model 1\n"
    story.git("checkout", "-q", "main")
    story.agree()
    assert story.dvc_status() == {}


def test_cache_is_emptied_and_the_remote_brings_it_back(any_story: Story) -> None:
    story = any_story
    story.train(3)
    story.git("commit", "-qm", "third")
    story.git("checkout", "-q", "v0.1")
    shutil.rmtree(story.path / ".dvc/cache/files")
    story.git("checkout", "-q", "main")
    assert story.read("model.bin") == b"model 3\n"
    story.git("checkout", "-q", "v0.0")
    assert story.read("model.bin") == b"model 1\n"
    story.agree()
    assert story.dvc_status() == {}


# What pointers look like


def plain(tmp_path: Path, story: Story, names: list[str], pointers: Mapping[str, str] | None = None) -> Shell:
    """The same files, handed to plain `dvc add` in a repository without CPV, where these pointers stood before."""
    other = Shell(tmp_path / "plain")
    other.path.mkdir()
    other.git("init", "-q")
    other.dvc("init", "-q")
    for name in names:
        source = story.path / name
        if source.is_dir():
            shutil.copytree(source, other.path / name, symlinks=True)
        else:
            shutil.copy2(source, other.path / name)
    for name, text in (pointers or {}).items():
        other.write(name, text)
    other.dvc("add", "-q", *names)
    return other


def test_pointers_and_folder_objects_are_byte_for_byte_dvcs(tmp_path: Path, tell: Tell) -> None:
    story = tell("live")
    for number, name in enumerate(STRANGE):
        story.put(f"data/{name}", f"strange {number}\n")
    story.put("data/empty.csv", "")
    (story.path / "data/hollow").mkdir()
    (story.path / "model.bin").chmod(0o755)
    story.put("metrics.log", "")
    story.git("commit", "-qm", "everything")
    old = {name: story.git("show", f"v0.1:{name}").out for name in ("model.bin.dvc", "data.dvc", "metrics.log.dvc")}
    other = plain(tmp_path, story, ["model.bin", "data", "metrics.log"], old)
    for name in ("model.bin.dvc", "data.dvc", "metrics.log.dvc"):
        assert story.read(name) == other.read(name), name
    folder = story.oid_at("HEAD", "data.dvc")
    place = f".dvc/cache/files/md5/{folder[:2]}/{folder[2:]}"
    assert story.read(place) == other.read(place)


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_first_pointers_are_byte_for_byte_dvcs(tmp_path: Path, tell: Tell, mode: str) -> None:
    """A new repository: CPV makes the pointers and `.gitignore` that `dvc add` would have made."""
    story = tell("live")
    other = plain(tmp_path, story, ["data", "metrics.log", "model.bin"])
    shutil.rmtree(story.path / ".git")
    for path in [*story.pointers(), story.path / ".gitignore"]:
        path.unlink()
    story.git("init", "-q")
    story.write(".cpv.toml", SETTINGS + ("" if mode == "live" else "[status]\nlive = false\n"))
    story.git("add", ".cpv.toml", ".dvc")
    install_hooks(story, "live")
    story.git("commit", "-qm", "first")
    for name in ("model.bin.dvc", "data.dvc", "metrics.log.dvc"):
        assert story.read(name) == other.read(name), name
    assert sorted(story.read(".gitignore").splitlines()) == sorted(other.read(".gitignore").splitlines())


@pytest.mark.compatibility("DVC", "comments, `desc`, `meta`, labels in pointers")
def test_meta_desc_and_comments_are_kept(story: Story) -> None:
    text = """\
# Trained by the nightly job.
desc: The production model
meta:
  owner: vision  # ask before changing
  stages: [one, two]
outs:
- md5: {md5}
  size: 8
  hash: md5
  path: model.bin
  desc: weights
  labels:
  - nightly
"""
    story.write("model.bin.dvc", text.format(md5=md5("model 2\n")))
    story.git("commit", "-qam", "describe")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    found = story.read("model.bin.dvc").decode()
    assert yaml.safe_load(found) == yaml.safe_load(text.format(md5=md5("model 3\n")))
    story.dvc("add", "-q", "model.bin")
    assert story.read("model.bin.dvc").decode() == found, "what `dvc add` makes of the same pointer"
    story.check()


@pytest.mark.compatibility("DVC", "`push: false`")
def test_push_false_is_respected(story: Story) -> None:
    pointer = story.read("model.bin.dvc").decode()
    story.write("model.bin.dvc", pointer + "  push: false\n")
    story.git("commit", "-qam", "not to be pushed")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert "push: false" in story.read("model.bin.dvc").decode()
    assert md5("model 3\n") not in story.stored()
    story.check()
