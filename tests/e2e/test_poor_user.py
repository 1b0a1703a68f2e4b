"""A user who has little: no home and no entry in the passwd file, or an interpreter that may not be run."""

from __future__ import annotations

import os

import pytest

from e2e.conftest import Tell

pytestmark = pytest.mark.real_hooks

WHO = {f"GIT_{role}_{what}": "x@y" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
HOMELESS = 'mount --bind /dev/null /etc/passwd && exec env -u HOME -u CPV_HOME git "$@"'


@pytest.mark.compatibility("Platforms", "no home folder")
def test_without_a_home_hooks_work(tell: Tell) -> None:
    story = tell("live")
    story.git("init", "-q", "--bare", "../host.git")
    story.put("model.bin", "model 3\n")
    git = ("unshare", "--mount", "sh", "-c", HOMELESS, "git")
    assert story.run(*git, "status", "--porcelain", env=WHO).text == " M model.bin.dvc\n"
    assert "tagged v0.2" in story.run(*git, "commit", "-qm", "third", env=WHO).text
    assert story.run(*git, "checkout", "-q", "v0.1", env=WHO).text == ""
    assert story.read("model.bin") == b"model 2\n"
    assert story.run(*git, "push", "-q", "../host.git", "main", env=WHO).text == ""


def test_an_interpreter_that_may_not_be_run_is_one_line(tell: Tell) -> None:
    story = tell("live")
    for hook in (story.path / ".git/hooks").iterdir():
        text = hook.read_text()
        if "CPV hook shim" in text:
            lines = ["python=/gone/bin/python" if line.startswith("python=") else line for line in text.splitlines()]
            hook.write_text("\n".join(lines) + "\n")
    path = story.write("../bin/cpv-hook", "#!/gone/python\n")
    path.chmod(0o755)
    env = {"PATH": f"{path.parent}:{os.environ['PATH']}"}
    story.write("train.py", "print('x')\n")
    assert story.git("status", "--porcelain", env=env).text == " M train.py\n"
    done = story.git("commit", "-qam", "code", env=env)
    assert done.err.count("\n") == 1
    assert "CPV is gone" in done.err


def test_a_home_that_is_no_folder(tell: Tell) -> None:
    """As of some services: DVC takes it for one and fails."""
    story = tell("live")
    story.put("model.bin", "model 3\n")
    env = {**WHO, "HOME": "/dev/null"}
    assert "tagged v0.2" in story.git("commit", "-qm", "third", env=env).text
    assert story.git("checkout", "-q", "v0.1", env=env).text == ""
    assert story.read("model.bin") == b"model 2\n"
