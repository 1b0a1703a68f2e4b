"""Bad input and broken surroundings: one line that says what, where and how to fix it; nothing half-done."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from e2e.conftest import Tell
from e2e.story import FIRST, SECOND, Story, md5
from support.mounts import fill, read_only, small_disk
from support.seaweed import Server
from support.shell import Result

WITHOUT_HOOKS = {"CPV_RUNNING": "1"}  # as a colleague commits who has no CPV


def lines_of_ours(result: Result) -> list[str]:
    return [line for line in result.text.splitlines() if line.startswith("cpv: ")]


def one_line(result: Result, *words: str) -> str:
    """The one thing that was said: what, where, and the command that fixes it."""
    assert "Traceback" not in result.text, result.text
    lines = lines_of_ours(result)
    assert len(lines) == 1, result.text
    assert not lines[0].startswith("cpv: bug:"), result.text
    assert not (result.status and lines[0].startswith("cpv: warning:")), "what stops a command is no warning"
    for word in (*words, "; fix: "):
        assert word in lines[0], lines[0]
    return lines[0]


def silent(result: Result) -> None:
    assert lines_of_ours(result) == [], result.text
    assert "Traceback" not in result.text


def at_most_one_line(result: Result, *words: str) -> None:
    """Leaving a broken version: Git asks before it moves, so the fault may be named once more, and stops nobody."""
    if lines_of_ours(result):
        one_line(result, *words)


def nothing_half_done(story: Story, *, corrupt: frozenset[str] = frozenset()) -> None:
    """Git, DVC's cache and CPV's own state are whole, and no temporary file or lock is left."""
    top = story.path
    assert story.git("-c", "core.fsmonitor=false", "fsck", "--full", "--strict", "--no-progress").err == ""
    assert story.branch() == "main"
    assert story.git("for-each-ref", "refs/worktree", "refs/cpv").out == ""
    every = [path.relative_to(top).as_posix() for path in top.rglob("*")]
    left = [name for name in every if name.endswith((".cpv-tmp", ".lock")) and name not in ("dvc.lock",)]
    left += [name for name in every if "/cpv/detour" in name]
    left += [name for name in every if name.startswith((".dvc/cache/cpv/", ".dvc/tmp/cpv/"))]
    assert left == []
    for path in (top / ".dvc/cache/files/md5").glob("??/*"):
        oid = path.parent.name + path.name
        assert oid in corrupt or md5(path.read_bytes()) == oid.removesuffix(".dir"), f"{oid} is torn"
    for pointer in story.pointers():
        assert next(iter(yaml.safe_load(pointer.read_text())["outs"][0])) == "md5"


def state(story: Story) -> dict[str, bytes]:
    """Everything that stands in the work tree."""
    return {name: story.read(name) for name in story.tree()}


# A malformed .cpv.toml

BROKEN_SETTINGS = {
    "syntax": ('[push\nwhen = "commit"\n', ".cpv.toml:1: not TOML"),
    "value": ('[push]\nwhen = "always"\n', ".cpv.toml:2: push.when must be one of"),
    "key": ('[cpv]\nteam = "vision"\nmodle = "x"\n', ".cpv.toml:3: unknown key modle in [cpv]"),
    "section": ("[pulls]\n", ".cpv.toml:1: unknown section [pulls]"),
    "outside": ('[artifacts]\nmodel = ["../model.bin"]\n', ".cpv.toml:2: artifacts.model: '../model.bin' is outside"),
}


@pytest.mark.parametrize("kind", BROKEN_SETTINGS)
def test_malformed_settings(story: Story, kind: str) -> None:
    text, said = BROKEN_SETTINGS[kind]
    story.git("checkout", "-q", "-b", "side")
    story.put("metrics.log", "side\n")
    story.commit("side")
    story.git("checkout", "-q", "main")
    good = story.read(".cpv.toml")
    story.write(".cpv.toml", text)
    story.put("model.bin", "model 3\n")
    before, head = state(story), story.head()

    if story.live:
        one_line(story.git("status", "--porcelain"), said)
    one_line(story.git("commit", "-am", "third", status=1), said)
    assert story.head() == head
    one_line(story.git("checkout", "-q", "side", status=1), said)
    assert state(story) == before | {"metrics.log.dvc": story.read("metrics.log.dvc")}, "artifacts are as they were"
    one_line(story.git("checkout", "-q", "main", status=1), said)
    nothing_half_done(story)
    assert state(story) == before

    story.write(".cpv.toml", good)
    story.commit("third")
    story.check()
    assert story.saved("model.bin", "model 3\n")


def test_malformed_settings_of_another_version(story: Story) -> None:
    """The file is versioned: a version that carries a broken one can be left again."""
    story.git("checkout", "-q", "-b", "broken")
    story.write(".cpv.toml", "[pulls]\n")
    one_line(story.git("commit", "-am", "break it", status=1), ".cpv.toml:1: unknown section [pulls]")
    story.git("commit", "-q", "--no-verify", "-am", "break it", env=WITHOUT_HOOKS)
    at_most_one_line(story.git("checkout", "-q", "main"), ".cpv.toml:1: unknown section [pulls]")
    one_line(story.git("checkout", "-q", "broken", status=1), ".cpv.toml:1: unknown section [pulls]")
    at_most_one_line(story.git("checkout", "-q", "main"), ".cpv.toml:1: unknown section [pulls]")
    story.check()


# An artifact outside the repository, or behind a link out of it


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of somebody else's."""
    folder = tmp_path / "outside"
    for name in ("secret", "sub/secret", "deep/er/secret"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("not yours\n")
    return folder


def untouched(outside: Path) -> None:
    files = {path.relative_to(outside).as_posix(): path.read_text() for path in outside.rglob("*") if path.is_file()}
    assert files == dict.fromkeys(("secret", "sub/secret", "deep/er/secret"), "not yours\n")
    assert not any(path.is_symlink() for path in outside.rglob("*"))


def link_out(story: Story, outside: Path) -> None:
    story.path.joinpath("model.bin").unlink()
    story.path.joinpath("model.bin").symlink_to(outside / "secret")


def link_folder_out(story: Story, outside: Path) -> None:
    story.run("mv", "data", "../data-away")
    story.path.joinpath("data").symlink_to(outside)


LINKS: dict[str, tuple[Callable[[Story, Path], None], str]] = {
    "file": (link_out, "model.bin: a symbolic link out of the repository"),
    "folder": (link_folder_out, "data: a symbolic link out of the repository"),
}


@pytest.mark.parametrize("kind", LINKS)
def test_an_artifact_that_is_a_link_out_of_the_repository(story: Story, outside: Path, kind: str) -> None:
    make, said = LINKS[kind]
    make(story, outside)
    pointers = {path: path.read_bytes() for path in story.pointers()}
    head = story.head()
    if story.live:
        one_line(story.git("status", "--porcelain"), said, str(outside))
    one_line(story.git("commit", "-am", "third", status=1), said)
    assert story.head() == head
    one_line(story.git("checkout", "-q", "v0.0", status=1), said)
    one_line(story.git("checkout", "-q", "main", status=1), said)
    assert {path: path.read_bytes() for path in story.pointers()} == pointers
    untouched(outside)
    nothing_half_done(story)


def test_the_command_that_mends_a_link_does_so(live: Story, outside: Path) -> None:
    link_out(live, outside)
    line = one_line(live.git("status", "--porcelain"), "model.bin")
    live.run("sh", "-c", line.split("; fix: ")[1])
    assert not (live.path / "model.bin").is_symlink()
    live.commit("third")
    assert live.saved("model.bin", "not yours\n")
    untouched(outside)


def test_an_artifact_behind_a_folder_that_is_a_link(story: Story, outside: Path) -> None:
    story.write("models/net.bin", "net 1\n")
    story.dvc("add", "-q", "models/net.bin")
    story.git("add", "-A")
    story.commit("models")
    story.write("models/net.bin", "net 2\n")
    story.commit("models again")
    story.run("mv", "models", "models-away")
    (story.path / "models").symlink_to(outside)
    (outside / "net.bin").write_text("not yours\n")
    result = story.git("checkout", "-q", "--force", "HEAD^", status=None)
    assert "Traceback" not in result.text
    assert (outside / "net.bin").read_text() == "not yours\n"


def hostile(path: str, oid: str = md5("model 1\n")) -> str:
    return f"outs:\n- md5: {oid}\n  size: 8\n  hash: md5\n  path: {path}\n"


HOSTILE = {
    "parent": (hostile("../outside/secret"), "evil.dvc: its artifact '../outside/secret' is outside the repository"),
    "absolute": (hostile("/etc/cpv-test"), "evil.dvc: its artifact '/etc/cpv-test' is outside the repository"),
    "git": (hostile(".git/hooks/post-checkout"), "is inside .git or .dvc"),
    "Git": (hostile(".GIT/config"), "is inside .git or .dvc"),
    "dvc": (hostile(".dvc/config"), "is inside .git or .dvc"),
    "hash": (hostile("evil", "../../../../../outside/secret"), "evil.dvc: md5 is not a DVC hash"),
    "url": (hostile("s3://bucket/evil"), "is outside the repository"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_pointer_that_leads_out_of_the_repository(live: Story, outside: Path, kind: str) -> None:
    """What a cloned repository says is data: another's branch cannot make CPV write outside the work tree."""
    text, said = HOSTILE[kind]
    config = live.read(".git/config"), live.read(".dvc/config")
    live.git("checkout", "-q", "-b", "evil")
    live.write("evil.dvc", text)
    at_most_one_line(live.git("add", "-A"), said)
    one_line(live.git("commit", "-qm", "evil", status=1), said)
    live.git("commit", "-q", "--no-verify", "-m", "evil", env=WITHOUT_HOOKS)
    at_most_one_line(live.git("checkout", "-q", "main"), said)
    live.put("model.bin", "model 3\n")
    live.commit("third")
    one_line(live.git("checkout", "-q", "evil", status=1), said)
    assert live.read("model.bin").decode() == SECOND["model.bin"], "the other artifacts are done"
    at_most_one_line(live.git("checkout", "-q", "main"), said)
    assert (live.read(".git/config"), live.read(".dvc/config")) == config
    assert not (live.path / ".git/hooks/post-checkout.bak").exists()
    assert b"model 1" not in live.read(".git/hooks/post-checkout")
    untouched(outside)
    live.check()


def directory_object(story: Story, *relpaths: str) -> str:
    """Put a hostile directory object into the cache; returns its id."""
    data = json.dumps([{"md5": md5("model 1\n"), "relpath": name} for name in relpaths]).encode()
    oid = md5(data) + ".dir"
    path = story.write(f".dvc/cache/files/md5/{oid[:2]}/{oid[2:]}", data)
    path.chmod(0o444)
    return oid


@pytest.mark.parametrize("name", ["../../outside/secret", "/etc/cpv-test", ".git/hooks/post-checkout", "a/../../x"])
def test_a_directory_object_that_leads_out_of_its_directory(live: Story, outside: Path, name: str) -> None:
    oid = directory_object(live, "fine.csv", name)
    before = live.tree("data")
    live.git("checkout", "-q", "-b", "evil")
    live.write("data.dvc", hostile("data", oid))
    live.git("commit", "-q", "--no-verify", "-am", "evil", env=WITHOUT_HOOKS)
    live.git("checkout", "-q", "main")
    one_line(live.git("checkout", "-q", "evil", status=1), oid, "is not a path inside the directory")
    assert live.tree("data") == before
    at_most_one_line(live.git("checkout", "-q", "main"), oid)
    untouched(outside)
    assert not Path("/etc/cpv-test").exists()
    live.check()


@pytest.mark.parametrize("name", ["link/secret", "link/sub/secret", "link/deep/er/secret", "link/new/file"])
def test_a_directory_object_that_writes_through_a_link_which_git_planted(live: Story, outside: Path, name: str) -> None:
    """A repository can carry a symbolic link in Git and, in DVC, a directory with a file behind it."""
    live.git("checkout", "-q", "-b", "evil")
    (live.path / "data/link").symlink_to(outside)
    live.git("add", "-f", "data/link")
    live.write("data.dvc", hostile("data", directory_object(live, name)))
    live.git("add", "data.dvc", env=WITHOUT_HOOKS)
    live.git("commit", "-q", "--no-verify", "-m", "evil", env=WITHOUT_HOOKS)
    live.git("checkout", "-q", "main", status=None)
    result = live.git("checkout", "-q", "evil", status=None)
    assert "Traceback" not in result.text
    untouched(outside)


# Tags


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v1", "'v1' is not a version of this repository"),
        ("v1.0.0", "'v1.0.0' is not a version of this repository"),
        ("v01.0", "'v01.0' is not a version of this repository"),
        ("v1.x", "'v1.x' is not a version of this repository"),
        ("data-v1", "'data-v1' is not a version of this repository"),
        ("v0.0.1", "'v0.0.1' is not a version of this repository"),
    ],
)
def test_a_malformed_tag(live: Story, name: str, said: str) -> None:
    tags = live.tags()
    one_line(live.git("tag", name, status=128), said)
    one_line(live.cpv("tag", name, status=1), said)
    assert live.tags() == tags
    live.check()


@pytest.mark.parametrize("args", [(), ("-a", "-m", "annotated")])
def test_a_backward_tag(live: Story, args: tuple[str, ...]) -> None:
    live.git("tag", "v2.0")
    live.put("model.bin", "model 3\n")
    live.commit("third")
    tags = live.tags()
    assert "v2.1" in tags
    one_line(live.git("tag", *args, "v1.5", status=128), "v1.5", "v2.1")
    one_line(live.cpv("tag", "v1.5", status=1), "v1.5", "v2.1")
    assert live.tags() == tags
    live.check()


def test_a_duplicate_tag(live: Story) -> None:
    at = live.git("rev-parse", "v0.0").out
    live.put("model.bin", "model 3\n")
    live.commit("third")
    refused = live.git("tag", "v0.0", status=128)
    assert refused.err == "fatal: tag 'v0.0' already exists\n"
    one_line(live.cpv("tag", "v0.0", status=1), "v0.0")
    one_line(live.cpv("tag", "v0.1", status=1), "v0.1")
    assert live.git("rev-parse", "v0.0").out == at
    live.check()


@pytest.mark.parametrize("name", ["release-1", "version1", "vendor", "v", "data-view", "1.0", "x/v1"])
def test_foreign_tag_names_are_none_of_our_business(live: Story, name: str) -> None:
    silent(live.git("tag", name))
    assert name in live.tags()


# A pointer that is not YAML, or has merge markers

BROKEN_POINTERS = {
    "not YAML": ("outs: [\n", "not YAML"),
    "a list": ("- a\n", "model.bin.dvc: not a DVC pointer"),
    "empty": ("", "model.bin.dvc: not a DVC pointer"),
    "binary": (b"\xff\xfe\x00", "model.bin.dvc: not UTF-8"),
    "markers": (
        "outs:\n<<<<<<< HEAD\n- md5: {0}\n=======\n- md5: {1}\n>>>>>>> other\n  path: model.bin\n",
        "model.bin.dvc: has merge conflict markers",
    ),
}


@pytest.mark.parametrize("kind", BROKEN_POINTERS)
def test_a_broken_pointer(story: Story, kind: str) -> None:
    text, said = BROKEN_POINTERS[kind]
    if isinstance(text, str):
        text = text.replace("{0}", md5("model 1\n")).replace("{1}", md5("model 2\n"))
    story.write("model.bin.dvc", text)
    broken = story.read("model.bin.dvc")
    story.put("data/a.csv", "a 3\n")
    head = story.head()
    if story.live:
        one_line(story.git("status", "--porcelain"), said)
    line = one_line(story.git("commit", "-am", "third", status=1), said)
    assert story.head() == head
    assert story.read("model.bin.dvc") == broken, "what the user has there is left to the user"
    assert story.read("model.bin").decode() == SECOND["model.bin"]

    mend = line.split("; fix: ")[1].split(" (or --theirs)")[0]
    story.git("reset", "-q", status=None)
    story.run("sh", "-c", mend.replace("--ours ", ""))
    story.git("commit", "-q", "-am", "third")
    story.check()
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["data.dvc"]


def test_a_broken_pointer_in_another_version(story: Story) -> None:
    """A checkout does the rest and names it; the version can be left again."""
    story.git("checkout", "-q", "-b", "broken")
    story.put("data/a.csv", "a 3\n")
    story.commit("data")
    story.write("model.bin.dvc", "outs: [\n")
    story.git("commit", "-q", "--no-verify", "-am", "broken", env=WITHOUT_HOOKS)
    at_most_one_line(story.git("checkout", "-q", "main"), "model.bin.dvc", "not YAML")
    one_line(story.git("checkout", "-q", "broken", status=1), "model.bin.dvc", "not YAML")
    assert story.read("data/a.csv") == b"a 3\n", "the rest is done"
    assert story.read("model.bin").decode() == SECOND["model.bin"]
    at_most_one_line(story.git("checkout", "-q", "main"), "model.bin.dvc", "not YAML")
    story.check()


# A missing or corrupt cache object


def lose(story: Story, oid: str, *, remote: bool = True) -> None:
    places = [story.path / ".dvc/cache"] + ([story.path.parent / "storage"] if remote else [])
    for place in places:
        (place / "files/md5" / oid[:2] / oid[2:]).unlink()


def damage(path: Path, data: bytes = b"model X\n") -> None:
    """Other bytes of the same length under the same protection, as a bad disk leaves them."""
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def object_path(story: Story, oid: str) -> Path:
    return story.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


def test_a_missing_object_that_nobody_has(story: Story) -> None:
    lose(story, md5("model 1\n"))
    one_line(story.git("checkout", "-q", "v0.0", status=1), "model.bin: ", md5("model 1\n"), "dvc cpv sync")
    assert story.read("data/a.csv").decode() == FIRST["data/a.csv"], "the rest is done"
    assert story.read("metrics.log").decode() == FIRST["metrics.log"]
    assert story.read("model.bin").decode() == SECOND["model.bin"], "nothing was taken away"
    assert story.changes() == []
    at_most_one_line(story.git("checkout", "-q", "main"), md5("model 1\n"))
    nothing_half_done(story)
    story.pointers_are_true()


def test_a_missing_file_of_a_directory(story: Story) -> None:
    lose(story, md5("a 1\n"))
    before = story.tree("data")
    one_line(story.git("checkout", "-q", "v0.0", status=1), "data", md5("a 1\n"), "dvc cpv sync")
    assert story.tree("data") == before
    assert story.read("model.bin").decode() == FIRST["model.bin"], "the rest is done"
    at_most_one_line(story.git("checkout", "-q", "main"), md5("a 1\n"))
    nothing_half_done(story)
    story.pointers_are_true()


def test_a_missing_object_comes_from_the_remote_without_a_word_of_complaint(story: Story) -> None:
    lose(story, md5("model 1\n"), remote=False)
    assert "warning" not in story.git("checkout", "-q", "v0.0").text
    assert story.read("model.bin").decode() == FIRST["model.bin"]
    story.git("checkout", "-q", "main")
    story.check()


def test_several_missing_objects_are_one_line_for_each_artifact(story: Story) -> None:
    lose(story, md5("model 1\n"))
    lose(story, md5("a 1\n"))
    result = story.git("checkout", "-q", "v0.0", status=1)
    assert sorted(line.split(": ")[1] for line in lines_of_ours(result) if "; fix: " in line) == ["data", "model.bin"]
    assert story.read("metrics.log").decode() == FIRST["metrics.log"]


def test_a_corrupt_object_never_reaches_the_work_tree(story: Story) -> None:
    oid = md5("model 1\n")
    damage(object_path(story, oid))
    line = one_line(story.git("checkout", "-q", "v0.0", status=1), oid, "corrupt")
    assert story.read("model.bin").decode() == SECOND["model.bin"]
    assert story.read("data/a.csv").decode() == FIRST["data/a.csv"], "the rest is done"
    nothing = story.path / ".dvc/tmp/cpv"
    assert not nothing.is_dir() or not list(nothing.iterdir())

    story.run("sh", "-c", line.split("; fix: ")[1])
    assert story.read("model.bin").decode() == FIRST["model.bin"]
    story.git("checkout", "-q", "main")
    story.check()


def test_a_corrupt_object_that_the_remote_shares(story: Story) -> None:
    """Where no good copy is left anywhere, the checkout goes on failing, and the remote's copy is named."""
    oid = md5("model 1\n")
    damage(object_path(story, oid))
    damage(story.path.parent / "storage/files/md5" / oid[:2] / oid[2:])
    one_line(story.git("checkout", "-q", "v0.0", status=1), oid, "corrupt")
    object_path(story, oid).unlink()
    result = story.cpv("sync", status=1)
    assert oid in result.text
    assert "Traceback" not in result.text
    assert not object_path(story, oid).exists()
    assert story.read("model.bin").decode() == SECOND["model.bin"]


def test_a_corrupt_copy_in_the_cache_never_costs_the_good_one_in_the_work_tree(story: Story) -> None:
    """Before model 2 is replaced, its copy in the cache turns out to be broken: it is saved again first."""
    oid = md5("model 2\n")
    damage(object_path(story, oid))
    story.git("checkout", "-q", "v0.0")
    assert story.read("model.bin").decode() == FIRST["model.bin"]
    assert object_path(story, oid).read_bytes() == b"model 2\n"
    story.git("checkout", "-q", "main")
    story.check()


def test_a_corrupt_file_of_a_directory(story: Story) -> None:
    oid = md5("a 1\n")
    damage(object_path(story, oid), b"a X\n")
    before = story.tree("data")
    line = one_line(story.git("checkout", "-q", "v0.0", status=1), oid, "corrupt")
    assert story.tree("data") == before, "all of a directory or nothing of it"
    story.run("sh", "-c", line.split("; fix: ")[1])
    story.git("checkout", "-q", "main")
    story.check()


def test_a_corrupt_directory_object(story: Story) -> None:
    oid = story.oid_at("v0.0", "data.dvc")
    damage(object_path(story, oid), b'[{"md5": "d41d8cd98f00b204e9800998ecf8427e", "relpath": "a.csv"}]')
    before = story.tree("data")
    result = story.git("checkout", "-q", "v0.0", status=None)
    assert "Traceback" not in result.text
    if result.status:
        line = one_line(result, oid)
        assert story.tree("data") == before
        story.run("sh", "-c", line.split("; fix: ")[1])
    assert story.read("data/a.csv").decode() == FIRST["data/a.csv"]
    story.git("checkout", "-q", "main")
    story.check()


# A remote that cannot be reached, or does not let us in


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def use_s3(story: Story, url: str, endpoint: str, access: str, secret: str) -> None:
    """For every version of the repository: the settings of this clone go before those of a commit."""
    story.write(
        ".dvc/config.local",
        f"['remote \"storage\"']\n    url = {url}\n    endpointurl = {endpoint}\n    region = us-east-1\n"
        f"    access_key_id = {access}\n    secret_access_key = {secret}\n",
    )


def key_of(content: str) -> str:
    oid = md5(content)
    return f"models/files/md5/{oid[:2]}/{oid[2:]}"


def queued_line(result: Result, *words: str) -> str:
    """The commit stands; the one warning says what is not uploaded, why, and how it is tried again."""
    assert "Traceback" not in result.text
    lines = [line for line in lines_of_ours(result) if not line.startswith("cpv: tagged ")]
    assert len(lines) == 1, result.text
    for word in ("is not uploaded", "queued", "dvc cpv sync", *words):
        assert word in lines[0], lines[0]
    return lines[0]


def test_an_unreachable_server(story: Story, s3_server: Server) -> None:
    bucket = s3_server.make_bucket()
    endpoint = f"http://localhost:{closed_port()}"
    use_s3(story, f"s3://{bucket}/models", endpoint, s3_server.access_key, s3_server.secret_key)
    story.train(3)
    line = queued_line(story.git("commit", "-qm", "third"), "localhost", "storage")
    assert s3_server.secret_key not in line
    assert story.tags_at() == ["data-v0.2", "v0.2"]
    assert "queued" in story.cpv("status").text
    one_line(story.cpv("sync", status=1), "localhost")
    nothing_half_done(story)
    story.pointers_are_true()

    story.dvc("remote", "modify", "--local", "storage", "endpointurl", s3_server.endpoint_url)
    story.cpv("sync")
    keys = s3_server.keys(bucket)
    assert {key_of("model 3\n"), key_of("a 3\n")} <= keys.keys()
    silent(story.cpv("sync"))


def test_what_is_queued_is_tried_again_at_the_next_event(story: Story) -> None:
    storage = story.path.parent / "storage"
    storage.rename(story.path.parent / "storage-away")
    storage.write_bytes(b"")  # a file where the folder should be
    story.train(3)
    queued_line(story.git("commit", "-qm", "third"), str(storage))
    assert story.tags_at() == ["data-v0.2", "v0.2"]
    storage.unlink()
    (story.path.parent / "storage-away").rename(storage)
    story.train(4)
    # A queued upload that has just failed is left alone for a minute; the clock cannot be waited for here.
    age_queue(story)
    silent_but_tags(story.git("commit", "-qm", "fourth"))
    assert {md5("model 3\n"), md5("model 4\n")} <= story.stored()
    story.check()


def age_queue(story: Story) -> None:
    with closing(sqlite3.connect(story.path / ".git/cpv/queue.db")) as connection, connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            if "tried" in columns:
                connection.execute(f"UPDATE {table} SET tried = tried - 3600")  # noqa: S608 - names of our own tables
    connection.close()


def silent_but_tags(result: Result) -> None:
    lines = [line for line in lines_of_ours(result) if not line.startswith("cpv: tagged ")]
    assert lines == [], result.text


def test_missing_objects_and_an_unreachable_server(story: Story) -> None:
    """The server is named once, however many artifacts wait for it."""
    use_s3(story, "s3://bucket/models", f"http://localhost:{closed_port()}", "someone", "a-secret-key")
    for content in ("model 1\n", FIRST["metrics.log"]):
        lose(story, md5(content), remote=False)
    result = story.git("checkout", "-q", "v0.0", status=1)
    lines = lines_of_ours(result)
    assert len([line for line in lines if "localhost" in line and "does not answer" in line]) == 1, result.text
    assert "a-secret-key" not in result.text
    assert story.read("data/a.csv").decode() == FIRST["data/a.csv"], "the rest is done"
    assert story.read("model.bin").decode() == SECOND["model.bin"]


def test_wrong_credentials(story: Story, s3_server: Server) -> None:
    bucket = s3_server.make_bucket()
    use_s3(story, f"s3://{bucket}/models", s3_server.endpoint_url, "someone", "not-the-secret")
    story.train(3)
    line = queued_line(story.git("commit", "-qm", "third"), bucket)
    assert "not-the-secret" not in line
    assert "credential" in line or "access key" in line.lower() or "AccessKey" in line
    assert story.tags_at() == ["data-v0.2", "v0.2"]
    assert s3_server.keys(bucket) == {}
    stopped = story.cpv("sync", status=1)
    one_line(stopped, bucket)
    assert "not-the-secret" not in stopped.text
    nothing_half_done(story)

    story.dvc("remote", "modify", "--local", "storage", "access_key_id", s3_server.access_key)
    story.dvc("remote", "modify", "--local", "storage", "secret_access_key", s3_server.secret_key)
    story.cpv("sync")
    assert key_of("model 3\n") in s3_server.keys(bucket)


def test_a_push_is_stopped_while_the_data_cannot_leave(story: Story) -> None:
    """Invariant 2: here Git can still be stopped, and is."""
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", str(host))
    story.git("remote", "add", "origin", str(host))
    storage = story.path.parent / "storage"
    storage.rename(story.path.parent / "storage-away")
    storage.write_bytes(b"")
    story.train(3)
    story.git("commit", "-qm", "third")
    result = story.git("push", "-q", "origin", "main", status=1)
    one_line(result, str(storage))
    assert story.git("ls-remote", "origin").out == ""
    storage.unlink()
    (story.path.parent / "storage-away").rename(storage)
    silent(story.git("push", "-q", "origin", "main"))
    assert md5("model 3\n") in story.stored()


# Disks that are full or read-only


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_a_full_disk_at_a_commit(tell: Tell, tmp_path: Path, mode: str) -> None:
    with small_disk(tmp_path / "disk", "24m") as disk:
        story = tell(mode, name="disk")
        story.put("model.bin", os.urandom(300_000))
        story.put("data/a.csv", "a 3\n")
        head, pointers = story.head(), {path: path.read_bytes() for path in story.pointers()}
        ballast = fill(disk, 100_000)
        result = story.git("commit", "-qm", "third", status=1)
        one_line(result, "no space left on the disk", "free space")
        assert story.head() == head
        changed = {path.name for path, data in pointers.items() if path.read_bytes() != data}
        assert changed <= {"data.dvc"}, "a pointer is as it was, or names what the cache holds"
        ballast.unlink()
        nothing_half_done(story)
        story.commit("third")
        assert story.tags_at() == ["data-v0.2", "v0.2"]
        story.check()


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_a_disk_that_is_full_to_the_last_byte(tell: Tell, tmp_path: Path, mode: str) -> None:
    """Not even CPV's own small files can be written."""
    with small_disk(tmp_path / "disk", "24m") as disk:
        story = tell(mode, name="disk")
        story.put("model.bin", "model 3\n")
        head, pointers = story.head(), {path: path.read_bytes() for path in story.pointers()}
        ballast = fill(disk, 0)
        result = story.git("commit", "-qm", "third", status=None)
        assert result.status != 0
        assert "Traceback" not in result.text
        assert len(lines_of_ours(result)) <= 1, result.text
        # CPV's words, or Git's where it comes first.
        assert re.search("no space left|out of diskspace", result.text, re.IGNORECASE), result.text
        ballast.unlink()
        assert story.head() == head
        for path, data in pointers.items():
            assert path.read_bytes() == data or path.name == "model.bin.dvc"
        nothing_half_done(story)
        story.commit("third")
        story.check()


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_a_full_disk_at_a_checkout(tell: Tell, tmp_path: Path, mode: str) -> None:
    with small_disk(tmp_path / "disk", "24m") as disk:
        story = tell(mode, name="disk")
        large = os.urandom(1_000_000)
        story.put("model.bin", large)
        story.commit("large")
        story.git("checkout", "-q", "v0.0")
        ballast = fill(disk, 500_000)
        result = story.git("checkout", "-q", "main", status=1)
        one_line(result, "model.bin", "no space left on the disk")
        assert story.read("model.bin").decode() == FIRST["model.bin"], "nothing was taken away"
        assert story.read("data/a.csv").decode() == SECOND["data/a.csv"], "the rest is done"
        ballast.unlink()
        nothing_half_done(story)
        story.cpv("sync")
        assert story.read("model.bin") == large
        story.check()


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_a_full_disk_in_the_middle_of_a_directory(tell: Tell, tmp_path: Path, mode: str) -> None:
    """What was brought and what was not can be told apart afterwards, and the next run finishes it."""
    with small_disk(tmp_path / "disk", "24m") as disk:
        story = tell(mode, name="disk")
        for number in range(10):
            story.put(f"data/{number}.bin", bytes([number]) * 200_000)
        story.commit("large")
        wanted = story.tree("data")
        story.git("checkout", "-q", "v0.0")
        ballast = fill(disk, 1_000_000)
        one_line(story.git("checkout", "-q", "main", status=1), "no space left on the disk")
        ballast.unlink()
        nothing_half_done(story)
        story.cpv("sync")
        assert story.tree("data") == wanted
        story.check()


@pytest.mark.parametrize("mode", ["live", "shims"])
def test_a_full_cache_disk(tell: Tell, tmp_path: Path, mode: str) -> None:
    with small_disk(tmp_path / "cache", "4m") as disk:
        story = tell(mode)
        story.run("cp", "-a", ".dvc/cache/files", str(disk))
        story.run("rm", "-r", ".dvc/cache")
        story.dvc("cache", "dir", "--local", str(disk))
        story.put("model.bin", os.urandom(1_000_000))
        head = story.head()
        pointer = story.read("model.bin.dvc")
        ballast = fill(disk, 500_000)
        one_line(story.git("commit", "-qm", "third", status=1), str(disk), "no space left on the disk")
        assert (story.head(), story.read("model.bin.dvc")) == (head, pointer)
        assert list((disk / "cpv").glob("*")) == []
        unsaved = story.read("model.bin")
        story.put("model.bin", SECOND["model.bin"])
        story.git("checkout", "-q", "v0.0")
        assert story.read("model.bin").decode() == FIRST["model.bin"], "a checkout needs no room in the cache"
        story.git("checkout", "-q", "main")
        ballast.unlink()
        story.put("model.bin", unsaved)
        story.commit("third")
        nothing_half_done(story)
        story.pointers_are_true()


def test_a_full_remote(story: Story, tmp_path: Path) -> None:
    with small_disk(tmp_path / "remote", "2m") as disk:
        story.dvc("remote", "modify", "--local", "storage", "url", str(disk / "storage"))
        story.put("model.bin", os.urandom(500_000))
        ballast = fill(disk, 200_000)
        queued_line(story.git("commit", "-qm", "third"), "no space left on the disk", str(disk))
        assert story.tags_at() == ["v0.2"]
        assert [path for path in (disk / "storage").rglob("*") if path.is_file() and path.stat().st_size == 0] == []
        ballast.unlink()
        story.cpv("sync")
        oid = story.oid_at("HEAD", "model.bin.dvc")
        assert md5((disk / "storage/files/md5" / oid[:2] / oid[2:]).read_bytes()) == oid
        nothing_half_done(story)


def test_a_read_only_cache(story: Story) -> None:
    story.put("model.bin", "model 3\n")
    head, pointer = story.head(), story.read("model.bin.dvc")
    with read_only(story.path / ".dvc/cache"):
        one_line(story.git("commit", "-qm", "third", status=1), ".dvc/cache", "the file system is read-only")
        assert (story.head(), story.read("model.bin.dvc")) == (head, pointer)
        story.put("model.bin", SECOND["model.bin"])
        silent(story.git("status"))
        story.git("checkout", "-q", "v0.0")
        assert story.read("model.bin").decode() == FIRST["model.bin"], "reading is enough to check out"
        assert story.read("data/a.csv").decode() == FIRST["data/a.csv"]
        story.git("checkout", "-q", "main")
        assert story.read("model.bin").decode() == SECOND["model.bin"]
    story.put("model.bin", "model 3\n")
    story.commit("third")
    nothing_half_done(story)
    story.written.clear()
    story.check()


def test_a_read_only_remote(story: Story) -> None:
    with read_only(story.path.parent / "storage"):
        story.train(3)
        queued_line(story.git("commit", "-qm", "third"), "the file system is read-only")
    story.cpv("sync")
    assert md5("model 3\n") in story.stored()
    story.check()
