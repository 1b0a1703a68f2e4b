"""Thousands of refs in one command: CPV's work is in proportion, and starts as many Git processes as for a few."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.versions.tag_records import note_made
from e2e.story import DVC_CONFIG, SETTINGS, Story, refused
from support import long_history
from support.git_calls import cpv_git_calls, git_calls
from support.long_history import MadeVersion
from support.repos import ModelRepo

FEW, MANY = 3, 60


def commits(story: Story, count: int) -> list[str]:
    """So many commits on top of HEAD, which all have its files; no branch has them."""
    who = "committer a <a@b> 1700000000 +0000\ndata 0\n"
    text = "".join(f"commit refs/made\n{who}{'from HEAD^0' if not number else ''}\n" for number in range(count))
    story.git("fast-import", "--quiet", "--force", input=text)
    made = story.git("rev-list", "--reverse", "HEAD..refs/made").lines
    story.git("update-ref", "-d", "refs/made")
    return made


def make(names: Sequence[str], targets: Sequence[str]) -> str:
    """What `git update-ref --stdin` reads to make these tags."""
    pairs = [(name, targets[at % len(targets)]) for at, name in enumerate(names)]
    return "".join(f"create refs/tags/{name} {target}\n" for name, target in pairs)


def many(series: int, count: int) -> list[str]:
    return [f"v{series}.{number}" for number in range(count)]


def test_tags_of_one_transaction_are_checked_and_uploaded_together(live: Story) -> None:
    targets = [live.head(), *commits(live, MANY)]
    live.git("config", "maintenance.auto", "false")
    calls = []
    for series, count in ((1, FEW), (2, MANY), (3, FEW)):
        text = make(many(series, count), targets[:count])
        calls.append(git_calls(live, "update-ref", "--stdin", input=text))
    assert len(calls[1]) == len(calls[2]), (calls[1], calls[2])
    made = dict(
        line.split(" ") for line in live.git("tag", "-l", "v2.*", "--format=%(refname:strip=2) %(objectname)").lines
    )
    assert made == {name: targets[at] for at, name in enumerate(many(2, MANY))}
    assert live.cpv("status", "--json").out.count('"faults": []') == 1


REFUSED = {
    "v1.2.3": ("HEAD", "'v1.2.3' is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.2"),
    "data-v0.0/x": ("HEAD", "'data-v0.0/x' is not a version of this repository"),
    "data-v0.0": ("HEAD", "data-v0.0 is not higher than data-v0.1; fix: git tag data-v0.2"),
    "v9.0": ("HEAD^{tree}", "v9.0 would name no commit; fix: git tag v9.0 HEAD"),
    "v9.1": ("broken", "model.bin.dvc:2: not YAML (v9.1)"),
}


def test_one_of_many_tags_is_refused_by_name_and_none_is_made(live: Story) -> None:
    live.git("tag", "-d", "data-v0.0")
    live.write("model.bin.dvc", "this is: [not YAML\n")
    live.git("commit", "-q", "--no-verify", "-am", "broken")
    live.git("branch", "broken")
    live.git("reset", "-q", "--hard", "HEAD~")
    before = live.tags()
    for name, (target, why) in REFUSED.items():
        odd = make([name], [live.git("rev-parse", target).out.strip()])
        text = make(many(1, MANY), [live.head()]) + odd + make(many(2, MANY), [live.head()])
        refused(live.git("update-ref", "--stdin", input=text, status=None), why)
    assert live.tags() == before


@pytest.mark.parametrize("by", ["push", "clone"])
def test_one_published_tag_among_many_that_move(live: Story, by: str) -> None:
    """One that a push sent out, and one that a clone brought, which nothing but its commit tells."""
    host = host_of(live)
    story = live
    if by == "clone":
        story = Story(live.path.parent / "clone")
        live.git("clone", "-q", host, story.path)
        story.cpv("install")
    story.git("commit", "-q", "--allow-empty", "-m", "on")
    story.git("update-ref", "--stdin", input=make(many(1, MANY), [story.head()]))
    story.git("commit", "-q", "--allow-empty", "-m", "and on")
    old = story.git("rev-parse", "v0.0").out
    names = [*many(1, MANY), "v0.0"]
    text = "".join(f"update refs/tags/{name} {story.head()}\n" for name in names)
    done = story.git("update-ref", "--stdin", input=text, status=None)
    refused(done, f"v0.0 is published, and a published tag never moves; fix: git tag v1.{MANY}")
    assert story.git("rev-parse", "v0.0").out == old
    story.git("update-ref", "--stdin", input=text.replace(f"update refs/tags/v0.0 {story.head()}\n", ""))
    assert len(story.git("tag", "--points-at", "HEAD").lines) == MANY


def test_tags_that_are_deleted_ask_nobody(live: Story) -> None:
    """Older Git deletes each in a transaction of its own: its command line, which names all, is not read for each."""
    counts = []
    for count in (FEW, 25):
        names = [f"{'long-' * 40}{number}" for number in range(count)]
        live.git("update-ref", "--stdin", input=make(names, [live.head()]))
        log = live.path.parent / f"log-{count}"
        live.run("strace", "-f", "-qq", "-o", log, "-e", "trace=read,execve", "git", "tag", "-d", *names)
        text = log.read_text()
        assert "python" not in text
        counts.append(text.count(" read(") / count)
    assert counts[1] < 2 * counts[0], counts
    assert not live.git("tag", "-l", "long-*").lines


def test_tags_that_are_deleted_ask_nobody_where_another_hook_reads_them(live: Story) -> None:
    live.cpv("uninstall")
    live.write(".git/hooks/reference-transaction", "#!/bin/sh\ncat >>.git/seen\n").chmod(0o755)
    live.cpv("install")
    names = [f"v7.{number}" for number in range(25)]
    live.git("update-ref", "--stdin", input=make(names, [live.head()]))
    live.git("pack-refs", "--all")  # Git deletes packed ones in one transaction
    (live.path / ".git/seen").unlink()
    log = live.path.parent / "log"
    live.run("strace", "-f", "-qq", "-o", log, "-e", "trace=execve", "git", "tag", "-d", *names)
    assert "python" not in log.read_text()
    seen = live.read(".git/seen").decode()
    assert all(f" refs/tags/{name}\n" in seen for name in names)
    assert not live.git("tag", "-l", "v7.*").lines


def test_tags_that_a_fetch_brings_start_nothing(live: Story) -> None:
    """With a hook behind CPV's, which is run for each of them."""
    host_of(live)
    live.cpv("uninstall")
    live.write(".git/hooks/reference-transaction", "#!/bin/sh\ncat >>.git/seen\n").chmod(0o755)
    live.cpv("install")
    live.git("push", "-q", "origin", "HEAD:refs/tags/v5.0", env={"CPV_RUNNING": "1"})
    log = live.path.parent / "log"
    live.run("strace", "-f", "-qq", "-o", log, "-e", "trace=execve", "git", "fetch", "-q", "--tags", "origin")
    assert "python" not in log.read_text()
    assert "refs/tags/v5.0" in live.read(".git/seen").decode()
    assert live.git("tag", "-l", "v5.0").lines == ["v5.0"]


def host_of(story: Story) -> Path:
    host = story.path.parent / "host.git"
    story.git("init", "-q", "--bare", host)
    story.git("remote", "add", "origin", host)
    story.git("push", "-q", "--tags", "origin", "main")
    return host


@pytest.mark.parametrize("seen", [True, False], ids=["that hooks saw", "that no hook saw"])
def test_a_push_of_many_tags(live: Story, seen: bool) -> None:
    """With their branch, and alone: the tags' commits are in no branch that the host has."""
    host_of(live)
    live.git("config", "maintenance.auto", "false")
    silent = [] if seen else ["-c", "core.hooksPath=/dev/null"]
    counts: dict[str, list[int]] = {"with": [], "alone": []}
    for series, count in ((1, FEW), (2, MANY)):
        targets = commits(live, count)
        names = many(series, count)
        live.git(*silent, "update-ref", "--stdin", input=make(names, targets))
        live.git("merge", "-q", "--ff-only", targets[-1])
        calls = git_calls(live, "push", "-q", "origin", "main", *names)
        counts["with"].append(len(calls))
        assert len(list((live.path / ".git/cpv/sent").iterdir())) == 1
        more = [f"v{series}.{number}" for number in range(MANY, MANY + count)]
        live.git(*silent, "update-ref", "--stdin", input=make(more, commits(live, count)))
        counts["alone"].append(len(git_calls(live, "push", "-q", "origin", *more)))
    assert all(few == most for few, most in counts.values()), counts
    assert len(live.git("ls-remote", "--tags", "origin", "v2.*").lines) == 2 * MANY


def test_each_of_many_tags_that_a_push_cannot_send_is_named(live: Story) -> None:
    host_of(live)
    bare = ("-c", "core.hooksPath=/dev/null")
    names = [f"v3.{number}.0" for number in range(FEW)]
    live.git(*bare, "update-ref", "--stdin", input=make([*many(2, MANY), *names], [live.head()]))
    live.git(*bare, "tag", "-f", "v0.0", "HEAD")
    done = live.git("push", "origin", "+refs/tags/v0.0", *many(2, MANY), *names, status=None)
    refused(done, "v0.0 is published as", *(f"'{name}' is not a version of this repository" for name in names))
    assert not live.git("ls-remote", "--tags", "origin", "v2.*").lines


def test_a_commit_asks_git_as_often_for_many_dvc_roots_as_for_a_few(live: Story) -> None:
    live.git("config", "maintenance.auto", "false")
    calls = []
    for folders in (range(FEW), range(FEW, 15)):
        for number in folders:
            root = f"models/m{number}"
            live.dvc("init", "-q", "--subdir", cwd=live.write(f"{root}/.cpv.toml", SETTINGS).parent)
            live.write(f"{root}/.dvc/config", DVC_CONFIG.replace("../../storage", "../../../../storage"))
            live.put(f"{root}/model.bin", f"model {number}\n")
            live.dvc("add", "-q", "model.bin", cwd=root)
        live.git("add", "-A")
        live.git("commit", "-qm", "more roots")
        live.put("models/m0/model.bin", f"model of {len(folders)}\n")
        calls.append(git_calls(live, "commit", "-qm", "one of them"))
    assert len(calls[0]) == len(calls[1]), "\n".join(map(str, calls[0] + [0] + calls[1]))


def test_a_commit_asks_git_as_often_for_many_new_files_as_for_a_few(live: Story) -> None:
    live.git("config", "maintenance.auto", "false")
    calls = []
    for count in (1, FEW, 30):
        for number in range(count):
            live.write(f"code{count}/m{number}.py", f"{number}\n")
        live.git("add", "-A")
        live.put("model.bin", f"trained by {count} files\n")
        calls.append(git_calls(live, "-c", "core.fsmonitor=false", "commit", "-qm", "more code and a model"))
    assert ["cat-file", "'--batch-check=%(objectsize)'"] in calls[-1]
    assert len(calls[-2]) == len(calls[-1]), calls


def test_a_shell_alone_tells_that_a_fetch_brings_a_tag(live: Story) -> None:
    """It reads Git's command line by itself: two processes for each call, and so four for each tag, would be most."""
    host_of(live)
    live.git(
        "push", "-q", "origin", *(f"HEAD:refs/tags/v5.{number}" for number in range(FEW)), env={"CPV_RUNNING": "1"}
    )
    log = live.path.parent / "log"
    live.run("strace", "-f", "-qq", "-o", log, "-e", "trace=execve", "git", "fetch", "-q", "--tags", "origin")
    started = [line.partition('execve("')[2].partition('"')[0] for line in log.read_text().splitlines()]
    assert started.count(".git/hooks/reference-transaction") >= 2 * FEW
    assert len([name for name in started if name.endswith(("/head", "/tr"))]) < FEW


@pytest.mark.parametrize(
    "words", ["", "-C .", "-c fetch.prune=true", "--git-dir=.git", "--no-pager -C .", "-c 'a.b=c\nd'"]
)
def test_no_python_starts_for_each_tag_of_a_fetch(live: Story, words: str) -> None:
    """Also where the verb stands behind options of Git's own."""
    host = host_of(live)
    live.git("-C", host, "tag", "v1.2.3", "main")
    python = live.write(".git/python", f"#!/bin/sh\necho >>'{live.path}/.git/started'\n")
    python.chmod(0o755)
    hook = live.path / ".git/hooks/reference-transaction"
    hook.write_text(re.sub("^python=.*$", f"python='{python}'", hook.read_text(), flags=re.MULTILINE))
    live.git(*shlex.split(words), "fetch", "-q", host, "refs/tags/*:refs/tags/*")
    assert "v1.2.3" in live.tags()
    assert not (live.path / ".git/started").exists()
    live.git(*shlex.split(words), "tag", "v1.3")
    assert (live.path / ".git/started").exists()


def brief(number: int) -> MadeVersion:
    artifacts = {"model.safetensors": f"model {number}\n".encode(), "metrics.log": f'{{"acc": {number}}}\n'.encode()}
    return MadeVersion(artifacts, {"acc": number}, f"seed: {number}\n", "train")


def long_history_of(make_repo: MakeRepo, name: str, count: int) -> tuple[ModelRepo, Path]:
    """A repository with so many versions, whose hooks are installed, and its Git host."""
    storage = f"../../storage-{name}"
    repo = make_repo(name, remote=storage, settings=long_history.SETTINGS, install=False)
    long_history.write(repo.path, count, brief)
    repo.git("reset", "-q", "--hard")
    shutil.copytree(repo.path / ".dvc/cache/files/md5", repo.path.parent / f"storage-{name}/files/md5")
    host = repo.path.parent / f"{name}.git"
    repo.git("clone", "-q", "--bare", repo.path, host)
    repo.git("remote", "add", "origin", host)
    repo.git("fetch", "-q")
    repo.git("config", "maintenance.auto", "false")
    repo.cpv("install")
    return repo, host


def test_a_long_history_takes_no_more_processes_than_a_short_one(make_repo: MakeRepo) -> None:
    counts = []
    for count in (FEW, MANY):
        repo, host = long_history_of(make_repo, f"made{count}", count)
        found = {
            "log": len(cpv_git_calls(repo, "log")),
            "verify": len(cpv_git_calls(repo, "verify", "--all")),
            "fetch": len(git_calls(repo, "fetch", "-q", "origin")),
            "prune": len(git_calls(repo, "fetch", "-q", "--prune", "--prune-tags", "origin")),
            "clone": len(cpv_git_calls(repo, "clone", str(host), f"../clone{count}")),
        }
        repo.write("model.safetensors", "trained on\n")
        repo.git("commit", "-qam", "trained on")
        found["push"] = len(git_calls(repo, "push", "-q", "origin", "main"))
        counts.append(found)
    assert counts[0] == counts[1]


def test_tags_that_all_lost_their_race_get_new_numbers_together(make_repo: MakeRepo) -> None:
    calls = []
    for count in (FEW, MANY):
        repo, host = long_history_of(make_repo, f"made{count}", 1)
        repo.git("tag", "-d", "v0.1")
        long_history.write(repo.path, count, brief)
        repo.git("reset", "-q", "--hard")
        listed = repo.git("tag", "-l", "v0.*", "--format=%(refname:strip=2) %(objectname)").lines
        note_made(Repo.discover(repo.path), dict(line.split() for line in listed))
        repo.git("-C", host, "tag", "-d", "v0.1")
        for name in many(0, count + 1)[1:]:
            repo.git("-C", host, "tag", name, "main")
        calls.append(git_calls(repo, "push", "-q", "origin", "main", status=1))
        assert sorted(repo.tags()) == sorted(f"v0.{count + number}" for number in range(1, count + 1))
    assert len(calls[0]) == len(calls[1]), calls
