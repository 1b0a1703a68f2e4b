"""Two runs that save the same content at one time: what the one lets go of the other may just be bringing."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest
from conftest import MakeRepo

from cpv_hooks.dvcformat.cache import Cache
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.runs import retention, run_refs, take_in
from cpv_hooks.runs.run_folder import JOB, RunFolder, Saved
from support.repos import SETTINGS, ModelRepo

FILES = {"weights.bin": b"weights", "more/tokenizer.json": b"{}"}


@pytest.fixture
def repo(make_repo: MakeRepo) -> ModelRepo:
    settings = SETTINGS + '[artifacts]\nmodel = ["model"]\n[push]\nwhen = "never"\n'
    return make_repo(install=False, settings=settings, files={"model/weights.bin": "first"})


def saved(repo: Repo, name: str) -> tuple[RunFolder, Saved]:
    """A checkpoint that waits, of the same content whatever the run."""
    folder = RunFolder.of(repo, name)
    folder.begin({"job": "1", "artifact": None})
    files = folder.start_saving(0)
    for path, data in FILES.items():
        (files / path).parent.mkdir(exist_ok=True)
        (files / path).write_bytes(data)
    folder.finish_saving(files, 0, {"step": 0, "job": "1", "metrics": {}})
    claimed = folder.claim(folder.left()[-1])
    assert claimed is not None and folder.read(JOB)
    return folder, claimed


def test_what_one_run_frees_while_another_brings_it(repo: ModelRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decided before the other's step has its ref, carried out after that."""
    here = Repo.discover(repo.path)
    project = Project.find_all(here)[0]
    one, first = saved(here, "one")
    two, second = saved(here, "two")
    step = take_in.take_in(project, one, first)
    write, threads = take_in.write_step, list[threading.Thread]()

    def write_late(*args: Any) -> Any:
        run_refs.delete_step_refs(here, "one", [step])
        thread = threading.Thread(target=retention.free, args=(project, one))
        thread.start()
        threads.append(thread)
        thread.join(1)
        return write(*args)

    monkeypatch.setattr(take_in, "write_step", write_late)
    kept = take_in.take_in(project, two, second)
    threads[0].join()
    cache = Cache(project.cache_dir)
    assert cache.has(kept_oid(repo, kept.commit))
    assert all(cache.has(hashlib.md5(data).hexdigest()) for data in FILES.values())


def kept_oid(repo: ModelRepo, commit: str) -> str:
    pointer = repo.git("show", f"{commit}:model.dvc").out
    return pointer.partition("md5: ")[2].split()[0]
