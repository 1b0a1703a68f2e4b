"""The hook shims: plain `sh` for every shell, and quiet where there is nothing to do."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.hook_names import FOREIGN_HOOKS, FSMONITOR, HOOKS, STAGES
from cpv_hooks.setup.install.shims import MARK, Interpreter, is_our_shim, is_pre_commits, render_shim, stamped
from support.repos import ModelRepo
from support.shell import Shell

pytestmark = pytest.mark.real_hooks

ALL = (*HOOKS, FSMONITOR)
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
ODD = '/opt/it\'s a "path"/$(touch broken)/`x`'


def shim(shell: Shell, hook: str, *, chained: str | None = None, python: str = sys.executable) -> Path:
    here = Interpreter.current()
    interpreter = Interpreter(python, here.package, here.flags)
    text = render_shim(hook, Path(chained) if chained else None, interpreter, "0123456789abcdef")
    path = shell.write(f"{hook}.sh", text)
    path.chmod(0o755)
    return path


@pytest.mark.compatibility("Platforms", "hooks run by dash or bash")
@pytest.mark.parametrize("hook", ALL)
def test_every_shell_can_read_every_shim(shell: Shell, hook: str) -> None:
    for chained in (None, ODD):
        path = shim(shell, hook, chained=chained, python=ODD if chained else sys.executable)
        for name in ["sh", *SHELLS]:
            result = shell.run(*SHELLS.get(name, ["sh"]), "-n", path)
            assert result.text == ""
        assert path.read_text().startswith("#!/bin/sh\n")
        assert "@" not in path.read_text().replace("$@", "")
    assert not (shell.path / "broken").exists()


def test_what_comes_early_calls_only_what_stands_before_it() -> None:
    templates = Path(__file__).parents[2] / "hook-templates"
    later = re.findall(r"^(\w+)\(\)", (templates / "shim.sh").read_text().partition("@EARLY@")[2], re.MULTILINE)
    assert "managed" in later
    for early in (templates / "hooks").glob("*.early.sh"):
        code = "\n".join(line for line in early.read_text().splitlines() if not line.startswith("#"))
        assert not set(later) & set(re.findall(r"\w+", code)), early.name


def test_every_hook_has_a_shim_and_a_module() -> None:
    from cpv_hooks.__main__ import NAMES as RUNNABLE

    assert set(ALL) == set(RUNNABLE)
    assert set(STAGES) < set(HOOKS)
    assert set(HOOKS).isdisjoint(FOREIGN_HOOKS)  # the shims of those pass on, and nothing more


@pytest.mark.parametrize(
    "python", [sys.executable, "/opt/with space/python", "/opt/it's/python", '/opt/"quoted"/python']
)
def test_a_shim_says_which_interpreter_it_starts(shell: Shell, python: str) -> None:
    path = shim(shell, "pre-commit", python=python)
    found = stamped(path)
    assert found is not None
    assert (found.python, found.package) == (python, Interpreter.current().package)
    assert is_our_shim(path)
    assert MARK in path.read_text().splitlines()[1]


def test_what_is_not_ours(shell: Shell) -> None:
    for text in ("#!/bin/sh\nexit 0\n", "", "# cpv\n", b"\x7fELF\xff\xfe" * 1000):
        path = shell.write("hook", text)
        assert not is_our_shim(path)
        assert stamped(path) is None
        assert not is_pre_commits(path)
    assert not is_our_shim(shell.path / "gone")


def test_pre_commits_own_hook_is_known(shell: Shell) -> None:
    shell.git("init", "-q")
    shell.write(".pre-commit-config.yaml", "repos: []\n")
    shell.python("-m", "pre_commit", "install")
    hook = shell.path / ".git/hooks/pre-commit"
    assert is_pre_commits(hook)
    assert not is_our_shim(hook)
    shell.write(".git/hooks/pre-commit.legacy", "#!/bin/sh\n")
    assert not is_pre_commits(hook), "with an older hook behind it, it must run"


def test_the_interpreter_is_isolated_from_the_repository() -> None:
    here = Interpreter.current()
    assert here.python == sys.executable
    assert here.flags in ("-I", "-P")
    assert Path(here.package, "__main__.py").is_file()


# Running


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    return make_repo(files={"model.bin": b"one"})


def hooks(repo: Shell) -> list[Path]:
    return [path for path in (repo.path / ".git/hooks").iterdir() if is_our_shim(path)]


def test_installed_shims_are_executable_scripts(repo: ModelRepo) -> None:
    found = {path.name: path for path in hooks(repo)}
    assert set(HOOKS) <= set(found)
    for path in found.values():
        assert stat.S_IMODE(path.stat().st_mode) & 0o111 == 0o111
        for name in SHELLS:
            assert repo.run(*SHELLS[name], "-n", path).text == ""


@pytest.mark.parametrize("hook", ALL)
def test_under_a_git_that_cpv_started_every_shim_ends_at_once(shell: Shell, hook: str) -> None:
    shell.git("init", "-q")
    path = shim(shell, hook, python="/bin/false")
    assert shell.run(path, "1", "0", "0", env={"CPV_RUNNING": "1"}).text == ""


@pytest.mark.parametrize("hook", HOOKS)
def test_outside_a_cpv_repository_nothing_is_said_or_started(shell: Shell, hook: str) -> None:
    shell.git("init", "-q")
    shell.git("commit", "-q", "--allow-empty", "-m", "x")
    path = shim(shell, hook, python="/bin/false")
    lines = f"{'0' * 40} {shell.git('rev-parse', 'HEAD').out.strip()} refs/tags/v1.x\n"
    assert shell.run(path, "prepared", input=lines).text == ""
    assert not (shell.path / ".git/cpv").exists()


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook not in ("pre-push", "reference-transaction")])
@pytest.mark.parametrize("folder", [".git", ".git/worktrees/linked"])
def test_in_git_s_own_folder_nothing_is_said_or_started(shell: Shell, hook: str, folder: str) -> None:
    """Where a client that is no Git runs it; the hook that was there first is told all the same."""
    shell.git("init", "-q")
    shell.git("commit", "-q", "--allow-empty", "-m", "x")
    shell.git("worktree", "add", "-q", "linked")
    (shell.path / folder / "cpv").mkdir()
    shell.write("started", f"#!/bin/sh\necho {hook} >>'{shell.path}/cpv-ran'\n").chmod(0o755)
    shell.write("theirs", f"#!/bin/sh\necho \"$PWD\" >'{shell.path}/got'\n").chmod(0o755)
    path = shim(shell, hook, chained=str(shell.path / "theirs"), python=str(shell.path / "started"))
    assert shell.run(path, "1", "0", "1", cwd=folder, env={"CPV_SHIM": ""}).text == ""
    assert shell.read("got").decode() == f"{shell.path / folder}\n"
    assert not (shell.path / "cpv-ran").exists()


def test_the_fsmonitor_answers_that_anything_may_have_changed(shell: Shell) -> None:
    shell.git("init", "-q")
    path = shim(shell, FSMONITOR, python="/bin/false")
    assert shell.run(path, "1", "123").out == "/\0"
    assert shell.run(path, "2", "token").out == "cpv\0/\0"


def test_the_fsmonitor_that_was_there_answers(shell: Shell) -> None:
    """It is a command for a shell, whose status counts; a token of CPV's own is not for it."""
    shell.git("init", "-q")
    shell.write("theirs", '#!/bin/sh\nprintf "%s|" "$@"\n[ "$2" = 2 ]\n').chmod(0o755)
    path = shim(shell, FSMONITOR, python="/bin/false", chained=f"{shell.path}/theirs 'a b'")
    assert shell.run(path, "2", "c:1").out == "a b|2|c:1|"
    assert shell.run(path, "2", "cpv").out == "a b|2|0|"
    assert shell.run(path, "1", "123", status=1).out == "a b|1|123|"


@pytest.mark.compatibility("Hook managers", "hand-written hooks")
@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook != "reference-transaction"])
def test_the_chained_hook_gets_what_git_gave(shell: Shell, hook: str) -> None:
    shell.git("init", "-q")
    shell.write("theirs", '#!/bin/sh\n{ printf "%s|" "$@"; cat; } >got\nexit 7\n').chmod(0o755)
    path = shim(shell, hook, chained=str(shell.path / "theirs"))
    result = shell.run(path, "a b", "1", "", status=None, input="one\ntwo\n")
    assert result.text == ""
    assert result.status == 7
    assert shell.read("got").decode() == "a b|1||one\ntwo\n"


def test_a_chained_hook_that_is_not_executable_is_not_run(shell: Shell) -> None:
    shell.git("init", "-q")
    shell.write("theirs", "#!/bin/sh\ntouch ran\n")
    assert shell.run(shim(shell, "pre-commit", chained=str(shell.path / "theirs"))).text == ""
    assert not (shell.path / "ran").exists()


def test_a_chained_hook_that_calls_back_does_not_run_in_circles(shell: Shell) -> None:
    shell.git("init", "-q")
    path = shim(shell, "pre-commit", chained=str(shell.path / "theirs"))
    shell.write("theirs", f"#!/bin/sh\necho once >>ran\nexec '{path}'\n").chmod(0o755)
    shell.run(path)
    assert shell.read("ran") == b"once\n"


# CPV is gone


@pytest.fixture
def gone(repo: ModelRepo) -> ModelRepo:
    """The shims were left when CPV was uninstalled."""
    for path in hooks(repo):
        found = stamped(path)
        assert found is not None
        path.write_text(path.read_text().replace(found.package, "/nowhere/cpv_hooks"))
    return repo


def without_cpv() -> dict[str, str]:
    """A PATH on which `cpv-hook` is not found, but Git is."""
    folders = os.environ["PATH"].split(os.pathsep)
    return {"PATH": os.pathsep.join(folder for folder in folders if not Path(folder, "cpv-hook").exists())}


def test_git_goes_on_and_one_line_says_how_to_mend_it(gone: ModelRepo) -> None:
    gone.write("notes", "x")
    gone.write("model.bin", b"two")
    env = without_cpv()
    gone.git("add", "notes", env=env)
    result = gone.git("commit", "-q", "-m", "notes", env=env)
    assert result.err.startswith("cpv: CPV is gone, artifacts are not versioned; reinstall it (pip install dvc-cpv)")
    assert len(result.err.splitlines()) == 1
    assert gone.git("status", "--porcelain", env=env).text == ""
    assert gone.git("tag", "anything", env=env).text == ""

    script = result.err.split("remove its hooks: ")[1].strip()
    gone.run("sh", "-c", script, env=env)
    assert gone.git("commit", "-q", "--allow-empty", "-m", "free", env=env).text == ""
    assert hooks(gone) == []


def test_a_push_is_the_exception(gone: ModelRepo) -> None:
    env = without_cpv()
    gone.git("init", "-q", "--bare", "../host.git")
    result = gone.git("push", "-q", "../host.git", "main", env=env, status=1)
    ours = [line for line in result.err.splitlines() if line.startswith("cpv: ")]
    assert len(ours) == 1
    assert ours[0].startswith(
        "cpv: stopped: CPV is gone, so nobody can tell whether the data of this push is on its remote"
    )
    assert gone.git("ls-remote", "../host.git", env=env).out == ""
    gone.git("push", "-q", "--no-verify", "../host.git", "main", env=env)


def test_a_rebuilt_environment_is_found_on_the_path(repo: ModelRepo) -> None:
    """The interpreter that the shims name is gone, but `cpv-hook` is on the PATH."""
    for path in hooks(repo):
        found = stamped(path)
        assert found is not None
        path.write_text(path.read_text().replace(found.python, "/nowhere/bin/python"))
    repo.write("model.bin", b"two")
    repo.git("commit", "-q", "-m", "second")
    assert repo.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["model.bin.dvc"]
