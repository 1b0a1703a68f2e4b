"""What is remembered of DVC's configuration: the same as DVC says, without its secrets."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from support.repos import ModelRepo

_ASK = """
import json, sys
from pathlib import Path
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
project = Project.open(Repo.discover(Path.cwd()), Path.cwd())
print(json.dumps([dict(project.remote_options), "dvc.config" in sys.modules]))
"""


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    made = make_repo(install=False)
    made.dvc("remote", "add", "-d", "-f", "storage", "s3://bucket/team/model")
    made.dvc("remote", "modify", "storage", "region", "eu-central-1")
    made.dvc("remote", "modify", "storage", "ssl_verify", "false")
    made.dvc("remote", "modify", "--local", "storage", "secret_access_key", "a#secret, 'quoted'")
    made.dvc("remote", "modify", "--local", "storage", "access_key_id", "AKIA1234")
    return made


def asked(repo: ModelRepo) -> tuple[dict[str, str], bool]:
    """The options of the default remote in a process of its own, and whether DVC was imported for them."""
    options, is_imported = json.loads(repo.run(sys.executable, "-c", _ASK).out)
    return {key: value.lower() if value in ("True", "False") else value for key, value in options.items()}, is_imported


def said_by_dvc(repo: ModelRepo) -> dict[str, str]:
    from dvc.config import Config

    options = Config(dvc_dir=str(repo.path / ".dvc"))["remote"]["storage"]
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in options.items()}


def test_the_options_are_read_without_dvc(repo: ModelRepo) -> None:
    expected = said_by_dvc(repo)
    assert expected["secret_access_key"] == "a#secret, 'quoted'"
    assert asked(repo) == (expected, True)
    assert asked(repo) == (expected, False)
    state = (repo.path / ".git/cpv/projects.json").read_text()
    assert "secret_access_key" in state
    assert "quoted" not in state
    assert "AKIA1234" not in state


def test_the_settings_are_read_without_a_parser(repo: ModelRepo) -> None:
    text = ";".join(
        [
            "import sys; from pathlib import Path; from cpv_hooks.git.repo import Repo",
            "from cpv_hooks.project.project import Project",
            "config = Project.open(Repo.discover(Path.cwd()), Path.cwd()).config",
            "print(config.push_when, 'tomllib' in sys.modules)",
        ]
    )
    said = []
    for when in ("push", "push", "never", "never"):
        repo.write(".cpv.toml", f'[push]\nwhen = "{when}"\n')
        said.append(repo.run(sys.executable, "-c", text).out.strip())
    assert said == ["push True", "push False", "never True", "never False"]


def test_the_strongest_file_counts(repo: ModelRepo) -> None:
    asked(repo)
    repo.dvc("remote", "modify", "--local", "storage", "region", "us-west-2")
    for imported in (True, False):
        assert asked(repo) == (said_by_dvc(repo), imported)
    repo.dvc("remote", "add", "--global", "storage", "s3://elsewhere")
    repo.dvc("remote", "modify", "--global", "storage", "profile", "team")
    for imported in (True, False):
        options, was = asked(repo)
        assert (options["profile"], was) == ("team", imported)
    repo.dvc("remote", "modify", "--local", "--unset", "storage", "region")
    assert asked(repo)[0]["region"] == "eu-central-1"
    repo.dvc("remote", "modify", "--local", "storage", "secret_access_key", "another")
    assert asked(repo)[0]["secret_access_key"] == "another"


def test_what_dvc_understands_otherwise_is_asked_of_it(repo: ModelRepo) -> None:
    config = repo.path / ".dvc/config"
    config.write_text(config.read_text().replace("region =", "REGION ="))
    for _ in range(2):
        assert asked(repo)[0] == said_by_dvc(repo)
    repo.dvc("config", "--local", "--unset", "remote.storage.secret_access_key")
    repo.dvc("config", "--local", "--unset", "remote.storage.access_key_id")
    repo.dvc("remote", "add", "-d", "-f", "storage", "../relative")
    for _ in range(2):
        options = Project.open(Repo.discover(repo.path), repo.path).remote_options
        assert os.path.normpath(repo.path / ".dvc" / options["url"]) == os.path.normpath(repo.path / ".." / "relative")


def test_no_default_remote(repo: ModelRepo, tmp_path: Path) -> None:
    repo.dvc("config", "--unset", "core.remote")
    for _ in range(2):
        assert dict(Project.open(Repo.discover(repo.path), repo.path).remote_options) == {}


@pytest.mark.parametrize("line", ["region = %(nothing)s", "read_timeout = soon", "jobs = 0"])
def test_settings_that_dvc_cannot_read_are_one_line(make_repo: MakeRepo, line: str) -> None:
    repo = make_repo()
    repo.write(".dvc/config.local", f"['remote \"storage\"']\n    url = s3://bucket/team\n    {line}\n")
    done = repo.git("commit", "-q", "--allow-empty", "-m", "x", status=None)
    assert "DVC's configuration: " in done.err
    assert "fix: edit .dvc/config.local or .dvc/config" in done.err
    assert "bug" not in done.err
