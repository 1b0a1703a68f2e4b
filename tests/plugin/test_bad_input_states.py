"""Commands where the repository is in no state for them: one line that says so, and nothing changes.

The tables hold the states; each is tried with every command to which it matters.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable

import pytest

from support.repos import remote_settings
from support.world import World

UPLOADS = (("model", "upload", "{root}/outside/new.bin"), ("data", "upload", "{root}/outside/data"))
CREATE = (("checkpoint", "create"),)
REVERTS = (
    ("model", "revert", "--tag", "v0.0"),
    ("data", "revert", "--tag", "data-v0.0"),
    ("checkpoint", "revert", "--tag", "v0.0"),
)
DOWNLOADS = (("model", "download", "-o", "{root}/new"), ("data", "download", "-o", "{root}/new"))
READS = (
    ("model", "list-tags"), ("model", "info"), ("data", "list-tags"), ("data", "info"), ("checkpoint", "list"),
)  # fmt: skip
WRITES = (*UPLOADS, *CREATE, *REVERTS)
ALL = (*WRITES, *DOWNLOADS, *READS)
Commands = tuple[tuple[str, ...], ...]


def dirty(world: World) -> None:
    world.repo.write("train.py", "changed\n")


def staged(world: World) -> None:
    world.repo.write("new.py", "")
    world.repo.git("add", "new.py")


def merging(world: World) -> None:
    world.repo.write(".git/MERGE_HEAD", world.repo.head() + "\n")


def rebasing(world: World) -> None:
    (world.repo.path / ".git/rebase-merge").mkdir()


def picking(world: World) -> None:
    world.repo.write(".git/CHERRY_PICK_HEAD", world.repo.head() + "\n")


def in_conflict(world: World) -> None:
    world.repo.write("train.py", "mine\n")
    world.repo.git("stash", "-q")
    world.repo.write("train.py", "theirs\n")
    world.repo.commit("theirs", "-a")
    world.repo.git("stash", "pop", status=1)


def without_commit(world: World) -> None:
    world.repo.git("update-ref", "-d", "HEAD")


def detached(world: World) -> None:
    world.repo.git("checkout", "-q", "--detach")


def without_identity(world: World) -> None:
    world.repo.git("config", "user.useConfigOnly", "true")
    world.repo.git("config", "--global", "--unset", "user.email")


def without_remote(world: World) -> None:
    world.repo.write(".dvc/config", "")
    world.repo.commit("no remote", "-a")


def without_cpv(world: World) -> None:
    (world.repo.path / ".cpv.toml").unlink()


def with_broken_settings(world: World) -> None:
    world.repo.write(".cpv.toml", "[push]\nwhen = 3\n")


def with_unknown_remote(world: World) -> None:
    world.repo.write(".dvc/config", "[core]\n    remote = gone\n")


def with_storage_in_the_way(world: World) -> None:
    shutil.rmtree(world.root / "storage")
    (world.root / "storage").write_text("a file\n")


def without_model(world: World) -> None:
    (world.repo.path / "model.bin").unlink()


def with_broken_pointer(world: World) -> None:
    world.repo.write("model.bin.dvc", "outs: 3\n")


def with_everything_lost(world: World) -> None:
    shutil.rmtree(world.repo.path / ".dvc/cache")
    shutil.rmtree(world.root / "storage")


COMMIT = "fix: git commit {0}, or git stash"
STATES: list[tuple[Callable[[World], None], Commands, str]] = [
    (dirty, WRITES, "git-clean: train.py has uncommitted changes; fix: git commit train.py, or git stash"),
    (staged, WRITES, "git-clean: new.py has uncommitted changes; fix: git commit new.py, or git stash"),
    (
        merging,
        WRITES,
        "git-state: a merge is under way; fix: finish it (git merge --continue) or git merge --abort",
    ),
    (
        rebasing,
        WRITES,
        "git-state: a rebase is under way; fix: finish it (git rebase --continue) or git rebase --abort",
    ),
    (
        picking,
        WRITES,
        "git-state: a cherry-pick is under way; fix: finish it (git cherry-pick --continue) or git cherry-pick --abort",
    ),
    (
        in_conflict,
        WRITES,
        "git-state: conflicts are not settled yet in train.py; fix: edit, then git add, each of them",
    ),
    (
        detached,
        UPLOADS,
        "git-clean: HEAD is detached, so the new commit would be on no branch; fix: git switch -c BRANCH",
    ),
    (
        without_identity,
        WRITES,
        "git-state: Git does not know who you are; fix: git config --global user.name "
        "YOU && git config --global user.email YOU@EXAMPLE.COM",
    ),
    (
        without_remote,
        (*UPLOADS, *CREATE),
        "dvc-remote: {repo}: no DVC remote is configured; fix: dvc remote add -d storage URL",
    ),
    (without_cpv, ALL, ".: managed by CPV, and its settings are deleted; fix: git checkout -- .cpv.toml .dvc/config"),
    (with_broken_settings, ALL, "{repo}/.cpv.toml:2: push.when must be a string; fix: edit .cpv.toml"),
    (
        with_unknown_remote,
        ALL,
        "{repo}/.dvc/config: core.remote names 'gone', which is not configured; fix: dvc remote add gone URL",
    ),
    (
        with_storage_in_the_way,
        (*UPLOADS, *CREATE),
        "s3: {root}/storage: there is a file where the remote's directory should be; fix: mv {root}/storage elsewhere",
    ),
    (without_model, CREATE, "required-files: not in the work tree: model.bin; fix: dvc cpv sync"),
    (
        with_broken_pointer,
        CREATE,
        "required-files: model.bin.dvc: not a DVC pointer; fix: git checkout -- model.bin.dvc",
    ),
    (
        with_everything_lost,
        DOWNLOADS[:1],
        "{repo}: neither the cache nor the remote has metrics.log, model.bin of v0.1; fix: dvc push --all-tags "
        "in a clone that has it",
    ),
    (
        with_everything_lost,
        DOWNLOADS[1:],
        "{repo}: neither the cache nor the remote has data of data-v0.0; fix: dvc push --all-tags in a clone "
        "that has it",
    ),
    (
        without_commit,
        WRITES,
        "git-state: there is no commit yet (git-clean would fail too); fix: git add -A && git commit -m Start",
    ),
]
CASES = [(state, command, said) for state, commands, said in STATES for command in commands]


@pytest.mark.parametrize(("state", "command", "said"), CASES, ids=[f"{s.__name__}-{c[0]}-{c[1]}" for s, c, _ in CASES])
def test_a_state_in_which_it_cannot_be_done(
    world: World, state: Callable[[World], None], command: tuple[str, ...], said: str
) -> None:
    state(world)
    world.refused(command, said)


@pytest.mark.parametrize("command", ALL, ids="-".join)
def test_outside_of_a_repository(world: World, command: tuple[str, ...]) -> None:
    said = "{root}/nowhere: not inside a Git work tree; fix: cd to a repository (git clone or dvc cpv init makes one)"
    world.refused(command, said, folder="nowhere")


@pytest.mark.parametrize("command", [*UPLOADS, *CREATE, *DOWNLOADS], ids="-".join)
def test_a_server_that_is_not_there(world: World, command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    public, _ = remote_settings("s3://bucket/x", None)
    keys = f"    endpointurl = http://localhost:{port}\n    region = us-east-1\n"
    world.repo.write(".dvc/config", f"{public}{keys}    access_key_id = a\n    secret_access_key = b\n")
    world.repo.commit("s3", "-a")
    shutil.rmtree(world.repo.path / ".dvc/cache")
    if command in DOWNLOADS:
        what = f"remote storage: http://localhost:{port} does not answer"
        world.refused(command, f"{what}; fix: check the network and endpointurl, then dvc cpv sync")
    else:
        what = f"network: the DVC remote (localhost:{port}): connection refused (s3 would fail too)"
        world.refused(command, f"{what}; fix: check the network")


# A repository that has no version


LOOKS = (
    (("log",), "there is no version yet; fix: dvc cpv tag"),
    (("log", "--best", "acc"), "there is no version yet; fix: dvc cpv tag"),
    (("log", "--stage", "production"), "there is no version yet; fix: dvc cpv tag"),
    (("report", "--out", "{root}/page.html"), "there is no version yet; fix: dvc cpv tag"),
    (("diff", "v0.0"), "'v0.0' is not a version, branch or commit; fix: dvc cpv log lists them"),
    (("promote", "v0.0", "production"), "'v0.0' is no model version (there are none yet); fix: dvc cpv tag"),
    (("export", "--to", "{root}/out"), "there is no model version yet; fix: dvc cpv tag"),
    (("model", "info"), "there is no model version yet; fix: dvc cpv tag"),
    (("retire", "v0.0"), "'v0.0' is no model version (there are none yet); fix: dvc cpv tag"),
    (("demote", "production"), "no version is in stage 'production' (stages in use: none); fix: dvc cpv stages"),
    (("runs", "show", "main"), "there is no run 'main'; fix: dvc cpv runs list"),
)


def test_no_version_to_look_at_or_to_choose(world: World) -> None:
    world.repo.git("tag", "-d", "v0.0", "v0.1", "data-v0.0")
    for command, said in LOOKS:
        world.refused(command, f"{{repo}}: {said}")


READERS = [*DOWNLOADS, *READS[1:4:2]]
LATEST = (("model", "revert"), ("data", "revert"), ("checkpoint", "revert"))


@pytest.mark.parametrize("command", [*READERS, *LATEST], ids="-".join)
def test_no_version_yet(world: World, command: tuple[str, ...]) -> None:
    world.repo.git("tag", "-d", "v0.0", "v0.1", "data-v0.0")
    line = "data" if command[0] == "data" else "model"
    if command in LATEST:
        world.refused(command, f"there is no {line} version yet; fix: dvc cpv {line} upload PATH")
    else:
        fix = "dvc cpv tag --data" if line == "data" else "dvc cpv tag"
        world.refused(command, f"{{repo}}: there is no {line} version yet; fix: {fix}")
