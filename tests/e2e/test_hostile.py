"""A hostile clone: what it contains is data, and makes nothing run."""

from __future__ import annotations

import pytest
from conftest import MakeRepo

from support import inside
from support.seaweed import Server


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
    repo.cpv("install")
    for command in (["sync"], ["doctor"], ["validate"], ["model", "info"], ["model", "download"]):
        assert "Traceback" not in inside.cpv(repo.path, *command).text
    repo.git("checkout", "-q", "-b", "other")
    repo.write("model.bin", "two")
    done = repo.git("commit", "-q", "-m", "two", status=None)
    assert f"{key} of remote storage lies in the repository, and could make AWS run a program" in done.err
    assert not owned.exists()
