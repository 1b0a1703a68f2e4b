"""Versions that are retired: their data goes, everybody knows why, and nothing else is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cpv_hooks.console.progress import Progress
from cpv_hooks.project import retired
from cpv_hooks.project.pointers_at import pointers_at
from cpv_hooks.transfer.objects.store import Store
from cpv_hooks.transfer.objects.upload_objects import Delivery
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.upkeep.prune import sweep
from cpv_hooks.upkeep.prune.prune_plan import PruneOptions
from cpv_hooks.upkeep.retire import retire_plan
from cpv_hooks.upkeep.retire.retire_plan import Freed
from cpv_hooks.upkeep.retire.selection import Policy
from support import four_versions
from support.four_versions import TAGS, clone, weights, words
from support.repos import ModelRepo
from support.shell import BIN, Result, Shell
from support.two_versions import cached, md5, project_of, save, stored


@pytest.fixture
def repo(tmp_path: Path) -> ModelRepo:
    """Four published versions; hooks are installed."""
    return four_versions.copy(tmp_path, hooks=True)


def retire(repo: Shell, *words: str, **rest: Any) -> Result:
    return repo.cpv("retire", *words, "--yes", **rest)


def told(repo: Shell, version: str = "v0.1", reason: str = ": too old") -> str:
    """How the retirement of a version is said everywhere."""
    item = retired.read_retirements(project_of(repo).repo)[version]
    who = repo.git("config", "user.name", status=None).out.strip() or item.author.partition(" <")[0]
    return f"{version} was retired on {item.date} by {who}{reason}"


def gone(repo: Shell, number: int) -> bool:
    """Whether the remote has lost what a version alone needs; never half of it."""
    there = [stored(repo, md5(content)).exists() for content in (weights(number), words(number))]
    assert len(set(there)) == 1
    return not there[0]


def retired_and_pruned(repo: ModelRepo) -> None:
    """v0.1 is retired, everybody is told, and its data is gone from cache and remote."""
    retire(repo, "v0.1", "-m", "too old")
    repo.git("push", "-q")
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert gone(repo, 1)


def test_what_nobody_else_needs_goes_and_every_clone_is_told_why(repo: ModelRepo) -> None:
    before = repo.git("describe").out
    done = retire(repo, "v0.1", "-m", "too old")
    assert "159 B that nothing else here needs" in done.out
    record = repo.git("tag", "--list", "retired/*").out.strip()
    assert re.fullmatch(r"retired/\d{4}-\d\d-\d\d-[0-9a-f]{12}", record)
    assert repo.git("describe").out == before, "other tools still find the versions"
    assert repo.git("tag", "--list", "v*").lines == list(TAGS)
    repo.git("push", "-q")

    done = repo.cpv("prune", "--remote", "--grace", "0d")
    assert "would be freed" in done.err
    assert not gone(repo, 1), "first it is only said"
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert [gone(repo, number) for number in range(4)] == [False, True, False, False]
    assert not cached(repo, md5(weights(1))).exists()
    assert stored(repo, md5(b"the same in each")).exists()
    assert stored(repo, md5(b"acc=0.9\n")).exists(), "a retired version keeps its metrics"

    other = clone(repo, "other")
    done = other.git("checkout", "v0.1")
    assert f"model.bin: {told(other)}; its data is gone; fix: dvc cpv retire --undo v0.1" in done.err
    assert not (other.path / "model.bin").exists()
    assert not (other.path / "tok").exists()
    assert other.read("metrics.log") == b"acc=0.9\n"
    assert other.read("data/a") == b"a"
    assert other.changes() == []
    assert other.git("reset", "-q", "--hard").err == "", "it is said once"
    assert "its data is gone" in other.cpv("sync").err
    assert "absent" in other.cpv("status").out


def test_a_new_work_tree_says_it_once(repo: ModelRepo) -> None:
    """`git worktree add` runs `git reset --hard`, and then post-checkout."""
    retired_and_pruned(repo)
    done = repo.git("worktree", "add", "-q", "../tree", "v0.1")
    why = f"{told(repo)}; its data is gone; fix: dvc cpv retire --undo v0.1 in a clone whose cache has it"
    said = [f"cpv: warning: {name}: {why}" for name in ("model.bin", "tok")]
    assert done.err.splitlines() == said


def test_nothing_is_committed_as_deleted_and_training_there_makes_a_version(repo: ModelRepo) -> None:
    retired_and_pruned(repo)
    other = clone(repo, "other")
    other.git("checkout", "-q", "main")
    other.git("checkout", "-q", "v0.1")
    other.write("notes.txt", "n")
    other.git("add", "-A")
    other.commit("on top of a retired version")
    assert other.git("show", "--stat", "--format=", "HEAD").out.split()[0] == "notes.txt"
    assert other.git("ls-files", "*.dvc").lines == ["data.dvc", "metrics.log.dvc", "model.bin.dvc", "tok.dvc"]
    done = other.git("push", "-q", "origin", "HEAD:refs/heads/fix")
    assert f"{told(other)}, and its data is gone" in done.err

    other.write("model.bin", b"trained again")
    other.commit("trained", "-a")
    assert other.tags()[-1] == "v0.4"
    other.git("checkout", "-q", "main")
    assert other.read("model.bin") == weights(3)
    assert other.read("tok/words") == words(3)
    other.git("checkout", "-q", "v0.4")
    assert other.read("model.bin") == b"trained again"


def test_what_stood_there_is_kept_when_a_retired_version_is_checked_out(repo: ModelRepo) -> None:
    retired_and_pruned(repo)
    repo.write("model.bin", b"never committed")
    repo.git("stash", "-q")
    repo.git("stash", "pop", "-q")
    repo.git("checkout", "-q", "-f", "v0.1")
    assert not (repo.path / "model.bin").exists()
    assert "model.bin" in repo.cpv("rescue", "list").out
    assert cached(repo, md5(b"never committed")).exists()
    assert repo.changes() == []
    repo.git("checkout", "-q", "main")
    assert repo.read("model.bin") == weights(3)


def test_as_long_as_the_data_is_there_a_retired_version_is_checked_out_and_said_to_be_one(repo: ModelRepo) -> None:
    retire(repo, "v0.1", "-m", "too old")
    done = repo.git("checkout", "v0.1")
    assert f"cpv: {told(repo)}; its data is still there\n" in done.err
    assert repo.read("model.bin") == weights(1)
    assert "retired: v0.1 was retired on" in repo.cpv("status").out


def test_each_command_says_that_a_version_is_retired_where_its_data_is_gone(repo: ModelRepo) -> None:
    from dvc_cpv_plugin import DownloadError, ModelsCheckpointsManage

    retired_and_pruned(repo)
    line = told(repo)
    models = ModelsCheckpointsManage("vision", "resnet", repo_path=str(repo.path))
    with pytest.raises(DownloadError, match=re.escape(f"{line}; its data is gone")):
        models.load_model("v0.1")
    done = repo.cpv("model", "download", "--tag", "v0.1", status=1)
    assert f"{line}; its data is gone; fix: dvc cpv retire --undo v0.1" in done.err
    done = repo.cpv("model", "revert", "--tag", "v0.1", status=1)
    assert f"{line}; its data is gone" in done.err
    assert repo.git("branch", "--show-current").out == "main\n"
    done = repo.cpv("export", "v0.1", "--to", "../out", status=1)
    assert f"{line}; its data is gone" in done.err
    assert repo.cpv("report", "--out", "../page.html").err == ""
    done = repo.cpv("verify", "v0.1")
    assert f"{line}; its data is gone" in done.err
    assert "nothing wrong" in done.out
    assert "1 version is retired" in repo.cpv("verify", "--all").err

    shown = json.loads(repo.cpv("model", "info", "--tag", "v0.1", "--json").out)
    assert (shown["retired"]["reason"], shown["metrics"]) == ("too old", {"acc": 0.9})
    assert json.loads(repo.cpv("model", "info", "--tag", "v0.2", "--json").out)["retired"] is None
    logged = {one["tag"]: one for one in json.loads(repo.cpv("log", "--json").out)}
    assert logged["v0.1"]["retired"]["author"].partition(" <")[0] == line.split(" by ")[1].partition(":")[0]
    assert logged["v0.2"]["retired"] is None
    row = next(row for row in repo.cpv("log").lines if row.startswith("v0.1\t"))
    assert "retired on " in row
    done = repo.cpv("diff", "v0.1", "v0.2")
    assert line in done.err
    assert "acc: 0.9 -> 0.7" in done.out
    done = repo.cpv("promote", "v0.1", "production", status=1)
    assert f"{line}; fix: dvc cpv retire --undo v0.1" in done.err

    repo.git("checkout", "-q", "v0.1")
    assert line in repo.cpv("status").out


def test_a_push_takes_the_record_along_and_asks_for_no_data_of_what_is_retired(repo: ModelRepo) -> None:
    retire(repo, "v0.1", "-m", "too old")
    for number in (1, 2):
        for content in (weights(number), words(number)):
            stored(repo, md5(content)).unlink()
            cached(repo, md5(content)).unlink()
    # A Git host that has nothing yet gets all of the history.
    repo.git("remote", "remove", "origin")
    (repo.path / ".git/cpv/queue.db").unlink(missing_ok=True)
    repo.git("init", "-q", "--bare", "../new.git")
    repo.git("remote", "add", "origin", "../new.git")
    done = repo.git("push", "origin", "main", status=1)
    assert md5(weights(2)) in done.err
    assert md5(weights(1)) not in done.err, "it is retired, so nobody misses it"
    retire(repo, "v0.2")
    repo.git("push", "-q", "origin", "main")
    there = repo.git("ls-remote", "--tags", "origin").out
    assert [there.count(name) for name in ("refs/tags/retired/", "refs/tags/v0.1")] == [4, 2]


def test_the_record_is_on_the_host_before_the_remote_loses_anything(repo: ModelRepo) -> None:
    retire(repo, "v0.1", "-m", "too old")
    done = repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert f"{told(repo)}; its data stays until origin knows (git push --follow-tags)" in done.err
    assert not gone(repo, 1)
    repo.git("push", "-q")
    done = repo.cpv("prune", "--remote", "--yes")
    assert "its data stays until 20" in done.err, "it can be taken back for as long as the grace period"
    assert not gone(repo, 1)
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert gone(repo, 1)


def test_content_that_anything_else_needs_stays(tmp_path: Path) -> None:
    repo = four_versions.copy(tmp_path)
    project = project_of(repo)
    commit = repo.git("rev-parse", "v0.1^{commit}").out.strip()
    chosen = retire_plan.plan_retirement(project.repo, [project], ["v0.1"], Policy())
    assert chosen.freed == Freed(159, at_least=False)
    retire_plan.retire_versions(project.repo, chosen.chosen, None)
    repo.git("push", "-q", "--follow-tags")

    def going() -> set[str]:
        planned = sweep.plan_prune(project.repo, [project], PruneOptions(remote=True, grace=0.0))
        return {item.oid for item in planned.objects if not item.oid.endswith(".dir")}

    alone = {md5(weights(1)), md5(words(1))}
    assert going() == alone
    to_and_fro = {
        "a branch": (["branch", "old", commit], ["branch", "-q", "-D", "old"]),
        "another's branch": (
            ["push", "-q", "../host.git", f"{commit}:refs/heads/theirs"],
            ["push", "-q", "../host.git", ":refs/heads/theirs"],
        ),
        "a tag": (["tag", "paper-2026", commit], ["tag", "-d", "paper-2026"]),
        "a stage": (["tag", "-a", "-m", "in", "resnet#production#1", commit], ["tag", "-d", "resnet#production#1"]),
        "a run": (["update-ref", "refs/cpv/runs/main/1", commit], ["update-ref", "-d", "refs/cpv/runs/main/1"]),
        "HEAD": (["checkout", "-q", "--detach", commit], ["checkout", "-q", "-f", "main"]),
        "the index": (["read-tree", commit], ["reset", "-q", "--hard"]),
    }
    for name, (there, back) in to_and_fro.items():
        repo.git(*there)
        assert going() == set(), name
        repo.git(*back)
        assert going() == alone, name
    queue = Queue.of(project.repo)
    queue.add(".", [commit], "test")
    assert going() == set()
    queue.done(".", [commit])
    repo.git("checkout", "-q", "v0.1", "--", "model.bin.dvc", "tok.dvc")
    repo.git("stash", "-q")
    assert going() == set()
    repo.git("stash", "drop", "-q")
    assert going() == alone
    repo.git("checkout", "-q", "v0.1", "--", "model.bin.dvc", "tok.dvc")
    repo.commit("back to v0.1")
    repo.git("tag", "v0.4")
    repo.git("checkout", "-q", "v0.3", "--", "model.bin.dvc", "tok.dvc")
    repo.commit("and on")
    repo.git("push", "-q", "--follow-tags")
    assert going() == set(), "another version has it"


def test_a_stage_that_a_version_was_in_once_keeps_nothing_and_neither_does_a_version_of_the_data(
    repo: ModelRepo,
) -> None:
    repo.cpv("promote", "v0.1", "production")
    repo.cpv("promote", "v0.2", "production")
    repo.git("tag", "data-v9.0", "v0.1^{commit}")
    retired_and_pruned(repo)
    assert stored(repo, md5(b"a")).exists()


def test_a_retirement_is_taken_back_as_long_as_the_data_is_anywhere(repo: ModelRepo) -> None:
    retire(repo, "v0.1", "v0.0", "-m", "too old")
    for oid in (md5(weights(1)), md5(words(1))):
        cached(repo, oid).unlink()
    done = repo.cpv("retire", "--undo", "v0.1")
    assert done.lines == ["v0.1"]
    assert list(retired.read_retirements(project_of(repo).repo)) == ["v0.0"]
    repo.git("push", "-q")
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert (gone(repo, 0), gone(repo, 1)) == (True, False)

    done = repo.cpv("retire", "--undo", "v0.0", status=1)
    assert "v0.0 stays retired: neither the cache nor the remote has model.bin, tok" in done.err
    assert list(retired.read_retirements(project_of(repo).repo)) == ["v0.0"]
    done = repo.cpv("retire", "--undo", "v0.1", status=1)
    assert "v0.1 is not retired" in done.err


def test_a_clone_whose_cache_has_the_data_takes_it_back_and_uploads_it(repo: ModelRepo) -> None:
    other = clone(repo, "other")
    other.git("checkout", "-q", "v0.1")
    other.git("checkout", "-q", "main")
    retired_and_pruned(repo)
    other.git("fetch", "-q")
    assert told(other) == told(repo), "a plain fetch brings it"
    other.cpv("retire", "--undo", "v0.1")
    assert not gone(repo, 1)
    other.git("push", "-q")
    repo.git("fetch", "-q")
    assert retired.read_retirements(project_of(repo).repo) == {}
    repo.git("checkout", "-q", "v0.1")
    assert repo.read("model.bin") == weights(1)


def test_what_was_pruned_meanwhile_stops_the_push_that_takes_a_retirement_back(repo: ModelRepo) -> None:
    other = clone(repo, "other")
    retire(repo, "v0.1", "-m", "too old")
    repo.git("push", "-q")
    other.git("fetch", "-q")
    other.cpv("retire", "--undo", "v0.1")
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    done = other.git("push", status=1)
    assert "v0.1 stays retired: of model.bin, tok something was pruned meanwhile; fix: git tag -d retired/" in done.err
    repo.git("fetch", "-q")
    assert list(retired.read_retirements(project_of(repo).repo)) == ["v0.1"]


def test_two_people_retire_at_once_and_one_takes_it_back(repo: ModelRepo) -> None:
    other = clone(repo, "other")
    other.git("config", "user.name", "Other")
    retire(repo, "v0.1", "-m", "mine")
    retire(other, "v0.1", "v0.0", "-m", "theirs")
    repo.git("push", "-q")
    other.git("push", "-q")
    repo.git("fetch", "-q")
    other.git("fetch", "-q")
    assert (
        {*retired.read_retirements(project_of(repo).repo)}
        == {*retired.read_retirements(project_of(other).repo)}
        == {"v0.0", "v0.1"}
    )
    repo.cpv("retire", "--undo", "v0.1")
    assert {*retired.read_retirements(project_of(repo).repo)} == {"v0.0"}, "all that this clone knows of"
    retire(other, "v0.2", "-m", "another")
    repo.git("push", "-q")
    other.git("push", "-q")
    repo.git("fetch", "-q")
    other.git("fetch", "-q")
    assert (
        {*retired.read_retirements(project_of(repo).repo)}
        == {*retired.read_retirements(project_of(other).repo)}
        == {"v0.0", "v0.2"}
    )


def test_a_retirement_that_the_other_did_not_know_of_is_not_taken_back_and_no_clock_decides(repo: ModelRepo) -> None:
    other = clone(repo, "other")
    retire(repo, "v0.1", "-m", "first")
    repo.cpv("retire", "--undo", "v0.1")
    retire(other, "v0.1", "-m", "second", env={"GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z"})
    repo.git("push", "-q")
    other.git("push", "-q")
    repo.git("fetch", "-q")
    assert told(repo, reason=": second")


def test_a_clone_that_counts_on_the_content_uploads_it_again(repo: ModelRepo) -> None:
    other = clone(repo, "other")
    other.git("checkout", "-q", "v0.1")
    other.git("checkout", "-q", "main")
    other.git("checkout", "-q", "v0.1", "--", "model.bin.dvc", "tok.dvc")
    retired_and_pruned(repo)
    other.git("fetch", "-q")
    # It has seen the objects there just now, and would believe that they are there still.
    other.git("commit", "-q", "-m", "back to what v0.1 was", "-a")
    other.git("push", "-q")
    assert not gone(repo, 1)
    fresh = clone(repo, "fresh")
    fresh.git("checkout", "-q", other.tags()[-1])
    assert fresh.read("model.bin") == weights(1)


def test_gto_and_the_next_numbers_pass_the_records_over(repo: ModelRepo) -> None:
    retire(repo, "v0.1", "-m", "Cpv-Retired: v0.2 " + "0" * 40)
    assert list(retired.read_retirements(project_of(repo).repo)) == ["v0.1"]
    repo.run(BIN / "gto", "show", "--json")
    assert repo.cpv("doctor", status=None).status in (0, 1)
    save(repo, {"model.bin": b"new"})
    assert repo.tags()[-1] == "v0.4"
    repo.git("fsck", "--strict")


def test_a_record_that_somebody_wrote_by_hand_frees_nothing_that_its_version_has_not(repo: ModelRepo) -> None:
    commit = repo.git("rev-parse", "v0.1^{commit}").out.strip()
    text = f"x\n\nCpv-Retired: v0.1 {commit} {md5(weights(2))}\nCpv-Retired: v9.9 {commit}\nCpv-Reason: broken"
    repo.git("tag", "-a", "-m", text, "retired/by-hand", "v0.0^{commit}")
    repo.git("push", "-q", "origin", "retired/by-hand")
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert [gone(repo, number) for number in range(4)] == [False] * 4


def test_a_new_folder_with_a_file_of_a_retired_one_brings_it_along(repo: ModelRepo) -> None:
    other = clone(repo, "other")
    other.git("checkout", "-q", "v0.1")
    other.git("commit", "-q", "--allow-empty", "-m", "asks for what is there")
    other.git("push", "-q", "origin", "HEAD:refs/heads/short")
    other.git("checkout", "-q", "main")
    other.git("push", "-q", "origin", ":refs/heads/short")
    retired_and_pruned(repo)
    other.git("fetch", "-q")
    # It has seen the file there just now; that it was in the folder of a retired version nobody says.
    other.write("tok/words", words(1))
    other.write("tok/more", b"more")
    other.write("model.bin", b"trained with words of v0.1")
    other.commit("words of v0.1 again", "-a")
    other.git("push", "-q")
    assert stored(repo, md5(words(1))).exists()


def test_a_record_that_only_the_host_has_counts(repo: ModelRepo) -> None:
    retire(repo, "v0.1", "-m", "too old")
    record = repo.git("tag", "--list", "retired/*").out.strip()
    repo.cpv("retire", "--undo", "v0.1")
    repo.git("push", "-q")
    back = next(name for name in repo.git("tag", "--list", "retired/*").lines if name != record)
    repo.git("tag", "-d", back)
    done = repo.cpv("prune", "--remote", "--grace", "0d", "--yes", status=1)
    assert f"lacks (refs/tags/{back}); fix: git fetch --tags origin" in done.err
    repo.git("fetch", "-q", "--tags", "origin")
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert not gone(repo, 1)


def test_another_commit_of_the_same_name_and_tags_of_other_artifacts_need_the_content(repo: ModelRepo) -> None:
    retire(repo, "v0.1", "-m", "too old")
    repo.git("push", "-q")
    repo.git("init", "-q", "--bare", "../second.git")
    repo.git("remote", "add", "second", "../second.git")
    tree = repo.git("rev-parse", "v0.1^{tree}").out.strip()
    another = repo.git("commit-tree", "-p", "v0.1^{commit}", "-m", "theirs", tree).out.strip()
    record = repo.git("tag", "--list", "retired/*").out.strip()
    repo.git("push", "-q", "--no-verify", "second", f"{another}:refs/tags/v0.1", record, "main")
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert not gone(repo, 1)
    repo.git("push", "-q", "--no-verify", "second", ":refs/tags/v0.1")
    for name in ("tokenizer@v1.0.0", "tokenizer#production#1"):
        repo.git("tag", "-a", "-m", "of another artifact", name, "v0.1^{commit}")
        repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
        assert not gone(repo, 1), name
        repo.git("tag", "-d", name)
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert gone(repo, 1)


def test_a_branch_at_a_retired_version_goes_out_with_its_data(repo: ModelRepo) -> None:
    other = clone(repo, "other")
    other.git("checkout", "-q", "v0.1")
    other.git("checkout", "-q", "main")
    retired_and_pruned(repo)
    other.git("fetch", "-q")
    other.git("push", "-q", "origin", "v0.1^{commit}:refs/heads/back")
    assert not gone(repo, 1)


def test_a_new_version_of_a_retired_one_is_stopped_with_the_way_back(repo: ModelRepo) -> None:
    retired_and_pruned(repo)
    repo.git("tag", "v9.0", "v0.1")
    done = repo.git("push", "origin", "v9.0", status=1)
    assert f" ({told(repo)}); fix: dvc cpv retire --undo v0.1 in a clone whose cache has it\n" in done.err


def test_a_model_whose_data_was_retired_as_well_stays_retired_without_it(repo: ModelRepo) -> None:
    repo.write("data/a", b"other data")
    repo.write("model.bin", b"of other data")
    repo.commit("other data", "-a")
    repo.write("data/a", b"a")
    repo.write("model.bin", b"of the data before")
    repo.commit("back", "-a")
    repo.git("push", "-q")
    four_versions.age(repo.path.parent / "storage")
    four_versions.age(repo.path / ".dvc/cache/files")
    retire(repo, "v0.4", "data-v0.0")
    repo.git("push", "-q")
    repo.cpv("prune", "--remote", "--grace", "0d", "--yes")
    assert not stored(repo, md5(b"other data")).exists()
    place = cached(repo, md5(b"of other data"))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"of other data")
    done = repo.cpv("retire", "--undo", "v0.4", status=1)
    assert "v0.4 stays retired: neither the cache nor the remote has data" in done.err


def test_a_version_is_retired_again_in_the_second_in_which_it_was_taken_back(repo: ModelRepo) -> None:
    moment = {"GIT_COMMITTER_DATE": "2026-11-28T10:00:00Z"}
    retire(repo, "v0.1", env=moment)
    repo.cpv("retire", "--undo", "v0.1", env=moment)
    retire(repo, "v0.1", env=moment)
    assert list(retired.read_retirements(project_of(repo).repo)) == ["v0.1"]


def test_taking_a_retirement_back_believes_no_memory_of_any_remote(tmp_path: Path) -> None:
    """An output may name a remote of its own."""
    repo = four_versions.copy(tmp_path)
    project = project_of(repo)
    retire_plan.retire_versions(
        project.repo, retire_plan.plan_retirement(project.repo, [project], ["v0.1"], Policy()).chosen, None
    )
    Queue.of(project.repo).record("s3://weights/of/ours", {md5(weights(1)): 15})
    retire_plan.undo(project.repo, [project], ["v0.1"])
    assert Queue.of(project.repo).verified("s3://weights/of/ours", [md5(weights(1))]) == set()


def test_an_upload_before_a_commit_asks_for_files_of_retired_folders_too(tmp_path: Path) -> None:
    repo = four_versions.copy(tmp_path)
    project = project_of(repo)
    retire_plan.retire_versions(
        project.repo, retire_plan.plan_retirement(project.repo, [project], ["v0.1"], Policy()).chosen, None
    )
    save(repo, {"tok/words": words(1), "tok/more": b"more"})
    Queue.of(project.repo).record(Store(project).remote.url, {md5(words(1)): len(words(1))})
    stored(repo, md5(words(1))).unlink()
    pointer = next(one for one in pointers_at(project, "HEAD") if one.path == "tok")
    Delivery(project, False, Progress("testing")).run({str(pointer.oid): pointer}, upload=True)
    assert stored(repo, md5(words(1))).exists()
