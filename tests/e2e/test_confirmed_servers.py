"""A server that only the clone names gets the user's credentials after one question, remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks import state_files
from cpv_hooks.accounts.personal.trusted import unconfirmed_servers
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.transfer.objects.open import open_remote
from support.canned import Answer, Canned
from support.repos import ModelRepo
from support.seaweed import Server
from support.shell import Shell

ASKED = "may your credentials be used there"


@pytest.fixture(autouse=True)
def _unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is confirmed, and there are static keys that a client finds by itself."""
    monkeypatch.delenv("CPV_TRUST")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDHARMLESS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "harmless-secret")


@pytest.fixture
def origin(make_repo: MakeRepo, tmp_path: Path) -> ModelRepo:
    """A repository whose data is on this machine; its clones need the remote."""
    return make_repo("origin", install=False, files={"model.bin": "one"})


def clone_naming(origin: ModelRepo, config: str, *, install: bool = False) -> Shell:
    """A clone of a repository that says where its data is, in a file that Git tracks."""
    origin.write(".dvc/config", config)
    origin.git("commit", "-q", "-m", "storage", "--no-verify", "--", ".dvc/config")
    origin.git("clone", "-q", ".", "../clone")
    clone = Shell(origin.path.parent / "clone")
    if install:
        clone.cpv("install", status=None)
    return clone


def s3_config(endpoint: str, bucket: str = "bucket", more: str = "") -> str:
    remote = f"url = s3://{bucket}/vision\n    endpointurl = {endpoint}\n    region = us-east-1\n{more}"
    return f"[core]\n    remote = storage\n['remote \"storage\"']\n    {remote}"


def nothing(method: str, path: str) -> Answer:
    return Answer(404)


def test_install_and_checkout_ask_no_server_that_only_the_clone_names(origin: ModelRepo) -> None:
    with Canned(nothing) as canned:
        clone = clone_naming(origin, s3_config(canned.url), install=True)
        done = clone.git("checkout", "-q", "-B", "main", status=None)
        synced = clone.cpv("sync", status=1)
        clone.cpv("doctor", status=None)
        clone.cpv("validate", status=None)
        clone.cpv("verify", status=None)
        assert canned.seen == []
        assert ASKED in synced.err
        assert f"dvc cpv config trust {canned.url}" in synced.err
        assert synced.err.count(ASKED) == 1
        assert "Traceback" not in done.text


def test_what_was_confirmed_is_remembered_for_this_repository_and_server(
    origin: ModelRepo, s3_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3_server.make_bucket()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    clone = clone_naming(origin, s3_config(s3_server.endpoint_url, bucket), install=True)
    clone.write("model.bin", "two")
    done = clone.git("commit", "-q", "-m", "two")
    assert ASKED in done.err
    assert s3_server.keys(bucket) == {}
    assert clone.git("push", "-q", "origin", "HEAD:other", status=1).err.count(ASKED) == 1
    said = clone.cpv("config", "trust")
    assert f"{s3_server.endpoint_url} gets your credentials for {clone.path}" in said.err
    clone.cpv("sync", status=None)  # the first version's data is nowhere
    assert f"vision/files/md5/{clone.md5('model.bin')[:2]}/{clone.md5('model.bin')[2:]}" in s3_server.keys(bucket)
    assert clone.cpv("config", "trust").out.strip() == s3_server.endpoint_url
    clone.cpv("config", "untrust", s3_server.endpoint_url)
    assert ASKED in clone.cpv("doctor", status=None).text
    again = clone.cpv("config", "untrust", s3_server.endpoint_url, status=1)
    assert "is not confirmed (confirmed: none)" in again.err


@pytest.mark.parametrize("answer", ["{url}", "https://other.example, {url}/", "all"])
def test_an_environment_answers_for_ci(origin: ModelRepo, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    with Canned(nothing) as canned:
        clone = clone_naming(origin, s3_config(canned.url))
        monkeypatch.setenv("CPV_TRUST", answer.format(url=canned.url))
        assert ASKED not in clone.cpv("sync", status=1).err
        assert canned.seen


def test_another_answer_does_not_count(origin: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    with Canned(nothing) as canned:
        clone = clone_naming(origin, s3_config(canned.url))
        clone.cpv("config", "trust", canned.url.replace("http:", "https:"))
        monkeypatch.setenv("CPV_TRUST", f"{canned.url}1")
        origin.git("clone", "-q", ".", "../second")
        second = Shell(origin.path.parent / "second")
        second.cpv("config", "trust", canned.url)
        assert ASKED in clone.cpv("sync", status=1).err
        assert canned.seen == []


@pytest.mark.parametrize("place", ["environment", "aws", "cpv", "global", "local"])
def test_the_users_own_server_needs_no_question(origin: ModelRepo, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    home = Path.home()
    with Canned(nothing) as canned:
        if place == "environment":
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", canned.url)
        elif place == "aws":
            (home / ".aws").mkdir()
            (home / ".aws/config").write_text(f"[services here]\ns3 =\n  endpoint_url = {canned.url}\n")
        elif place == "cpv":
            origin.cpv("config", "set", "aws.endpoint_url", canned.url)
        elif place == "global":
            origin.dvc("remote", "add", "--global", "mine", "s3://mine")
            origin.dvc("remote", "modify", "--global", "mine", "endpointurl", f"{canned.url}/")
        clone = clone_naming(origin, s3_config(canned.url))
        if place == "local":
            clone.write(".dvc/config.local", f"['remote \"storage\"']\n    endpointurl = {canned.url}\n")
        assert ASKED not in clone.cpv("sync", status=1).err
        assert canned.seen


@pytest.mark.parametrize("way", ["tracked", "through a link", "of a repository inside", "a link", "behind a link"])
def test_a_local_file_that_came_with_the_clone_is_not_the_users(origin: ModelRepo, way: str) -> None:
    with Canned(nothing) as canned:
        clone = clone_naming(origin, s3_config("https://s3.eu-west-1.amazonaws.com"))
        text = f"['remote \"storage\"']\n    endpointurl = {canned.url}\n"
        if way == "tracked":
            clone.write(".dvc/config.local", text)
            clone.git("add", "-f", ".dvc/config.local")
        elif way == "through a link":
            clone.run("mv", ".dvc", "settings")
            (clone.path / ".dvc").symlink_to("settings")
            clone.write("settings/config.local", text)
            clone.git("add", "-f", "settings/config.local", ".dvc")
        elif way == "a link":
            clone.write("../beside/config", text)  # of another clone
            (clone.path / ".dvc/config.local").symlink_to("../../beside/config")
            clone.git("add", "-f", ".dvc/config.local")
        elif way == "behind a link":
            clone.run("mv", ".dvc", "../beside")
            (clone.path / ".dvc").symlink_to("../beside")
            clone.write("../beside/config.local", text)
            clone.git("add", "-f", ".dvc")
        else:
            clone.git("init", "-q", ".dvc")
            clone.write(".dvc/config.local", text)
        assert ASKED in clone.cpv("sync", status=1).err
        assert canned.seen == []


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ("endpointurl = https://s3.eu-west-1.amazonaws.com", False),
        ("endpointurl = https://s3.amazonaws.com/", False),
        ("region = eu-west-1", False),
        ("endpointurl = http://s3.eu-west-1.amazonaws.com", True),
        ("use_ssl = false", True),
        ("endpointurl = https://ec2-1-2-3-4.eu-west-1.compute.amazonaws.com", True),
        ("endpointurl = https://s3.amazonaws.com.example.org", True),
        ("endpointurl = https://s3.amazonaws.com@example.org", True),
        ("EndpointURL = https://minio.example.org", True),
    ],
)
def test_what_is_asked_about(origin: ModelRepo, more: str, asked: bool) -> None:
    remote = "[core]\n    remote = storage\n['Remote  \"storage\"']\n    url = s3://bucket/vision\n"
    clone = clone_naming(origin, f"{remote}    {more}\n")
    repo = Repo.discover(clone.path)
    found = unconfirmed_servers(Project.open(repo, repo.top))
    assert bool(found) is asked


MINIO = "https://minio.example.org"


@pytest.mark.parametrize(
    ("own", "behind", "asked"),
    [
        ("", "url = /srv/storage", []),
        ("", "url = ssh://host.example.org/srv", ["ssh://host.example.org"]),
        ("", "url = s3://bucket/vision", []),
        ("", f"url = s3://bucket/vision\n    endpointurl = {MINIO}", [MINIO]),
        (f"endpointurl = {MINIO}", "url = s3://bucket/vision", [MINIO]),
    ],
)
def test_what_is_asked_about_is_what_a_remote_leads_to(
    origin: ModelRepo, own: str, behind: str, asked: list[str]
) -> None:
    """`remote://b/x` is a folder of remote b, which says where that is; what this one says counts too."""
    config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = remote://b/x\n    {own}\n"
    clone = clone_naming(origin, f"{config}['remote \"b\"']\n    {behind}\n")
    repo = Repo.discover(clone.path)
    project = Project.open(repo, repo.top)
    assert unconfirmed_servers(project) == asked
    if asked:
        with pytest.raises(CPVError, match=f"its data is at {asked[0]}; {ASKED}"):
            open_remote(project)


def test_a_folder_behind_another_remote_is_used_without_a_question(origin: ModelRepo, tmp_path: Path) -> None:
    config = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = remote://b/x\n"
    clone = clone_naming(origin, f"{config}['remote \"b\"']\n    url = {tmp_path / 'store'}\n", install=True)
    clone.write("model.bin", "two")
    clone.git("commit", "-qam", "two")
    assert clone.cpv("sync").err == ""
    assert list((tmp_path / "store/x").rglob("*"))


@pytest.mark.parametrize("url", ["http://{host}/store", "webdav://{host}/store"])
def test_a_remote_of_another_kind_is_asked_about_too(origin: ModelRepo, url: str) -> None:
    with Canned(nothing) as canned:
        address = url.format(host=canned.url.partition("//")[2])
        remote = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {address}\n"
        clone = clone_naming(origin, remote)
        assert ASKED in clone.cpv("sync", status=1).err
        assert canned.seen == []


BASE = "['remote \"base\"']\n    url = s3://bucket\n    endpointurl = {url}\n"
REFERENCE = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = remote://Base/vision\n"


def test_a_remote_that_refers_to_another_one_is_asked_about_by_its_server(origin: ModelRepo) -> None:
    with Canned(nothing) as first, Canned(nothing) as second:
        clone = clone_naming(origin, REFERENCE + BASE.format(url=first.url))
        said = clone.cpv("sync", status=1).err
        assert f"its data is at {first.url}; may your credentials be used there, in plain text" in said
        clone.cpv("config", "trust")
        assert ASKED not in clone.cpv("sync", status=1).err
        assert any("/bucket" in path for _, path in first.seen)
        clone.write(".dvc/config", REFERENCE + BASE.format(url=second.url))
        assert f"its data is at {second.url}; {ASKED}" in clone.cpv("sync", status=1).err
        # A reference of the user's own makes nothing else the user's.
        clone.write(".dvc/config", BASE.format(url=second.url))
        clone.write(".dvc/config.local", REFERENCE)
        assert f"its data is at {second.url}; {ASKED}" in clone.cpv("sync", status=1).err
        assert second.seen == []


@pytest.mark.parametrize("key", ["configpath", "credentialpath"])
def test_files_that_a_remote_names_for_another_one_are_judged(origin: ModelRepo, key: str) -> None:
    clone = clone_naming(origin, f"{REFERENCE}{BASE.format(url='https://s3.amazonaws.com')}    {key} = aws.ini\n")
    clone.write("aws.ini", "[default]\ncredential_process = true\n")
    assert f"{key} of remote storage lies in the repository" in clone.cpv("sync", status=1).err


def test_a_remote_that_an_output_names_is_confirmed_too(origin: ModelRepo) -> None:
    other = "['remote \"private\"']\n    url = s3://bucket/private\n    endpointurl = https://minio.example.org\n"
    clone = clone_naming(origin, s3_config("https://s3.amazonaws.com") + "\n" + other)
    assert "https://minio.example.org gets your credentials" in clone.cpv("config", "trust").err
    assert "https://minio.example.org" in clone.cpv("config", "trust").out


def test_plain_http_is_said_however_it_is_written(origin: ModelRepo) -> None:
    clone = clone_naming(origin, s3_config("HTTP://Minio.Example.org"))
    assert f"at http://minio.example.org; {ASKED}, in plain text" in clone.cpv("sync", status=1).err


def test_plain_http_is_said(origin: ModelRepo) -> None:
    clone = clone_naming(origin, s3_config("http://minio.example.org", more="    sse_customer_key = aGFybWxlc3M=\n"))
    assert "in plain text: session tokens and encryption keys could be read" in clone.cpv("sync", status=1).err


def test_a_wire_that_is_remembered_does_not_answer_for_another_clone(
    origin: ModelRepo, s3_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3_server.make_bucket()
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    clone = clone_naming(origin, s3_config(s3_server.endpoint_url, bucket), install=True)
    clone.write("model.bin", "two")
    clone.git("commit", "-q", "-m", "two")
    before = s3_server.keys(bucket)
    assert before
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    clone.write("model.bin", "three")
    assert ASKED in clone.git("commit", "-q", "-m", "three").err
    assert s3_server.keys(bucket) == before


def test_init_and_aws_config_are_an_answer(
    make_repo: MakeRepo, s3_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3_server.make_bucket()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    repo = make_repo(remote=f"s3://{bucket}/vision", server=s3_server, install=False)
    said = repo.cpv("init", ".").err
    assert f"{s3_server.endpoint_url} gets your credentials for this repository" in said
    repo.write("model.bin", "one")
    assert ASKED not in repo.git("commit", "-q", "-m", "one").err
    assert s3_server.keys(bucket)
    repo.cpv("config", "untrust")
    assert ASKED in repo.cpv("doctor", status=1).text
    repo.cpv("aws-config", "--no-move")
    answers = json.loads((Path.home() / ".cpv/trusted.json").read_text())
    assert answers["repositories"] == {str(repo.path / ".git"): [s3_server.endpoint_url]}
    repo.cpv("doctor")


@pytest.mark.parametrize("state", ["link", "open to others"])
def test_an_answer_that_somebody_else_could_have_written_does_not_count(
    origin: ModelRepo, tmp_path: Path, state: str
) -> None:
    with Canned(nothing) as canned:
        clone = clone_naming(origin, s3_config(canned.url))
        clone.cpv("config", "trust")
        answers = Path.home() / ".cpv/trusted.json"
        if state == "link":
            answers.rename(tmp_path / "answers")
            answers.symlink_to(tmp_path / "answers")
        else:
            answers.chmod(0o666)
        said = clone.cpv("sync", status=1).err
        assert f"{answers}: " in said
        assert f"rm {answers}" in said
        assert canned.seen == []


def test_what_is_no_address_is_refused(origin: ModelRepo) -> None:
    said = origin.cpv("config", "trust", "minio.example.org", status=1).err
    assert "'minio.example.org' is not the address of a server" in said
    assert "dvc cpv config trust https://HOST[:PORT]" in said


def project_in(folder: Path) -> Project:
    return Project.find_all(Repo.discover(folder))[0]


def test_what_a_clone_says_does_not_become_the_users_own(
    origin: ModelRepo, s3_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`aws-config` confirms the server for the clone in which it was run, and for no other."""
    bucket = s3_server.make_bucket()
    keys = tmp_path / "keys"
    lines = [f"aws_access_key_id = {s3_server.access_key}", f"aws_secret_access_key = {s3_server.secret_key}"]
    keys.write_text("\n".join(["[team]", *lines]) + "\n")
    keys.chmod(0o600)
    clone = clone_naming(origin, s3_config(s3_server.endpoint_url, bucket))
    origin.git("clone", "-q", ".", "../other")
    done = clone.cpv("aws-config", "--credential-path", keys, "--profile", "team")
    assert "writing, reading and removing work" in done.err
    own = json.loads((state_files.cpv_home() / state_files.CONFIG).read_bytes())["aws"]
    assert own == {"credential_path": str(keys), "profile": "team"}
    assert unconfirmed_servers(project_in(clone.path)) == []
    assert unconfirmed_servers(project_in(origin.path.parent / "other")) == [s3_server.endpoint_url]
    # What the user gives is the user's own.
    clone.cpv("aws-config", "--credential-path", keys, "--profile", "team", "--endpoint-url", s3_server.endpoint_url)
    assert unconfirmed_servers(project_in(origin.path.parent / "other")) == []
