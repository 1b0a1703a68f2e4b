"""The scripts for CI, in shallow checkouts of a Git server that lets nobody push."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cpv_hooks.accounts.git_host.pull_request_comment import MARK
from support import two_versions
from support.comments import Comments
from support.shell import Result, Shell

ROOT = Path(__file__).parents[2]
CI = ROOT / "hook-templates/ci"
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Shell]:
    """A detached HEAD with one commit, whose data is on the remote; `base` is the commit before."""
    repo = two_versions.copy(tmp_path)
    repo.git("branch", "base", "v0.0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--export-all", "--listen=127.0.0.1", f"--port={port}", f"--base-path={tmp_path}", "--reuseaddr"]
    server = subprocess.Popen(["git", "daemon", *options], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        made = Shell(tmp_path / "checkout")
        Shell(tmp_path).git("clone", "-q", "--depth=1", f"git://127.0.0.1:{port}/repo", made.path)
        made.git("checkout", "-q", "--detach")
        yield made
    finally:
        server.terminate()
        server.wait()


def base_of(checkout: Shell) -> str:
    return checkout.git("ls-remote", "origin", "refs/heads/base").out.split()[0]


def on_github(checkout: Shell, comments: Comments, *, status: int = 0, fetch: str = "none") -> Result:
    """The last step of action.yml, after CPV is installed."""
    script = ACTION["runs"]["steps"][-1]["run"].splitlines()
    assert script[0] == 'python3 -m pip install -q "$GITHUB_ACTION_PATH"'
    inputs = {"fetch": fetch, "base": base_of(checkout), "token": "ghs_secret"}
    env = {
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_API_URL": comments.url,
        "GITHUB_REPOSITORY": "team/model",
        "GITHUB_STEP_SUMMARY": str(checkout.path.parent / "summary.md"),
        "CPV_FETCH": inputs["fetch"],
        "CPV_BASE": inputs["base"],
        "CPV_PULL_REQUEST": "7",
        "GITHUB_TOKEN": inputs["token"],
    }
    given = ACTION["runs"]["steps"][-1]["env"]
    assert set(given) <= set(env), "what the action hands over"
    return checkout.run("bash", "-c", "\n".join(script[1:]), env=env, status=status)


def on_bitbucket(checkout: Shell, comments: Comments, *, status: int = 0) -> Result:
    env = {
        "BITBUCKET_API_URL": f"{comments.url}/2.0",
        "BITBUCKET_REPO_FULL_NAME": "team/model",
        "BITBUCKET_PR_ID": "7",
        "BITBUCKET_PR_DESTINATION_BRANCH": "base",
        "BITBUCKET_TOKEN": "bb_secret",
    }
    return checkout.run("bash", CI / "bitbucket-pipe.sh", env=env, status=status)


@pytest.mark.compatibility("CI", "GitHub action: shallow checkout, detached HEAD")
def test_a_pull_request_on_github_gets_one_comment(checkout: Shell) -> None:
    with Comments.serving() as comments:
        done = on_github(checkout, comments)
        on_github(checkout, comments)
    assert sorted(comments.bodies) == [1, 2]
    text = comments.bodies[2]["body"]
    assert text.startswith(MARK)
    assert "model.bin" in text
    assert text.partition("\n\n")[2] in (checkout.path.parent / "summary.md").read_text()
    assert "ghs_secret" not in done.out + done.err
    assert [(method, path) for method, path, _ in comments.seen] == [
        ("GET", "/repos/team/model/issues/7/comments?per_page=100"),
        ("POST", "/repos/team/model/issues/7/comments"),
        ("GET", "/repos/team/model/issues/7/comments?per_page=100"),
        ("PATCH", "/repos/team/model/issues/comments/2"),
    ]
    assert {authorization for _, _, authorization in comments.seen} == {"Bearer ghs_secret"}
    assert not (checkout.path / "model.bin").exists(), "nothing is fetched unless it is asked for"
    assert checkout.git("status", "--porcelain").out == ""


def test_what_is_asked_for_is_fetched(checkout: Shell) -> None:
    with Comments.serving() as comments:
        on_github(checkout, comments, fetch="model")
    assert checkout.read("model.bin") == two_versions.SECOND["model.bin"]
    assert not (checkout.path / "data").exists()


@pytest.mark.compatibility("CI", "Bitbucket pipe: shallow checkout")
def test_a_pull_request_on_bitbucket_gets_one_comment(checkout: Shell) -> None:
    with Comments.serving() as comments:
        on_bitbucket(checkout, comments)
        on_bitbucket(checkout, comments)
    assert "model.bin" in comments.bodies[2]["content"]["raw"]
    assert [method for method, _, _ in comments.seen] == ["GET", "POST", "GET", "PUT"]
    assert comments.seen[-1][1] == "/2.0/repositories/team/model/pullrequests/7/comments/2"


@pytest.mark.compatibility("CI", "read-only tokens")
@pytest.mark.parametrize("status", [401, 403, 500, 302])
def test_a_comment_that_the_host_does_not_take_fails_nothing(checkout: Shell, status: int) -> None:
    with Comments.serving(status=status) as comments:
        done = on_github(checkout, comments)
    assert "model.bin" in done.out
    assert f"HTTP status {status}" in done.err
    assert "Traceback" not in done.err


def test_data_that_is_not_on_the_remote_fails_the_step_and_is_said(checkout: Shell) -> None:
    (checkout.path.parent / two_versions.STORAGE).rename(checkout.path.parent / "elsewhere")
    with Comments.serving() as comments:
        on_github(checkout, comments, status=1)
    assert "is not all on the remote" in comments.bodies[2]["body"]


def test_the_key_of_the_cache_is_that_of_the_data(checkout: Shell) -> None:
    outputs = checkout.path.parent / "outputs"
    script = ACTION["runs"]["steps"][0]["run"]

    def key() -> str:
        outputs.unlink(missing_ok=True)
        checkout.run("bash", "-c", script, env={"GITHUB_ACTION_PATH": str(ROOT), "GITHUB_OUTPUT": str(outputs)})
        return outputs.read_text()

    first = key()
    assert first.startswith("cache-key=cpv-")
    checkout.write("train.py", "code")
    checkout.git("add", "train.py")
    checkout.git("commit", "-qm", "code")
    assert key() == first
    checkout.git("fetch", "-q", "origin", "base")
    checkout.git("checkout", "-q", "FETCH_HEAD")
    assert key() != first
