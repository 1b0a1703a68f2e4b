"""Annotated tags that are made together are those that Git makes one by one."""

from __future__ import annotations

import pytest
from conftest import MakeRepo

from cpv_hooks.git.repo import Repo
from cpv_hooks.versions import tag_objects


@pytest.mark.parametrize("count", [1, 3])
def test_many_are_made_as_one_is(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    model = make_repo(files={"model.bin": "first"})
    repo = Repo.discover(model.path)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1700000000 +0100")
    wanted = [(f"v1.{number}", model.head(), f"versión {number}\n\nloss: 0.{number}\n") for number in range(count)]
    one_by_one = {name: tag_objects.make_object(repo, name, commit, text) for name, commit, text in wanted}
    asked: list[str] = []
    real = Repo.run

    def run(itself: Repo, *args: str, **rest: object) -> str:
        asked.append(args[0])
        return real(itself, *args, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Repo, "run", run)
    assert tag_objects.make_objects(repo, wanted) == one_by_one
    assert asked == (["var", "config", "mktag"] if count == 1 else ["config", "var", "hash-object"])
    assert tag_objects.make_objects(repo, []) == {}
    model.git("fsck", "--strict")
