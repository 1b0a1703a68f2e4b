"""HEAD is never seen on the detour: where that cannot be promised a commit is not made in one shot, and says so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import TEMPLATE, Story, install_hooks

AGAIN = "so run the same git commit again"
SEE = "git symbolic-ref HEAD >>.git/seen"


def has_configured_hooks() -> bool:
    """Whether this Git runs the hooks of its configuration (2.54 and later)."""
    version = subprocess.run(["git", "version"], capture_output=True, text=True, check=True).stdout
    major, minor = re.findall(r"\d+", version)[:2]
    return (int(major), int(minor)) >= (2, 54)


def seen(story: Story) -> set[str]:
    """What HEAD named whenever somebody looked."""
    path = story.path / ".git/seen"
    return set(path.read_text().splitlines()) if path.exists() else set()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-F", "missing"), "missing cannot be read"),
        (("-qFmissing",), "missing cannot be read"),
        (("--fil=missing",), "missing cannot be read"),
        (("--file=.",), ". cannot be read"),
        (("-F", "~/message"), "~/message cannot be read"),
        (("-t", "missing"), "missing cannot be read"),
        (("--templ", "missing"), "missing cannot be read"),
        (("--fixup=nothing",), "--fixup=nothing names no commit"),
        (("--squash=nothing", "-m", "third"), "--squash=nothing names no commit"),
        (("--fixup", "@{0}"), "--fixup=@{0} depends on the branch that HEAD names"),
        (("-m", "third", "--trailer", "by: me"), "trailer.by.cmd is a command that --trailer runs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_git_reads_after_the_pre_commit_hook(live: Story, words: tuple[str, ...], why: str) -> None:
    Path("~/message").expanduser().write_text("third\n")
    live.git("config", "trailer.by.cmd", SEE)
    live.put("model.bin", "model 3\n")
    done = live.run("sh", "-c", 'git commit "$@" || cat .git/HEAD', "sh", *words, env={"GIT_EDITOR": "true"})
    assert done.lines[-1] == "ref: refs/heads/main"
    assert f"cpv: artifacts staged; {why}, {AGAIN}\n" in done.err
    live.git("commit", "-qm", "third")
    assert seen(live) <= {"refs/heads/main"}
    live.check()


def test_template_of_the_settings(live: Story) -> None:
    live.git("config", "commit.template", "missing")
    live.put("model.bin", "model 3\n")
    done = live.run("sh", "-c", "git commit || cat .git/HEAD", env={"GIT_EDITOR": "true"})
    assert done.lines[-1] == "ref: refs/heads/main"
    assert f"missing cannot be read, {AGAIN}" in done.err
    live.git("commit", "-qm", "a template that is not used")
    live.put("model.bin", "model 4\n")
    assert AGAIN not in live.git("commit", "-m", "nor is it now").err
    live.write("message", "from the template\n")
    live.git("config", "commit.template", "~/template")
    Path("~/template").expanduser().write_text("from the template\n")
    live.put("model.bin", "model 5\n")
    live.git("commit", "-q", env=live.editor('echo "a subject" >"$1"'))
    live.check("?? message")


@pytest.mark.compatibility(
    "Git settings and versions",
    "hooks in Git's configuration (Git 2.54)",
    limit="a commit of data alone has to be repeated if one of them runs before `prepare-commit-msg`",
)
@pytest.mark.parametrize("event", ["pre-commit", "prepare-commit-msg"])
@pytest.mark.parametrize("by_option", [False, True])
def test_configured_hook(live: Story, event: str, by_option: bool) -> None:
    settings = {"hook.mine.event": event, "hook.mine.command": f"{SEE}; true"}
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")] if by_option else []
    for key, value in {} if by_option else settings.items():
        live.git("config", key, value)
    live.put("model.bin", "model 3\n")
    done = live.git(*options, "commit", "-m", "third", status=1)
    assert f"hook.mine is configured for {event}, {AGAIN}" in done.err
    live.git(*options, "commit", "-qm", "third")
    assert seen(live) == ({"refs/heads/main"} if has_configured_hooks() else set())
    live.check()


@pytest.mark.parametrize("setting", ["hook.mine.event=", "hook.mine.enabled=false"])
def test_configured_hook_that_is_switched_off(live: Story, setting: str) -> None:
    live.git("config", "hook.mine.event", "pre-commit")
    live.git("config", "hook.mine.command", SEE)
    live.put("model.bin", "model 3\n")
    assert AGAIN not in live.git("-c", setting, "commit", "-m", "third").err
    assert seen(live) == set()
    live.check()


@pytest.mark.parametrize("by", ["folder", "configuration"] if has_configured_hooks() else ["folder"])
def test_hook_that_stages_a_file(tell: Tell, by: str) -> None:
    script = "echo made >made.txt; git add made.txt"
    story = tell("live", hooks={"pre-commit": script} if by == "folder" else {})
    if by == "configuration":
        story.git("config", "hook.mine.event", "pre-commit")
        story.git("config", "hook.mine.command", script)
    story.put("model.bin", "model 3\n")
    done = story.git("commit", "-m", "third", status=None)
    if by == "configuration":
        assert done.status == 1
        line = "hook.mine may have staged files: if Git finds nothing to commit, run the same git commit again"
        assert f"cpv: {line}\n" in done.err
        story.git("commit", "-qm", "third")
    assert story.git("diff", "--name-only", "HEAD^", "HEAD").lines == ["made.txt", "model.bin.dvc"]
    story.check()


def test_message_that_is_still_being_written(live: Story) -> None:
    live.put("model.bin", "model 3\n")
    command = ["git", "commit", "-F", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=live.path, text=True, **pipes) as process:
        assert process.stdin and process.stderr
        line = process.stderr.readline()
        assert line == f"cpv: artifacts staged; the message (-) is still being written, {AGAIN}\n"
        assert live.read(".git/HEAD") == b"ref: refs/heads/main\n"
        process.stdin.write("third\n")
        process.stdin.close()
        assert process.wait() == 1
    live.git("commit", "-qm", "third")
    live.check()


@pytest.mark.parametrize(
    "script",
    [
        "sleep 0 | git commit -q --allow-empty-message -F -",
        "echo third >.git/third; git commit -qF- <.git/third",
        "git commit -qF /dev/stdin <<E\nthird\nE\n",
        "git commit -q -F <(echo third)",
        "git commit -qm third --trailer 'By: me' -S --no-gpg-sign --no-template",
        "git commit -q --fixup=amend:HEAD~",
        "git commit -q --squash HEAD -m more",
    ],
)
def test_what_is_ready_goes_through_in_one_go(live: Story, script: str) -> None:
    live.put("model.bin", "model 3\n")
    before = live.head()
    done = live.run("bash", "-c", script, env={"GIT_EDITOR": "true"})
    assert AGAIN not in done.err, done.err
    assert live.git("rev-parse", "HEAD^").out.strip() == before
    assert live.saved("model.bin", "model 3\n")
    live.check()


def test_message_that_git_cannot_write(live: Story) -> None:
    (live.path / ".git/COMMIT_EDITMSG").unlink()
    (live.path / ".git/COMMIT_EDITMSG").mkdir()
    live.put("model.bin", "model 3\n")
    done = live.run("sh", "-c", "git commit -m third || cat .git/HEAD")
    assert done.lines[-1] == "ref: refs/heads/main"
    assert f"COMMIT_EDITMSG is a folder, {AGAIN}" in done.err
    (live.path / ".git/COMMIT_EDITMSG").rmdir()
    live.git("commit", "-qm", "third")
    live.check()


def test_pipe_with_a_name(live: Story) -> None:
    live.put("model.bin", "model 3\n")
    script = "mkfifo .git/pipe; (echo third >.git/pipe) & git commit -F .git/pipe"
    done = live.run("sh", "-c", script, status=1)
    assert f".git/pipe is no regular file, {AGAIN}" in done.err
    live.git("commit", "-qm", "third")
    live.check()


OTHER = """
  - repo: local
    hooks:
      - {id: other, name: other, language: system, entry: sh -c 'git symbolic-ref HEAD >>.git/seen', stages: [STAGE],
         always_run: true, pass_filenames: false}
"""


@pytest.mark.parametrize("stage", ["pre-commit", "prepare-commit-msg"])
@pytest.mark.parametrize("mode", ["pre-commit", "both", "pre-commit later"])
def test_other_hooks_of_the_framework(tell: Tell, mode: str, stage: str) -> None:
    config = TEMPLATE.read_text() + OTHER.replace("STAGE", stage)
    story = tell(mode.split()[0] if "later" not in mode else "live", files={".pre-commit-config.yaml": config})
    if "later" in mode:
        install_hooks(story, "pre-commit")
    story.put("model.bin", "model 3\n")
    done = story.git("commit", "-m", "third", status=None)
    # CPV's own shims run after the other checks, and before the other hooks that write the message.
    is_last = mode == "both" or (mode == "pre-commit later" and stage == "prepare-commit-msg")
    assert (done.status, f"other {stage} hooks run beside CPV's, {AGAIN}" in done.text) == (
        (0, False) if is_last else (1, True)
    )
    if not is_last:
        story.git("commit", "-qm", "third")
    assert seen(story) == {"refs/heads/main"}
    story.nothing_is_lost()
    assert story.saved("model.bin", "model 3\n")


def test_other_hooks_that_prek_alone_reads(live: Story) -> None:
    """They stand in a file that goes before the one which has nothing but CPV's."""
    live.write("other.yaml", f"repos:{OTHER.replace('STAGE', 'pre-commit')}")
    live.run("prek", "util", "yaml-to-toml", "other.yaml")
    live.git("add", "prek.toml")
    live.git("commit", "-qm", "prek")
    live.run("prek", "install")
    live.put("model.bin", "model 3\n")
    done = live.git("commit", "-m", "third", status=1)
    assert f"other pre-commit hooks run beside CPV's, {AGAIN}" in done.text
    live.git("commit", "-qm", "third")
    assert seen(live) == {"refs/heads/main"}
    assert live.saved("model.bin", "model 3\n")


def test_without_the_hook_that_ends_it(live: Story) -> None:
    (live.path / ".git/hooks/prepare-commit-msg").unlink()
    live.put("model.bin", "model 3\n")
    done = live.git("commit", "-m", "third", status=1)
    assert f"Git does not run CPV's prepare-commit-msg hook, {AGAIN}" in done.err
    assert live.branch() == "main"
    live.git("commit", "-qm", "third")
    assert live.saved("model.bin", "model 3\n")


@pytest.mark.real_hooks
@pytest.mark.parametrize(("one_shot", "writes"), [(True, 2), (False, 0)])
def test_how_often_head_is_written(live: Story, one_shot: bool, writes: int) -> None:
    """Between the two another process can see the detour (docs/git-verbs.md); the setting rules it out."""
    if not one_shot:
        live.write(".cpv.toml", live.read(".cpv.toml") + b"\n[commit]\none_shot = false\n")
        live.git("commit", "-qam", "settings")
    live.put("model.bin", "model 3\n")
    log = live.path / ".git/trace"
    traced = ("strace", "-f", "-qq", "-s", "4096", "-o", log, "-e", "trace=rename,renameat,renameat2")
    live.run(*traced, "git", "commit", "-qm", "third", status=0 if one_shot else 1)
    if not one_shot:
        live.git("commit", "-qm", "third")
    moved = [line for line in log.read_text().splitlines() if re.search(r'/HEAD"(, 0|, RENAME\w+)?\) += 0', line)]
    assert len(moved) == writes, moved
    assert live.saved("model.bin", "model 3\n")
