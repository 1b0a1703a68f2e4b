"""A hostile clone: what it contains is data, and makes nothing run."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from conftest import MakeRepo

from support import inside
from support.seaweed import Server
from support.shell import Shell

pytestmark = pytest.mark.real_hooks


@pytest.mark.parametrize(
    ("key", "place"), [("configpath", "aws.ini"), ("credentialpath", ".dvc/aws.ini"), ("configpath", "{repo}/aws.ini")]
)
def test_aws_settings_that_a_clone_brings_run_no_program(
    make_repo: MakeRepo, s3_server: Server, key: str, place: str
) -> None:
    bucket = s3_server.make_bucket()
    repo = make_repo(remote=f"s3://{bucket}/vision", server=s3_server, install=False, files={"model.bin": "one"})
    owned = repo.path.parent / "owned"
    program = repo.write("program", f"#!/bin/sh\ntouch {owned}\necho '{{}}'\n")
    program.chmod(0o755)
    place = place.replace("{repo}", str(repo.path))
    section = "profile evil" if key == "configpath" else "evil"
    file = repo.path / place
    file.write_text(f"[{section}]\ncredential_process = {program}\n")
    (repo.path / ".dvc/config.local").unlink()
    config = repo.path / ".dvc/config"
    config.write_text(config.read_text() + f"    {key} = {place}\n    profile = evil\n")
    repo.git("add", "-A")
    repo.commit("hostile")
    repo.cpv("install", status=None)  # 1: what was committed could not be compared with the remote
    for command in (["sync"], ["doctor"], ["validate"], ["model", "info"], ["model", "download"]):
        assert "Traceback" not in inside.cpv(repo.path, *command).text
    repo.git("checkout", "-q", "-b", "other")
    repo.write("model.bin", "two")
    done = repo.git("commit", "-q", "-m", "two", status=None)
    assert f"{key} of remote storage lies in the repository, and could make AWS run a program" in done.err
    assert not owned.exists()


@pytest.mark.parametrize(
    ("key", "place"),
    [
        # DVC leaves variables alone, botocore does not.
        ("configpath", "/$CLONE/aws.ini"),
        ("credentialpath", "/${CLONE}/aws.ini"),
        ("configpath", "/$TWICE/aws.ini"),
        ("configpath", "../$NOWHERE/aws.ini"),
        ("configpath", "/proc/self/cwd/aws.ini"),
        ("credentialpath", "~/link/aws.ini"),
        ("configpath", "~/.aws/../link/aws.ini"),
        ("configpath", "../../beside/aws.ini"),
        ("configpath", "{folder}/aws.ini"),
    ],
)
def test_a_path_of_a_clone_is_judged_as_it_is_opened(
    make_repo: MakeRepo,
    s3_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    key: str,
    place: str,
) -> None:
    repo = make_repo(remote=f"s3://{s3_server.make_bucket()}/vision", server=s3_server, install=False)
    monkeypatch.setenv("CLONE", str(repo.path))
    monkeypatch.setenv("TWICE", "$CLONE")
    monkeypatch.setenv("NOWHERE", "")
    (Path.home() / "link").symlink_to(repo.path)
    owned = repo.path.parent / "owned"
    program = repo.write("program", f"#!/bin/sh\ntouch {owned}\necho '{{}}'\n")
    program.chmod(0o755)
    with tempfile.TemporaryDirectory() as folder:
        place = place.replace("{folder}", folder)
        section = "profile evil" if key == "configpath" else "evil"
        text = f"[{section}]\ncredential_process = {program}\n"
        repo.write("aws.ini", text)
        Shell(tmp_path).git("init", "-q", "beside")  # another clone
        Shell(tmp_path).write("beside/aws.ini", text)
        others = Path(folder, "aws.ini")
        others.write_text(text)
        os.chown(others, 12345, 12345)
        (repo.path / ".dvc/config.local").unlink()
        config = repo.path / ".dvc/config"
        config.write_text(config.read_text() + f"    {key} = {place}\n    profile = evil\n")
        said = inside.cpv(repo.path, "doctor").text
        assert f"{key} of remote storage" in said
        assert "could make AWS run a program" in said
    assert not owned.exists()


def test_aws_settings_of_the_users_own_are_used(make_repo: MakeRepo, s3_server: Server) -> None:
    repo = make_repo(remote=f"s3://{s3_server.make_bucket()}/vision", server=s3_server, install=False)
    (repo.path / ".dvc/config.local").unlink()
    keys = Path.home() / ".aws/keys"
    keys.parent.mkdir()
    keys.write_text(f"[team]\naws_access_key_id={s3_server.access_key}\naws_secret_access_key={s3_server.secret_key}\n")
    config = repo.path / ".dvc/config"
    config.write_text(config.read_text() + "    credentialpath = ~/.aws/keys\n    profile = team\n")
    assert inside.cpv(repo.path, "doctor").text.count("answers") == 1


@pytest.mark.parametrize("value", ["false", "ca.pem", "{repo}/ca.pem", "~/link/ca.pem"])
def test_a_clone_does_not_say_which_certificates_are_believed(
    make_repo: MakeRepo, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo(remote="s3://bucket/vision", install=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDHARMLESS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "harmless-secret")
    repo.write("ca.pem", "no certificate\n")
    value = value.replace("{repo}", str(repo.path))
    config = repo.path / ".dvc/config"
    config.write_text(config.read_text() + f"    ssl_verify = {value}\n    endpointurl = https://localhost:1\n")
    said = inside.cpv(repo.path, "doctor").text
    assert "ssl_verify of remote storage comes with the repository" in said
    assert "dvc remote modify --local storage ssl_verify " in said
    repo.dvc("remote", "modify", "--local", "storage", "ssl_verify", "false")
    assert "ssl_verify" not in inside.cpv(repo.path, "doctor").text


def test_a_link_out_of_the_repository_is_no_object_of_a_cache_that_is_everywhere(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo = make_repo(install=False, files={"model.bin": "one"})
    secret = tmp_path / "secret"
    secret.write_text("private\n")
    config = repo.path / ".dvc/config"
    config.write_text(config.read_text() + f"[cache]\n    dir = {tmp_path}\n    type = symlink\n")
    (repo.path / "model.bin").unlink()
    (repo.path / "model.bin").symlink_to(secret)
    said = inside.cpv(repo.path, "sync").text
    assert f"a symbolic link out of the repository, to {secret}" in said
    assert not list(tmp_path.glob("storage/**/" + repo.md5("model.bin")[2:]))


@pytest.mark.parametrize("link", [".dvc/tmp", ".dvc/tmp/cpv"])
def test_nothing_is_written_where_a_link_of_the_clone_leads(make_repo: MakeRepo, tmp_path: Path, link: str) -> None:
    repo = make_repo(files={"model.bin": "one\n", "data/a.csv": "a 1\n"})
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / ".old.cpv-tmp").write_text("not yours\n")
    os.utime(outside / ".old.cpv-tmp", (1, 1))
    shutil.rmtree(repo.path / ".dvc/tmp", ignore_errors=True)
    (repo.path / link).parent.mkdir(exist_ok=True)
    (repo.path / link).symlink_to(outside)
    repo.git("add", "-f", link)
    repo.git("commit", "-qm", "a link")
    for number in (2, 3):
        repo.write("model.bin", f"{number}\n")
        repo.write("data/a.csv", f"a {number}\n")
        assert repo.git("status", "--porcelain").lines == [" M data.dvc", " M model.bin.dvc"]
        repo.git("commit", "-qm", "next")
    repo.git("checkout", "-q", "HEAD~2")
    repo.git("checkout", "-q", "main")
    pruned = repo.cpv("prune", "--yes", "--force", status=None)
    assert [path.name for path in outside.iterdir()] == [".old.cpv-tmp"]
    if link == ".dvc/tmp":
        assert pruned.err == (
            f"cpv: {repo.path}/.dvc/tmp: a symbolic link that came with the repository; "
            f"fix: git rm --cached .dvc/tmp && rm {repo.path}/.dvc/tmp\n"
        )
