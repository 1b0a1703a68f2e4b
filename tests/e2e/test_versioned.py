"""The readable layout: `data/`, `model.bin` and `metrics.log` below the remote's URL, on a bucket with versioning."""

from __future__ import annotations

import pytest
import yaml
from conftest import MakeRepo

from e2e.story import refused
from e2e.test_clone import run_plain_dvc
from support import stand_in
from support.repos import SETTINGS, ModelRepo
from support.seaweed import Server
from support.shell import Shell

FIRST = {"model.bin": "model 1\n", "data/a.csv": "a 1\n", "data/sub/b.csv": "b 1\n", "metrics.log": '{"loss": 1}\n'}
LAYOUT = '[remote]\nlayout = "versioned"\n'
NOBODY = "http://localhost:1"


@pytest.fixture
def bucket(s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return s3_server.make_versioned_bucket()


@pytest.fixture
def repo(make_repo: MakeRepo, bucket: str, s3_server: Server) -> ModelRepo:
    """A repository with CPV's hooks and a first checkpoint."""
    url = f"s3://{bucket}/vision/resnet"
    repo = make_repo("repo", remote=url, server=s3_server, settings=SETTINGS + LAYOUT, install=False)
    repo.write(".dvc/config", repo.read(".dvc/config").decode() + "    version_aware = true\n")
    repo.git("commit", "-qam", "readable names")
    stand_in.install(repo.path)
    write(repo, FIRST)
    repo.git("commit", "-qm", "first")
    return repo


def write(repo: Shell, files: dict[str, str]) -> None:
    for name, content in files.items():
        repo.write(name, content)


def clone_of(repo: Shell, name: str) -> Shell:
    """A clone without CPV's hooks; the secrets are in the environment."""
    repo.git("clone", "-q", ".", f"../{name}")
    return Shell(repo.path.parent / name)


def out_of(repo: Shell, rev: str, pointer: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(repo.git("show", f"{rev}:{pointer}").out)["outs"][0]
    return found


def cut_off(repo: Shell) -> None:
    """No network: the endpoint of this clone alone is one where nobody answers."""
    repo.dvc("remote", "modify", "--local", "storage", "endpointurl", NOBODY)


def reconnect(repo: Shell, s3_server: Server) -> None:
    repo.dvc("remote", "modify", "--local", "storage", "endpointurl", s3_server.endpoint_url)


@pytest.mark.compatibility(
    "Remotes", "S3 with versions (`version_aware`)", limit="a commit needs the network, or waits for a later one"
)
def test_commit_checkout_and_clone(repo: ModelRepo, bucket: str, s3_server: Server) -> None:
    names = {f"vision/resnet/{name}" for name in FIRST}
    assert set(s3_server.keys(bucket)) == names
    assert repo.tags() == ["data-v0.0", "v0.0"]

    write(repo, {"model.bin": "model two\n", "data/a.csv": "a 2\n"})
    repo.git("commit", "-qam", "second")
    assert repo.tags() == ["data-v0.0", "data-v0.1", "v0.0", "v0.1"]
    assert repo.changes() == []
    assert set(s3_server.keys(bucket)) == names
    cloud = out_of(repo, "HEAD", "model.bin.dvc")["cloud"]
    assert isinstance(cloud, dict) and set(cloud["storage"]) == {"etag", "version_id"}
    # The file that did not change keeps the version that it had.
    old, new = (out_of(repo, rev, "data.dvc")["files"] for rev in ("v0.0", "HEAD"))
    assert isinstance(old, list) and isinstance(new, list) and old[1] == new[1] and old[0] != new[0]
    # Plain DVC finds that it would write the same.
    assert "Everything is up to date." in repo.dvc("push").text
    assert repo.changes() == []

    plain = clone_of(repo, "plain")
    run_plain_dvc(plain, "pull")
    assert plain.read("model.bin") == b"model two\n"
    plain.git("checkout", "-q", "v0.0")
    run_plain_dvc(plain, "pull")
    assert {name: plain.read(name).decode() for name in FIRST} == FIRST

    ours = clone_of(repo, "ours")
    ours.git("checkout", "-q", "v0.0")
    ours.cpv("install", "-q")
    assert {name: ours.read(name).decode() for name in FIRST} == FIRST
    ours.git("checkout", "-q", "main")
    assert ours.read("data/a.csv") == b"a 2\n"
    assert ours.changes() == []


def test_what_plain_dvc_pushed_is_ours_too(repo: ModelRepo) -> None:
    plain = clone_of(repo, "plain")
    plain.dvc("pull", "-q")
    write(plain, {"model.bin": "model of a colleague\n", "data/new.csv": "new\n"})
    plain.dvc("add", "-q", "model.bin", "data")
    plain.dvc("push", "-q")
    plain.git("commit", "-qam", "without CPV")
    repo.git("pull", "-q", "../plain", "main")
    assert repo.read("model.bin") == b"model of a colleague\n"
    assert repo.read("data/new.csv") == b"new\n"
    assert repo.changes() == []
    repo.git("init", "-q", "--bare", "../host.git")
    repo.git("push", "-q", "../host.git", "main")


def test_a_commit_without_a_network_is_completed_by_a_later_one(
    repo: ModelRepo, bucket: str, s3_server: Server
) -> None:
    repo.git("init", "-q", "--bare", "../host.git")
    cut_off(repo)
    before = s3_server.versions(bucket)
    repo.write("model.bin", "model 2\n")
    said = repo.git("commit", "-m", "offline").err
    assert "cpv: warning: remote storage: model.bin cannot be uploaded, so this commit gets no version: " in said
    assert f"{NOBODY} does not answer; fix: check the network and endpointurl" in said
    assert "has no uploaded version on the remote at" in said and "fix: dvc cpv sync, git commit" in said
    assert repo.tags() == ["data-v0.0", "v0.0"]
    assert "cloud" not in out_of(repo, "HEAD", "model.bin.dvc")
    assert "so it cannot be tagged" in repo.git("tag", "v5.0", status=None).err
    refused(
        repo.git("push", "../host.git", "main", status=None),
        f"model.bin: has no uploaded version on the DVC remote s3://{bucket}/vision/resnet (refs/heads/main); "
        "fix: dvc cpv sync, git commit, then push again",
    )

    reconnect(repo, s3_server)
    synced = repo.cpv("sync").err
    assert "uploaded model.bin; run `git commit` to record the versions" in synced
    assert s3_server.versions(bucket) == before + 1
    repo.git("commit", "-qm", "now with its version")
    assert repo.tags() == ["data-v0.0", "v0.0", "v0.1"]
    assert repo.changes() == []
    repo.git("push", "-q", "../host.git", "main")
    plain = clone_of(repo, "plain")
    plain.dvc("pull", "-q")
    assert plain.read("model.bin") == b"model 2\n"
    # The commit between is read by its content, which a later one places.
    ours = clone_of(repo, "ours")
    ours.git("checkout", "-q", "main^")
    ours.cpv("install", "-q")
    assert ours.read("model.bin") == b"model 2\n"


def test_two_commits_without_a_network(repo: ModelRepo, bucket: str, s3_server: Server) -> None:
    """The next commit completes itself; what stands between goes where DVC keeps what has no name."""
    cut_off(repo)
    for number in (2, 3):
        write(repo, {"model.bin": f"model {number}\n", "data/a.csv": f"a {number}\n"})
        repo.git("commit", "-qam", "offline")
    reconnect(repo, s3_server)
    repo.git("commit", "-qm", "online again")
    assert repo.git("tag", "--points-at", "HEAD").lines == ["data-v0.1", "v0.1"]
    repo.git("init", "-q", "--bare", "../host.git")
    repo.git("push", "-q", "../host.git", "main")
    ours = clone_of(repo, "ours")
    ours.git("checkout", "-q", "main~2")
    ours.cpv("install", "-q")
    assert ours.read("model.bin") == b"model 2\n"
    assert ours.read("data/a.csv") == b"a 2\n"


def test_a_path_limited_commit_takes_what_it_names(repo: ModelRepo) -> None:
    write(repo, {"model.bin": "model 2\n", "metrics.log": '{"loss": 2}\n'})
    repo.git("status")
    repo.git("commit", "-qm", "model alone", "--", "model.bin.dvc")
    assert "cloud" in out_of(repo, "HEAD", "model.bin.dvc")
    assert repo.changes() == [" M metrics.log.dvc"]
    repo.git("commit", "-qam", "metrics")
    assert "cloud" in out_of(repo, "HEAD", "metrics.log.dvc")
    assert repo.changes() == []


def test_only_what_is_staged(repo: ModelRepo) -> None:
    repo.write(".cpv.toml", SETTINGS + LAYOUT + '[commit]\nstage = "staged"\n')
    repo.git("commit", "-qam", "staged")
    write(repo, {"model.bin": "model 2\n", "metrics.log": '{"loss": 2}\n'})
    repo.git("add", "model.bin.dvc")
    repo.write("model.bin", "model 3\n")
    repo.git("commit", "-qm", "the second, not the third")
    assert "cloud" in out_of(repo, "HEAD", "model.bin.dvc")
    assert repo.changes() == [" M metrics.log.dvc", " M model.bin.dvc"]


def test_a_version_that_is_gone_stops_a_push(repo: ModelRepo, bucket: str, s3_server: Server) -> None:
    cloud = out_of(repo, "HEAD", "model.bin.dvc")["cloud"]
    assert isinstance(cloud, dict)
    version = cloud["storage"]["version_id"]
    s3_server.client().delete_object(Bucket=bucket, Key="vision/resnet/model.bin", VersionId=version)
    (repo.path / ".git/cpv/queue.db").unlink()
    repo.git("init", "-q", "--bare", "../host.git")
    pushed = repo.git("push", "../host.git", "main", status=None)
    refused(pushed, "model.bin: object", "fix: dvc cpv sync, git commit --amend, then push again")
    assert "uploaded model.bin; run `git commit` to record the versions" in repo.cpv("sync").err
    repo.git("commit", "-q", "--amend", "--no-edit")
    repo.git("push", "-q", "../host.git", "main")


def test_outputs_of_a_stage_are_placed_in_its_lock(repo: ModelRepo) -> None:
    repo.write("dvc.yaml", "stages:\n  evaluate:\n    cmd: echo good > report.txt\n    outs: [report.txt]\n")
    repo.dvc("repro", "-q")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "report")
    locked = yaml.safe_load(repo.git("show", "HEAD:dvc.lock").out)["stages"]["evaluate"]["outs"][0]
    assert set(locked["cloud"]["storage"]) == {"etag", "version_id"}
    assert "Everything is up to date." in repo.dvc("push").text
    assert repo.changes() == []


def test_init_sets_it_up(shell: Shell, bucket: str, s3_server: Server) -> None:
    shell.cpv(
        "init", "resnet", "--team-name", "vision", "--layout", "versioned", "--remote", f"s3://{bucket}/vision/resnet"
    )
    made = Shell(shell.path / "resnet")
    assert made.tags() == ["data-v0.0", "v0.0"]
    assert 'layout = "versioned"' in made.read(".cpv.toml").decode()
    assert "version_aware = true" in made.read(".dvc/config").decode()
    assert made.changes() == []
    keys = s3_server.keys(bucket)
    assert {"vision/resnet/model.bin", "vision/resnet/metrics.log"} <= set(keys)
    assert not [key for key in keys if "files/md5" in key]
    assert "nothing to do" in made.cpv("init", "--layout", "versioned").err


def test_init_asks_for_versioning(shell: Shell, bucket: str, s3_server: Server) -> None:
    without = s3_server.make_bucket()
    command = ("init", "resnet", "--team-name", "vision", "--layout", "versioned")
    refused(
        shell.cpv(*command, "--remote", f"s3://{without}/resnet", status=None),
        f"bucket {without} keeps no versions of its objects; fix: "
        f"aws s3api put-bucket-versioning --bucket {without} --versioning-configuration Status=Enabled",
    )
    refused(
        shell.cpv(*command, status=None),
        "the layout by name needs a bucket on S3, not a folder on this machine; "
        "fix: dvc cpv init --layout versioned --remote s3://BUCKET/PREFIX",
    )
    assert not (shell.path / "resnet").exists()


def test_branches_that_change_one_folder(repo: ModelRepo) -> None:
    """DVC's merge driver does not join lists of versions: one conflict, and nothing is lost."""
    repo.git("checkout", "-q", "-b", "side")
    write(repo, {"data/side.csv": "side\n", "metrics.log": '{"loss": 2}\n'})
    repo.git("commit", "-qam", "side")
    repo.git("checkout", "-q", "main")
    repo.write("model.bin", "model 2\n")
    repo.git("commit", "-qam", "another artifact")
    repo.git("merge", "-q", "-m", "merged", "side")
    assert repo.read("data/side.csv") == b"side\n"
    assert repo.changes() == []

    repo.git("checkout", "-q", "-b", "other", "main^")
    repo.write("data/other.csv", "other\n")
    repo.git("commit", "-qam", "other")
    assert "CONFLICT (content): Merge conflict in data.dvc" in repo.git("merge", "main", status=1).out
    repo.git("checkout", "-q", "--theirs", "data.dvc")
    repo.git("add", "data.dvc")
    repo.git("commit", "-qm", "theirs")
    assert sorted(repo.tree("data")) == ["a.csv", "side.csv", "sub/b.csv"]
    assert repo.changes() == []
