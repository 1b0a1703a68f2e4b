"""CPV beside other tools' hooks: they run, they can refuse, and uninstall puts everything back byte for byte."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import Tell
from e2e.story import TEMPLATE, Story, refused
from support.shell import BIN, Shell

NOTE = 'echo "$(basename "$0") $*" >> "$(git rev-parse --git-common-dir)/notes"'
PLAIN = ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout", "post-merge"]
PLAIN += ["post-rewrite", "pre-merge-commit", "post-index-change"]
HOOKS = {
    **dict.fromkeys(PLAIN, NOTE),
    "pre-push": f"{NOTE}; cat >> .git/notes",
    "reference-transaction": "cat > /dev/null",
}


def fingerprint(story: Shell) -> dict[str, tuple[str, int] | str]:
    """Everything in the Git directory that decides what Git does, byte for byte and with its mode."""
    git = story.path / ".git"
    files = [git / "config", *(git / "hooks").rglob("*"), *(git / "info").rglob("*"), *story.path.glob(".husky/**/*")]
    found: dict[str, tuple[str, int] | str] = {}
    for path in files:
        name = path.relative_to(story.path).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = hashlib.md5(path.read_bytes()).hexdigest(), path.stat().st_mode
    return found


def install(story: Shell) -> None:
    story.dvc("cpv", "install", "-q")


def by_command(story: Shell) -> None:
    story.dvc("cpv", "uninstall")


def by_script(story: Shell) -> None:
    done = story.run("sh", ".git/cpv/uninstall")
    assert "CPV is removed from this repository" in done.text


def notes(story: Shell) -> list[str]:
    path = story.path / ".git/notes"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [line.split()[0].removesuffix(".cpv-chained") for line in lines if line]


def nothing(story: Shell) -> None:
    """A repository as `git init` and `dvc init` leave it."""


def own_hooks(story: Shell) -> None:
    for name, body in HOOKS.items():
        story.write(f".git/hooks/{name}", f"#!/bin/sh\n{body}\n").chmod(0o755)


def linked_hooks(story: Shell) -> None:
    """One script for all, which asks by which name it was started."""
    story.write(".git/hooks/lib/note.sh", f"{NOTE}\n")
    story.write(".git/hooks/pre-commit", '#!/bin/sh\n. "${0%/*}/lib/note.sh"\n').chmod(0o755)
    for name in ("commit-msg", "prepare-commit-msg", "post-commit", "pre-push"):
        (story.path / ".git/hooks" / name).symlink_to("pre-commit")


def pre_commit_framework(story: Shell) -> None:
    story.write(".pre-commit-config.yaml", TEMPLATE.read_text())
    story.python("-m", "pre_commit", "install")


def husky(story: Shell) -> None:
    for name, body in HOOKS.items():
        story.write(f".husky/_/{name}", f"#!/bin/sh\n{body}\n").chmod(0o755)
    story.git("config", "core.hooksPath", ".husky/_")


def dvc_hooks(story: Shell) -> None:
    story.dvc("install")


def settings(story: Shell) -> None:
    """Settings that CPV touches too, with comments and odd spacing that must survive."""
    with open(story.path / ".git/config", "a") as config:
        config.write('# mine\n[push]\n\tfollowTags = false\n[merge "dvc"]\n\tname = mine\n\tdriver = true %A\n')
    story.write(".git/info/attributes", "*.png binary\n*.dvc merge=dvc")
    story.write(".git/info/exclude", "/scratch\n/.dvc/tmp")


BEFORE: list[Callable[[Shell], None]] = [
    nothing,
    own_hooks,
    linked_hooks,
    pre_commit_framework,
    husky,
    dvc_hooks,
    settings,
]


@pytest.mark.compatibility("Hook managers", "`uninstall` restores hooks and settings byte for byte")
@pytest.mark.parametrize("leave", [by_command, by_script])
@pytest.mark.parametrize("before", BEFORE)
def test_uninstall_restores_byte_for_byte(
    tmp_path: Path, _skeleton: Path, before: Callable[[Shell], None], leave: Callable[[Shell], None]
) -> None:
    story = Shell(tmp_path / "repo")
    shutil.copytree(_skeleton, story.path)
    story.write(".cpv.toml", '[cpv]\nteam = "vision"\n')
    before(story)
    held = fingerprint(story)
    install(story)
    assert fingerprint(story) != held
    leave(story)
    assert fingerprint(story) == held
    assert not (story.path / ".git/cpv/install.json").exists()


@pytest.mark.parametrize("before", BEFORE)
def test_install_twice_changes_nothing(tmp_path: Path, _skeleton: Path, before: Callable[[Shell], None]) -> None:
    story = Shell(tmp_path / "repo")
    shutil.copytree(_skeleton, story.path)
    story.write(".cpv.toml", '[cpv]\nteam = "vision"\n')
    before(story)
    original = fingerprint(story)
    install(story)
    held = fingerprint(story)
    install(story)
    assert fingerprint(story) == held
    by_command(story)
    assert fingerprint(story) == original


@pytest.mark.parametrize("framework", [False, True])
def test_hooks_that_are_links_to_one_another(tell: Tell, framework: bool) -> None:
    """Each runs once, by its own name, also where the one that all lead to was set aside by pre-commit before."""
    story = tell("live")
    story.cpv("uninstall")
    linked_hooks(story)
    if framework:
        story.write(".pre-commit-config.yaml", TEMPLATE.read_text())
        story.python("-m", "pre_commit", "install", "--hook-type", "pre-commit")
        assert (story.path / ".git/hooks/pre-commit.legacy").exists()
    for _ in range(2):
        install(story)
        notes(story)
        story.put("model.bin", f"model {_ + 3}\n")
        story.git("commit", "-qam", "third")
        assert notes(story) == ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"]
    story.git("init", "-q", "--bare", "../host.git")
    story.git("push", "-q", "../host.git", "main")
    assert notes(story) == ["pre-push"]


@pytest.mark.compatibility("Hook managers", "hand-written hooks")
def test_every_hook_that_was_there_still_runs(tell: Tell) -> None:
    story = tell("live", hooks=HOOKS)
    notes(story)
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    seen = notes(story)
    assert [name for name in seen if name != "post-index-change"] == [
        "pre-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
    ]
    story.git("commit", "-q", "--amend", "--no-edit", "--allow-empty")
    assert "post-rewrite" in notes(story)
    story.git("checkout", "-q", "v0.0")
    assert {"post-checkout", "post-index-change"} <= set(notes(story))
    story.git("checkout", "-q", "-b", "side")
    story.git("merge", "-q", "main")
    assert "post-merge" in notes(story)
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", host)
    story.git("push", "-q", host, "main")
    pushed = (story.path / ".git/notes").read_text()
    assert f"{host} {host}" in pushed
    assert "refs/heads/main" in pushed, "the older hook gets standard input too"
    story.check()


@pytest.mark.compatibility("Hook managers", "hand-written hooks")
@pytest.mark.parametrize("hook", ["pre-push", "pre-merge-commit", "reference-transaction"])
def test_a_hook_that_was_there_can_still_refuse(tell: Tell, hook: str) -> None:
    story = tell("live", hooks={hook: "[ -e .git/allowed ] || { echo 'no, says the older hook' >&2; exit 1; }"})
    story.write(".git/allowed", "")
    story.git("checkout", "-q", "-b", "side", "v0.0")
    story.git("commit", "-q", "--allow-empty", "-m", "side")
    (story.path / ".git/allowed").unlink()
    host = story.path.parent / "host.git"
    verb = {
        "pre-push": ["push", str(host), "main"],
        "pre-merge-commit": ["merge", "--no-edit", "main"],
        "reference-transaction": ["tag", "v1.0"],
    }[hook]
    story.git("init", "-q", "--bare", host)
    refused(story.git(*verb, status=None), "no, says the older hook")


def test_checkout_has_the_status_of_the_older_post_checkout(tell: Tell) -> None:
    story = tell("live", hooks={"post-checkout": "exit 7"})
    story.git("checkout", "-q", "v0.0", status=None)
    assert story.read("model.bin") == b"model 1\n"
    story.check()


@pytest.mark.compatibility("Hook managers", "husky")
def test_husky_keeps_its_folder(tell: Tell) -> None:
    """With core.hooksPath the other tool owns that folder: nothing is written there, and what it adds later runs."""
    story = tell("live")
    by_command(story)
    husky(story)
    held = {name: value for name, value in fingerprint(story).items() if name.startswith(".husky")}
    install(story)
    notes(story)
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert story.saved("model.bin", "model 3\n")
    assert {"pre-commit", "commit-msg", "post-commit"} <= set(notes(story))
    assert {name: value for name, value in fingerprint(story).items() if name.startswith(".husky")} == held
    story.write(".husky/_/commit-msg", "#!/bin/sh\necho 'husky says no' >&2; exit 1\n").chmod(0o755)
    story.put("model.bin", "model 4\n")
    refused(story.git("commit", "-qm", "fourth", status=1), "husky says no")


@pytest.mark.compatibility("Hook managers", "pre-commit, installed before or after CPV, or alone")
def test_pre_commit_installed_before_and_after(tell: Tell) -> None:
    """Whichever comes last, the work is done once and both run."""
    story = tell("both")
    story.python("-m", "pre_commit", "install")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert story.tags_at() == ["v0.2"]
    story.check()
    install(story)
    story.put("model.bin", "model 4\n")
    story.git("commit", "-qm", "fourth")
    assert story.tags_at() == ["v0.3"]
    story.check()
    by_command(story)
    shims = [path.name for path in (story.path / ".git/hooks").iterdir() if "CPV hook shim" in path.read_text()]
    assert shims == []
    story.put("model.bin", "model 5\n")
    story.git("commit", "-qm", "by pre-commit alone")
    assert story.saved("model.bin", "model 5\n")


@pytest.mark.compatibility("Hook managers", "pre-commit, installed before or after CPV, or alone")
def test_other_checks_of_pre_commit_run_and_can_refuse(tell: Tell) -> None:
    check = """
  - repo: local
    hooks:
      - id: no-todo
        name: no TODO
        language: pygrep
        entry: TODO
        files: \\.py$
        stages: [pre-commit]
"""
    story = tell("both", files={".pre-commit-config.yaml": TEMPLATE.read_text() + check})
    story.write("train.py", "# TODO\n")
    story.git("add", "train.py")
    story.put("model.bin", "model 3\n")
    refused(story.git("commit", "-m", "third", status=1), "no TODO")
    assert story.branch() == "main"
    story.write("train.py", "# done\n")
    story.git("add", "train.py")
    story.git("commit", "-m", "third")
    assert story.saved("model.bin", "model 3\n")
    story.check()


MONITOR = """#!/bin/sh
# As Watchman's hook: what has changed since the last answer, and a token for the next.
echo "$*" >>.git/monitored
token=t$(date +%s%N)
printf '%s\\0' "$token"
if [ -f ".git/$2" ]; then
    find . -path ./.git -prune -o -type f -cnewer ".git/$2" -printf '%P\\0'
else
    printf '/\\0'
fi
touch -d '1 second ago' ".git/$token"
"""


@pytest.mark.compatibility("Live status and other clients", "another `core.fsmonitor` hook (Watchman's): CPV's asks it")
def test_another_fsmonitor_is_asked_too(tell: Tell) -> None:
    story = tell("live")
    by_command(story)
    story.write(".git/monitor", MONITOR).chmod(0o755)
    story.git("config", "core.fsmonitor", ".git/monitor 2>/dev/null")
    said = "cpv: live status: also asks .git/monitor 2>/dev/null\n"
    assert said in story.cpv("install").err
    assert story.git("status", "--porcelain").text == ""
    story.put("model.bin", "model 3\n")
    story.write("train.py", "print('more')\n")
    assert story.git("status", "--porcelain").lines == [" M model.bin.dvc", " M train.py"]
    asked = story.read(".git/monitored").decode().splitlines()
    assert [line.split()[0] for line in asked] == ["2"] * len(asked)
    assert asked[-1].split()[1].startswith("t"), "the monitor gets its own token back"
    story.git("commit", "-qam", "third")
    story.git("checkout", "-q", "v0.0")
    story.git("checkout", "-q", "main")
    story.check()
    assert said in story.cpv("install").err
    story.cpv("uninstall")
    assert story.git("config", "core.fsmonitor").out == ".git/monitor 2>/dev/null\n"


@pytest.mark.compatibility(
    "Live status and other clients",
    "Git's own fsmonitor daemon",
    limit="it is kept and live status is off, which `install` says: artifacts are looked at when you commit",
)
def test_gits_own_fsmonitor_is_kept(tell: Tell) -> None:
    story = tell("live")
    by_command(story)
    story.git("config", "core.fsmonitor", "true")
    assert "live status is off: core.fsmonitor is true; artifacts are looked at" in story.cpv("install").err
    assert story.git("config", "core.fsmonitor").out == "true\n"
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert story.saved("model.bin", "model 3\n")


def test_shims_outlive_a_rebuilt_environment(tell: Tell) -> None:
    """The stamped interpreter is gone, and `cpv-hook` on the PATH does the work."""
    story = tell("live")
    for hook in (story.path / ".git/hooks").iterdir():
        text = hook.read_text()
        if "CPV hook shim" in text:
            lines = ["python=/gone/bin/python" if line.startswith("python=") else line for line in text.splitlines()]
            hook.write_text("\n".join(lines) + "\n")
    story.put("model.bin", "model 3\n")
    story.git("commit", "-qm", "third")
    assert story.saved("model.bin", "model 3\n")
    story.check()


# CPV is gone, its shims are left


def without_cpv(story: Story) -> dict[str, str]:
    """Shims whose interpreter is gone, and a PATH without `cpv-hook`."""
    for hook in (story.path / ".git/hooks").iterdir():
        text = hook.read_text()
        if "CPV hook shim" in text:
            lines = ["python=/gone/bin/python" if line.startswith("python=") else line for line in text.splitlines()]
            hook.write_text("\n".join(lines) + "\n")
    folder = story.path.parent / "bin"
    folder.mkdir()
    for name in ("git", "sh", "find", "head", "cat", "grep", "rm", "mv", "basename", "sed", "tr"):
        found = next(Path(place, name) for place in os.environ["PATH"].split(":") if Path(place, name).exists())
        (folder / name).symlink_to(found)
    return {"PATH": str(folder)}


def test_without_cpv_git_goes_on_with_one_line(story: Story) -> None:
    env = without_cpv(story)
    assert story.git("status", "--porcelain", env=env).text == ""
    story.put("model.bin", "model 3\n")
    story.write("train.py", "print('x')\n")
    done = story.git("commit", "-qam", "code", env=env)
    lines = [line for line in done.err.splitlines() if line.startswith("cpv:")]
    assert len(lines) == 1
    assert "CPV is gone" in lines[0]
    assert "cpv/uninstall" in lines[0]
    done = story.git("checkout", "-q", "v0.0", env=env)
    assert done.err.count("CPV is gone") == 1
    story.git("tag", "whatever", env=env)
    story.git("stash", env=env)


def test_without_cpv_a_push_of_pointers_is_refused(live: Story) -> None:
    env = without_cpv(live)
    host = live.path.parent / "host.git"
    live.git("init", "-q", "--bare", host)
    refused(live.git("push", host, "main", status=1, env=env), "CPV is gone", "--no-verify")
    live.git("push", "-q", "--no-verify", host, "main", env=env)


def test_the_line_names_a_command_that_works(live: Story) -> None:
    env = without_cpv(live)
    line = live.git("commit", "-q", "--allow-empty", "-m", "empty", env=env).err
    command = line.partition("remove its hooks: ")[2].split(")")[0]
    live.run("sh", "-c", command, env=env)
    assert live.git("commit", "-q", "--allow-empty", "-m", "empty", env=env).err == ""


# Outside a CPV repository


@pytest.mark.compatibility("Hook managers", "CPV's hooks for all repositories (a global `core.hooksPath`)")
def test_hooks_shared_by_all_repositories_are_silent_elsewhere(live: Story, tmp_path: Path) -> None:
    """`core.hooksPath` in the user's own configuration: other repositories never notice."""
    live.git("config", "--global", "core.hooksPath", live.path / ".git/hooks")
    live.git("config", "--global", "core.fsmonitor", live.path / ".git/hooks/cpv-fsmonitor")
    other = Shell(tmp_path / "other")
    other.path.mkdir()
    assert other.git("init", "-q").text == ""
    other.write("a.txt", "a\n")
    other.write("model.bin", "not an artifact\n")
    assert other.git("add", "-A").text == ""
    assert other.git("commit", "-qm", "one").text == ""
    other.write("a.txt", "b\n")
    assert other.changes() == [" M a.txt"]
    assert other.git("stash").err == ""
    assert other.git("stash", "pop", "-q").text == ""
    assert other.git("commit", "-qam", "two").text == ""
    assert other.git("tag", "v7").text == ""
    assert other.git("tag", "v7.x.y").text == ""
    assert other.git("checkout", "-q", "HEAD~1").text == ""
    assert other.git("checkout", "-q", "main").text == ""
    assert other.git("commit", "-q", "--amend", "-m", "three").text == ""
    assert other.git("init", "-q", "--bare", "../host.git").text == ""
    assert other.git("push", "-q", "../host.git", "main", "--tags").text == ""
    assert other.git("rebase", "-q", "HEAD").text == ""
    assert not (other.path / ".git/cpv").exists()
    assert sorted(other.tree()) == ["a.txt", "model.bin"]


def test_hooks_are_silent_in_a_dvc_repository_that_does_not_use_cpv(
    live: Story, tmp_path: Path, _skeleton: Path
) -> None:
    live.git("config", "--global", "core.hooksPath", live.path / ".git/hooks")
    other = Shell(tmp_path / "other")
    shutil.copytree(_skeleton, other.path)
    other.write("model.bin", "one\n")
    other.dvc("add", "-q", "model.bin")
    assert other.git("add", "-A").text == ""
    assert other.git("commit", "-qm", "one").text == ""
    other.write("model.bin", "two\n")
    assert "nothing to commit" in other.git("commit", "-am", "two", status=1).out
    assert other.tags() == []
    assert not (other.path / ".git/cpv").exists()


# CPV that pre-commit runs


def test_uninstall_names_what_pre_commit_goes_on_to_run(tell: Tell) -> None:
    """The command that it advises ends that, too."""
    story = tell("both")
    (line,) = [line for line in story.cpv("uninstall").err.splitlines() if "pre-commit" in line]
    assert line.startswith("cpv: pre-commit still runs CPV; fix: pre-commit uninstall -t pre-commit -t ")
    env = {"PATH": f"{BIN}:{os.environ['PATH']}"}
    story.run("sh", "-c", line.partition("; fix: ")[2], env=env)
    story.write("model.bin", "model 3\n")
    assert story.git("commit", "-q", "--allow-empty", "-m", "without CPV", env=env).text == ""
    assert story.git("tag", "--points-at", "HEAD").out == ""
    assert not any(path.suffix != ".sample" for path in (story.path / ".git/hooks").iterdir())


def test_uninstall_leaves_what_pre_commit_runs_beside_it(tell: Tell) -> None:
    story = tell("both")
    config = story.read(".pre-commit-config.yaml").decode()
    theirs = "{id: theirs, name: theirs, language: system, entry: 'touch ran', stages: [pre-commit]}"
    story.write(".pre-commit-config.yaml", f"{config}  - repo: local\n    hooks: [{theirs}]\n")
    story.git("commit", "-qam", "a hook of theirs")
    alone, beside = story.cpv("uninstall").err.splitlines()[-2:]
    assert beside == (
        "cpv: pre-commit still runs CPV beside other hooks; fix: take cpv-pre-commit out of .pre-commit-config.yaml "
        "(which everybody has; for you alone: export SKIP=cpv-pre-commit)"
    )
    env = {"PATH": f"{BIN}:{os.environ['PATH']}"}
    story.run("sh", "-c", alone.partition("; fix: ")[2], env=env)
    story.write("model.bin", "model 3\n")
    command = beside.rpartition(": ")[2].rstrip(")")
    story.run("sh", "-c", f"{command} && git commit -q --allow-empty -m 'without CPV'", env=env)
    assert story.git("tag", "--points-at", "HEAD").out == ""
    assert story.git("show", "--format=", "--name-only", "HEAD").out == ""
    assert (story.path / "ran").exists(), "theirs goes on"
    hooks = story.path / ".git/hooks"
    assert [path.name for path in hooks.iterdir() if path.suffix != ".sample"] == ["pre-commit"]


@pytest.mark.parametrize(("installed", "count"), [("both", 1), ("live", 0)])
def test_the_script_says_it_too(tell: Tell, installed: str, count: int) -> None:
    story = tell(installed)
    assert story.run("sh", ".git/cpv/uninstall").text.count("pre-commit still runs CPV") == count
