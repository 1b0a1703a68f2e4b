"""`aws-config`: what it verifies, remembers, moves and commits; all or nothing, and nothing the second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.aws.access_policy import policy
from cpv_hooks.accounts.aws.aws_setup import plan_aws
from cpv_hooks.accounts.aws.aws_target import AwsRequest
from cpv_hooks.accounts.personal import personal_settings
from cpv_hooks.console.progress import Progress
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.commits.upload_commits import publish
from cpv_hooks.transfer.objects.open import open_remote
from support.identity import Identity, limited
from support.repos import ModelRepo, object_names
from support.seaweed import Server
from support.shell import BIN, Shell
from support.terminal import converse


class Cloud:
    """A bucket, a credential file with a team's rights, and the request that leads there."""

    def __init__(self, server: Server, folder: Path, **rights: bool) -> None:
        self.server = server
        self.bucket = server.make_bucket()
        self.identity = limited(server, policy(self.bucket, "vision", **rights))
        self.file = folder / "keys"
        self.file.write_text(self.identity.file("team"))
        self.file.chmod(0o600)

    def request(self, **changes: Any) -> AwsRequest:
        given = {
            "credential_path": str(self.file),
            "profile": "team",
            "bucket": self.bucket,
            "endpoint_url": self.server.endpoint_url,
            **changes,
        }
        return AwsRequest(**given)

    @property
    def arguments(self) -> list[str]:
        return [
            "--credential-path", str(self.file), "--profile", "team", "--bucket", self.bucket,
            "--endpoint-url", self.server.endpoint_url,
        ]  # fmt: skip

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/vision/resnet"

    def sizes(self) -> dict[str, int]:
        return self.server.keys(self.bucket)

    def objects(self) -> set[str]:
        return {"".join(key.split("/")[-2:]) for key in self.sizes()}


@pytest.fixture
def cloud(s3_server: Server, tmp_path: Path) -> Cloud:
    return Cloud(s3_server, tmp_path)


FILES = {"model.bin": "one", "data/a": "a", "metrics.log": "loss=1\n"}


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    made = make_repo(install=False, files=FILES)
    publish(project_of(made), ["HEAD"], Progress("uploading"))
    return made


def project_of(repo: Shell) -> Project:
    return Project.open(Repo.discover(repo.path), repo.path)


def do(request: AwsRequest, repo: Shell) -> None:
    plan_aws(request, repo.path).run()


def effects(request: AwsRequest, folder: Path) -> list[str]:
    return [str(effect) for effect in plan_aws(request, folder).effects]


def home_state() -> dict[str, bytes | str]:
    """All that is remembered for the user, logs left out."""
    home = Path(os.environ["CPV_HOME"])
    return {
        path.name: os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in home.glob("*")
        if path.is_symlink() or (path.is_file() and path.name != ".lock")
    }


def state(repo: Shell) -> tuple[Any, ...]:
    """What a setup may change."""
    files = [repo.path / ".dvc/config", repo.path / ".dvc/config.local"]
    kept = {path.name: path.read_bytes() for path in files if path.exists()}
    head = repo.git("rev-parse", "-q", "--verify", "HEAD", status=None).out
    return head, repo.git("for-each-ref").out, repo.git("status", "--porcelain").out, kept, home_state()


# The whole of it


def test_a_repository_moves_to_s3(repo: ModelRepo, cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    storage = repo.path.parent / "storage"
    before, head = object_names(storage / "files/md5"), repo.head()
    repo.write("notes.txt", "mine")
    repo.git("add", "notes.txt")
    do(cloud.request(region="us-east-1"), repo)
    assert cloud.objects() == before
    assert object_names(storage / "files/md5") == before
    assert repo.read(".dvc/config").decode() == (
        f"[core]\n    remote = s3\n['remote \"storage\"']\n    url = {storage}\n['remote \"s3\"']\n"
        f"    url = {cloud.url}\n    endpointurl = {cloud.server.endpoint_url}\n    region = us-east-1\n"
    )
    assert repo.read(".dvc/config.local").decode() == (
        f"['remote \"s3\"']\n    credentialpath = {cloud.file}\n    profile = team\n"
    )
    assert repo.git("log", "-1", "--format=%s %P", "--name-only").lines == [
        f"Keep the data on {cloud.url} {head}",
        "",
        ".dvc/config",
    ]
    assert repo.changes() == ["A  notes.txt"]
    assert capsys.readouterr().err.splitlines() == [
        f"cpv: {cloud.url}: writing, reading and removing work, with profile team of {cloud.file}",
        f"cpv: the data is on {cloud.url} now; the old storage was left as it is: {storage} (remote storage)",
    ]


def test_what_the_user_gets_remembered_is_where_and_never_what(repo: ModelRepo, cloud: Cloud) -> None:
    do(cloud.request(), repo)
    home = Path(os.environ["CPV_HOME"])
    assert json.loads((home / "config.json").read_text())["aws"] == {
        "bucket": cloud.bucket,
        "endpoint_url": cloud.server.endpoint_url,
        "credential_path": str(cloud.file),
        "profile": "team",
    }
    assert os.readlink(home / "aws_credentials") == str(cloud.file)
    for folder in (home, repo.path):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert cloud.identity.secret_key.encode() not in path.read_bytes(), path


def test_dvc_and_the_hooks_go_on_there(make_repo: MakeRepo, cloud: Cloud) -> None:
    repo = make_repo(files=FILES)
    do(cloud.request(), repo)
    repo.write("model.bin", "two")
    repo.commit("two")
    assert repo.md5("model.bin") in cloud.objects()
    clone = ModelRepo(repo.path.parent / "clone")
    repo.git("clone", "-q", ".", clone.path)
    do(AwsRequest(credential_path=str(cloud.file), profile="team"), clone)
    assert clone.changes() == []
    clone.dvc("pull", "-q")
    assert clone.read("model.bin") == b"two"
    assert clone.head() == repo.head()


def test_a_second_run_changes_nothing(repo: ModelRepo, cloud: Cloud) -> None:
    do(cloud.request(), repo)
    before, keys = state(repo), cloud.sizes()
    for request in (cloud.request(), AwsRequest()):
        (probe,) = effects(request, repo.path)
        assert probe.startswith(f"s3: put, get and delete {cloud.url}/.cpv-probe-")
        do(request, repo)
    assert state(repo) == before
    assert cloud.sizes() == keys


def test_a_dry_run_lists_exactly_what_a_run_does(repo: ModelRepo, cloud: Cloud) -> None:
    before = state(repo)
    plan = plan_aws(cloud.request(), repo.path)
    listed = [str(effect) for effect in plan.effects]
    assert state(repo) == before
    assert cloud.sizes() == {}
    plan.run()
    puts = sorted(line.split()[2] for line in listed if line.startswith("s3: put s3://"))
    assert puts == sorted(f"s3://{cloud.bucket}/{key}" for key in cloud.sizes())
    home = os.environ["CPV_HOME"]
    assert [line for line in listed if not line.startswith("s3: put")] == [
        f"file: {home}/config.json: aws.bucket = {cloud.bucket}",
        f"file: {home}/config.json: aws.endpoint_url = {cloud.server.endpoint_url}",
        f"file: {home}/config.json: aws.credential_path = {cloud.file}",
        f"file: {home}/config.json: aws.profile = team",
        f"file: {home}/aws_credentials: a link to {cloud.file}",
        "dvc: .dvc/config: core: remote = s3",
        f'dvc: .dvc/config: remote "s3": url = {cloud.url}',
        f'dvc: .dvc/config: remote "s3": endpointurl = {cloud.server.endpoint_url}',
        f'dvc: .dvc/config.local: remote "s3": credentialpath = {cloud.file}',
        'dvc: .dvc/config.local: remote "s3": profile = team',
        f"git: commit .dvc/config (Keep the data on {cloud.url})",
    ]


def test_without_a_move_only_the_settings_change(
    repo: ModelRepo, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    do(cloud.request(move=False), repo)
    assert cloud.sizes() == {}
    assert project_of(repo).remote_url == cloud.url
    assert f"cpv: new data goes to {cloud.url}; what there is already was not moved: " in capsys.readouterr().err


def test_from_one_bucket_to_another(repo: ModelRepo, cloud: Cloud, s3_server: Server, tmp_path: Path) -> None:
    do(cloud.request(), repo)
    folder = tmp_path / "other"
    folder.mkdir()
    other = Cloud(s3_server, folder)
    other.file.write_text(Identity(s3_server.access_key, s3_server.secret_key).file("team"))
    do(other.request(), repo)
    assert other.objects() == cloud.objects() != set()
    assert project_of(repo).remote_url == other.url
    assert project_of(repo).remote_name == "s3-2"


def test_read_only_keys(make_repo: MakeRepo, s3_server: Server, tmp_path: Path, repo: ModelRepo) -> None:
    reader = Cloud(s3_server, tmp_path, read_only=True)
    with pytest.raises(CPVError, match="moving data needs write access; fix: dvc cpv aws-config --no-m"):
        plan_aws(reader.request(read_only=True), repo.path)
    clone = make_repo("clone", install=False, remote=reader.url)
    with pytest.raises(CPVError, match=r"access denied \(s3:PutObject\)"):
        do(reader.request(bucket=None), clone)
    plan = plan_aws(reader.request(bucket=None, read_only=True), clone.path)
    assert not any(str(effect).startswith("s3:") for effect in plan.effects)
    plan.run()
    assert reader.sizes() == {}
    open_remote(project_of(clone)).check()


def test_the_layout_by_name_gets_a_remote_that_keeps_versions(make_repo: MakeRepo, cloud: Cloud) -> None:
    cloud.file.write_text(Identity(cloud.server.access_key, cloud.server.secret_key).file("team"))
    repo = make_repo(install=False, files={"model.bin": "one", "data/a": "a"})
    repo.write(".cpv.toml", repo.read(".cpv.toml").decode() + '[remote]\nlayout = "versioned"\n')
    repo.commit("by name", "-a")
    assert f"bucket {cloud.bucket} keeps no versions of its objects" in refused(repo, cloud.request())
    enabled = {"Status": "Enabled"}
    cloud.server.client().put_bucket_versioning(Bucket=cloud.bucket, VersioningConfiguration=enabled)
    do(cloud.request(), repo)
    project = project_of(repo)
    assert project.remote_versioned
    assert open_remote(project).missing(repo.objects()) == set()
    other = cloud.server.make_bucket()
    cloud.server.client().put_bucket_versioning(Bucket=other, VersioningConfiguration=enabled)
    assert refused(repo, cloud.request(bucket=other)) == (
        f"{repo.path}: remote s3 keeps versions, whose ids are its own, so they cannot be moved; "
        "fix: dvc cpv aws-config --no-move"
    )


# Outside a repository


def test_without_a_repository_the_user_alone_is_set_up(
    shell: Shell, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    do(cloud.request(), shell)
    assert (
        capsys.readouterr().err
        == f"cpv: s3://{cloud.bucket} answers; no team is known yet, so writing there was not tried\n"
    )
    assert personal_settings.load_settings().aws.bucket == cloud.bucket
    do(cloud.request(team="vision"), shell)
    assert f"cpv: s3://{cloud.bucket}/vision: writing, reading and removing work" in capsys.readouterr().err
    assert personal_settings.load_settings().team_name == "vision"
    assert cloud.sizes() == {}
    assert sorted(path.name for path in shell.path.iterdir()) == ["keys"]


def test_a_repository_that_cpv_does_not_manage_is_left_alone(shell: Shell, cloud: Cloud) -> None:
    shell.git("init", "-q", "theirs")
    theirs = Shell(shell.path / "theirs")
    do(cloud.request(), theirs)
    assert [path.name for path in theirs.path.iterdir()] == [".git"]


# Secrets


def test_a_secret_in_the_committed_file_moves_to_the_local_one(
    make_repo: MakeRepo, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = make_repo(install=False, remote=cloud.url)
    keys = cloud.identity
    text = repo.read(".dvc/config").decode() + f"    endpointurl = {cloud.server.endpoint_url}\n"
    secret = f"    access_key_id = {keys.access_key}\n    secret_access_key = {keys.secret_key}\n"
    repo.write(".dvc/config", text + secret)
    repo.commit("with secrets", "-a")
    plan = plan_aws(AwsRequest(), repo.path)
    assert keys.secret_key not in "".join(map(str, plan.effects))
    plan.run()
    assert repo.read(".dvc/config").decode() == text
    assert repo.read(".dvc/config.local").decode() == f"['remote \"storage\"']\n{secret}"
    assert (repo.path / ".dvc/config.local").stat().st_mode & 0o777 == 0o600
    open_remote(project_of(repo)).check()
    assert "with the keys of remote storage" in capsys.readouterr().err


def test_a_local_file_that_git_would_take_is_refused(make_repo: MakeRepo, cloud: Cloud) -> None:
    repo = make_repo(install=False)
    repo.write(".dvc/.gitignore", "/cache\n")
    repo.commit("no longer ignored", "-a")
    assert refused(repo, cloud.request()) == (
        ".dvc/config.local: Git does not ignore it, so its secrets would be committed; fix: echo /config.local "
        ">> .dvc/.gitignore && git rm -q --cached --ignore-unmatch .dvc/config.local"
    )


def test_a_file_that_others_can_read_is_warned_of(
    repo: ModelRepo, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.file.chmod(0o644)
    plan_aws(cloud.request(), repo.path)
    assert f"cpv: warning: {cloud.file}: other users of this machine can get at it" in capsys.readouterr().err


# All or nothing


def refused(repo: Shell, request: AwsRequest) -> str:
    """The line of a plan that is refused, which has changed nothing."""
    before = state(repo)
    with pytest.raises(CPVError) as caught:
        plan_aws(request, repo.path)
    assert state(repo) == before
    return str(caught.value)


def test_a_way_that_is_barred_changes_nothing(repo: ModelRepo, cloud: Cloud) -> None:
    denied = limited(cloud.server, policy(cloud.bucket, "vision", read_only=True))
    cloud.file.write_text(denied.file("team"))
    plan = plan_aws(cloud.request(), repo.path)
    before = state(repo)
    with pytest.raises(CPVError, match=r"access denied \(s3:PutObject\)"):
        plan.run()
    assert state(repo) == before
    assert cloud.sizes() == {}


def test_a_commit_that_is_refused_takes_everything_back(make_repo: MakeRepo, cloud: Cloud) -> None:
    repo = make_repo(install=False, files={"model.bin": "one"})
    personal_settings.update({"quiet": True, "aws.region": "eu-west-1"})
    hooks = repo.write(".git/hooks/commit-msg", "#!/bin/sh\necho 'not today' >&2\nexit 1\n")
    hooks.chmod(0o755)
    repo.write(".dvc/config.local", "['remote \"mine\"']\n    url = /mine\n").chmod(0o600)
    before = state(repo)
    plan = plan_aws(cloud.request(), repo.path)
    with pytest.raises(CPVError, match=r"git commit failed: not today \(rolled back: commit, .dvc/config.local"):
        plan.run()
    assert state(repo) == before
    assert (repo.path / ".dvc/config.local").stat().st_mode & 0o777 == 0o600
    hooks.unlink()
    do(cloud.request(), repo)
    assert project_of(repo).remote_url == cloud.url


KILLED = """
import os, signal, sys
from pathlib import Path
from cpv_hooks.recovery import transaction as journal
from cpv_hooks.accounts.aws.aws_setup import plan_aws
from cpv_hooks.accounts.aws.aws_target import AwsRequest
folder, step, path, bucket, endpoint = sys.argv[1:]
plan = plan_aws(AwsRequest(credential_path=path, profile="team", bucket=bucket, endpoint_url=endpoint), Path(folder))
journal.at_step = lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == step else None
plan.run()
"""


@pytest.mark.parametrize("step", [".dvc/config", ".dvc/config.local", "commit", "done"])
def test_after_a_kill_everything_is_undone_and_a_second_run_finishes(
    make_repo: MakeRepo, cloud: Cloud, step: str
) -> None:
    repo = make_repo(install=False, files={"model.bin": "one"})
    head, before = repo.head(), repo.read(".dvc/config")
    command = [sys.executable, "-c", KILLED, str(repo.path), step, str(cloud.file), cloud.bucket]
    killed = subprocess.run([*command, cloud.server.endpoint_url], stdin=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    listed = effects(cloud.request(), repo.path)
    assert not any(line.startswith("s3: put s3://") for line in listed)
    assert repo.read(".dvc/config") == before
    assert not (repo.path / ".dvc/config.local").exists()
    assert repo.head() == head
    do(cloud.request(), repo)
    assert repo.git("rev-parse", "HEAD^").out.strip() == head
    assert repo.changes() == []
    assert repo.git("show", "HEAD:.dvc/config").out == repo.read(".dvc/config").decode()
    (probe,) = effects(cloud.request(), repo.path)
    assert "probe" in probe


# What is refused before anything is done


def detached(repo: ModelRepo) -> None:
    repo.git("checkout", "-q", "--detach")


def dirty(repo: ModelRepo) -> None:
    repo.write(".dvc/config", repo.read(".dvc/config").decode() + "# mine\n")


def merging(repo: ModelRepo) -> None:
    (repo.path / ".git/MERGE_HEAD").write_text(repo.head() + "\n")


def own_default(repo: ModelRepo) -> None:
    repo.write(".dvc/config.local", "[core]\n    remote = mine\n['remote \"mine\"']\n    url = /mine\n")


def unborn(repo: ModelRepo) -> None:
    repo.git("add", "-A")
    repo.git("update-ref", "-d", "HEAD")


REFUSED: list[tuple[Callable[[ModelRepo], None], dict[str, Any], str]] = [
    (detached, {}, "HEAD is detached, so the commit of the new remote would be on no branch; fix: git switch"),
    (dirty, {}, ".dvc/config: has uncommitted changes, which CPV's own commit would take; fix: git commit -m"),
    (merging, {}, "a merge is under way; fix: finish it (git merge --continue) or git merge --abort"),
    (own_default, {}, "this clone has a default remote of its own, 'mine'; fix: dvc remote default --local"),
    (unborn, {}, ".dvc/config: has uncommitted changes"),
    (lambda repo: None, {"team": "speech"}, "this repository has team = 'vision', not 'speech'; fix: edit .cpv"),
    (lambda repo: None, {"model": "bert"}, "this repository has model = 'resnet', not 'bert'; fix: edit .cpv"),
    (lambda repo: None, {"team": "../x"}, "'../x' is not a team name"),
    (lambda repo: None, {"model": ""}, "'' is not a model name"),
    (lambda repo: None, {"bucket": ""}, "--bucket must be a bucket's name"),
    (lambda repo: None, {"bucket": "a/../b"}, "--bucket must be a bucket's name"),
    (lambda repo: None, {"region": "$(id)"}, "--region must be a region's name, such as eu-west-1; fix"),
    (lambda repo: None, {"region": ""}, "--region must be a region's name"),
    (lambda repo: None, {"endpoint_url": "somewhere"}, "--endpoint-url must be an http or https URL without"),
    (lambda repo: None, {"endpoint_url": "https://me:secret@host"}, "--endpoint-url must be an http or https URL"),
    (lambda repo: None, {"credential_path": ""}, "the credential file's path is empty or no path"),
    (lambda repo: None, {"credential_path": "/no/such"}, "/no/such: no such credential file"),
    (lambda repo: None, {"profile": ""}, "the profile's name is empty"),
    (lambda repo: None, {"profile": "nope"}, "has no profile 'nope' (it has team)"),
]  # fmt: skip


@pytest.fixture(scope="module")
def nobodys(s3_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    """A bucket that stays empty."""
    return Cloud(s3_server, tmp_path_factory.mktemp("nobodys"))


@pytest.mark.parametrize(("make", "changes", "said"), REFUSED)
def test_it_is_refused_in_one_line_and_nothing_is_changed(
    make_repo: MakeRepo, nobodys: Cloud, make: Callable[[ModelRepo], None], changes: dict[str, Any], said: str
) -> None:
    repo = make_repo(install=False)
    make(repo)
    line = refused(repo, nobodys.request(**changes))
    assert said in line
    assert "\n" not in line
    assert "secret" not in line
    assert nobodys.sizes() == {}


def test_a_bucket_that_does_not_exist(make_repo: MakeRepo, cloud: Cloud) -> None:
    cloud.file.write_text(Identity(cloud.server.access_key, cloud.server.secret_key).file("team"))
    assert refused(make_repo(install=False), cloud.request(bucket="no-such-bucket-here")) == (
        "s3://no-such-bucket-here/vision/resnet: there is no bucket 'no-such-bucket-here'; fix: "
        "aws s3 mb s3://no-such-bucket-here, or dvc cpv aws-config --bucket BUCKET"
    )


def test_keys_of_the_remote_itself_would_win(make_repo: MakeRepo, cloud: Cloud) -> None:
    repo = make_repo(install=False, remote=cloud.url, server=cloud.server)
    assert refused(repo, cloud.request(bucket=None)) == (
        "remote storage has access_key_id and secret_access_key of its own, which would win over the file; fix: "
        "dvc remote modify --local --unset storage access_key_id, "
        "dvc remote modify --local --unset storage secret_access_key"
    )


def test_no_team(make_repo: MakeRepo, cloud: Cloud) -> None:
    repo = make_repo(install=False, settings="")
    assert refused(repo, cloud.request()) == (
        f"{repo.path}: the team's name is missing; fix: dvc cpv aws-config --team-name NAME"
    )
    do(cloud.request(team="vision", model="resnet"), repo)
    assert project_of(repo).remote_url == cloud.url


def test_no_such_folder(tmp_path: Path, cloud: Cloud) -> None:
    with pytest.raises(CPVError, match=f"{tmp_path}/nowhere: no such folder; fix: mkdir -p"):
        plan_aws(cloud.request(), tmp_path / "nowhere")


def test_what_is_lost_stops_it_unless_forced(
    make_repo: MakeRepo, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = make_repo(install=False, files={"model.bin": "one", "metrics.log": "x"})
    oid = repo.md5("model.bin")
    (repo.path / ".dvc/cache/files/md5" / oid[:2] / oid[2:]).unlink()
    assert "neither the cache nor" in refused(repo, cloud.request())
    do(cloud.request(force=True), repo)
    at = repo.git("rev-parse", "HEAD^").out[:10]
    said = f"cpv: warning: not moved, because no copy was found: model.bin at {at} ({oid})\n"
    assert said in capsys.readouterr().err
    assert cloud.objects() == {repo.md5("metrics.log")}


# The command


@pytest.mark.specification("4.15", "`cpv aws-config`", "`aws-config`")
def test_the_command(repo: ModelRepo, cloud: Cloud) -> None:
    before = state(repo)
    shown = repo.cpv("aws-config", *cloud.arguments, "--dry-run")
    assert f"would git: commit .dvc/config (Keep the data on {cloud.url})" in shown.out
    assert state(repo) == before
    assert f"cpv: the data is on {cloud.url} now" in repo.cpv("aws-config", *cloud.arguments).err
    assert cloud.objects() == object_names(repo.path.parent / "storage/files/md5")
    wrong = repo.cpv("aws-config", "--credential-path", "nowhere", status=1)
    assert wrong.err == (
        f"cpv: {repo.path}/nowhere: no such credential file; fix: dvc cpv aws-config --credential-path FILE\n"
    )


def test_the_command_asks_on_a_terminal(shell: Shell, cloud: Cloud) -> None:
    Path(cloud.file).write_text(cloud.identity.file())
    command = [BIN / "dvc", "cpv", "aws-config", "--bucket", cloud.bucket, "--endpoint-url", cloud.server.endpoint_url]
    status, shown = converse([*command, "--team-name", "vision"], shell.path, [("AWS credential file: ", "keys")])
    assert status == 0, shown
    assert f"writing, reading and removing work, with profile default of {cloud.file}" in shown
