"""The same tree in two repositories: what CPV makes of it is, byte for byte, what DVC itself makes of it.

Compared are pointer files, the cache and the remote (a directory); then each of the two reads what the other wrote.
`CPV_CONFORMANCE_EXAMPLES` sets the number of trees (the long form: 100).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import REAL_ENVIRONMENT, MakeRepo
from dvc.repo import Repo as DVCRepo
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from cpv_hooks.console.progress import Progress
from cpv_hooks.project.project import Project
from cpv_hooks.sync.sync_policy import CHECKOUT, QUERY
from cpv_hooks.transfer.commits.upload_commits import publish
from support.engine import git_repo, run
from support.repos import ModelRepo

pytestmark = pytest.mark.real_hooks

EXAMPLES = int(REAL_ENVIRONMENT.get("CPV_CONFORMANCE_EXAMPLES", "4"))
SETTINGS = '[artifacts]\nmodel = ["model.bin"]\ndata = ["data"]\n'
NUMBER = count()


class File(NamedTuple):
    """A file of a tree."""

    content: bytes
    isexec: bool = False


Tree = Mapping[str, Any]
"""Name -> `File` or `Tree`."""

NAMES = st.text(st.sampled_from("ab.-_ #:*[!é漢😀'\"\\%~é"), min_size=1, max_size=6).filter(
    lambda name: name not in (".", "..")
)
NAMES |= st.sampled_from(["a.log", "a.tmp", "keep.log", "ignored", "null", "1e3", "yes", "con"])
FILES = st.builds(File, st.binary(max_size=40), st.booleans()) | st.just(File(b""))
TREES = st.recursive(
    st.dictionaries(NAMES, FILES, max_size=4),
    lambda inner: st.dictionaries(NAMES, FILES | inner, max_size=4),
    max_leaves=12,
)
IGNORES = st.sampled_from(["", "", "*.log\n!keep.log\n", "ignored/\n", "/data/a*\n", "data/**/*.tmp\n", "# nothing\n"])

NESTED: Tree = {
    "a": {"b.txt": File(b"1"), "empty": {}},
    "a-b": File(b"2"),
    "a.log": File(b"3"),
    "é": File(b"", isexec=True),
    "e\u0301": {"漢 字": File(b"1")},
}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 50,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(TREES, FILES, IGNORES)
@example(NESTED, File(b"weights", isexec=True), "*.log\n")
@example({}, File(b""), "")
def test_what_we_make_of_a_tree_is_what_dvc_makes(make_repo: MakeRepo, tree: Tree, model: File, ignore: str) -> None:
    number = next(NUMBER)
    ours = _planted(make_repo, f"ours-{number}", tree, model, ignore)
    theirs = _planted(make_repo, f"theirs-{number}", tree, model, ignore)
    _add_and_push_by_cpv(ours)
    _add_and_push_by_dvc(theirs)
    assert _made(ours) == _made(theirs)
    wanted = _kept(theirs)
    _dvc_reads(ours, wanted)
    _cpv_reads(theirs, wanted)
    shutil.rmtree(ours.path)
    shutil.rmtree(theirs.path)


def _planted(make_repo: MakeRepo, name: str, tree: Tree, model: File, ignore: str) -> ModelRepo:
    storage = Path(f"../storage-{name}")
    repo = make_repo(name, remote=storage, install=False, settings=SETTINGS)
    if ignore:
        repo.write(".dvcignore", ignore)
    _plant(repo.path, {"data": tree, "model.bin": model})
    repo.git("add", "-A", "--", ":!data", ":!model.bin")
    return repo


def _plant(folder: Path, tree: Tree) -> None:
    for name, item in tree.items():
        path = folder / name
        if isinstance(item, File):
            path.write_bytes(item.content)
            path.chmod(0o755 if item.isexec else 0o644)
        else:
            path.mkdir()
            _plant(path, item)


def _add_and_push_by_cpv(repo: ModelRepo) -> None:
    report = run(repo, QUERY)
    assert [outcome.state for outcome in report.outcomes] == ["snapshot", "snapshot"], report.errors
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "tree")
    found = git_repo(repo)
    with Progress("uploading") as progress:
        assert not publish(Project.find_all(found)[0], ["HEAD"], progress).missing


def _add_and_push_by_dvc(repo: ModelRepo) -> None:
    with closing(DVCRepo(str(repo.path))) as dvc:
        dvc.add([str(repo.path / "data"), str(repo.path / "model.bin")])
        dvc.push()
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "tree")


def _made(repo: ModelRepo) -> dict[str, Any]:
    storage = repo.path.parent / f"storage-{repo.path.name}"
    return {
        "pointers": {name: repo.read(name) for name in ("data.dvc", "model.bin.dvc")},
        "hidden from Git": set(repo.read(".gitignore").splitlines()),
        "cache": dict(_files(repo.path / ".dvc/cache/files", mode=0o777)),
        "remote": dict(_files(storage, mode=0o777)),
    }


def _files(folder: Path, *, mode: int) -> Iterator[tuple[str, tuple[bytes, int]]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), (path.read_bytes(), path.stat().st_mode & mode)


def _artifacts(repo: ModelRepo) -> dict[str, bytes]:
    """Every file of the artifacts that stands in the work tree; of the model its executable bit too."""
    found = {name: content for name, (content, _) in _files(repo.path / "data", mode=0)}
    model = repo.path / "model.bin"
    return found | {"/model": model.read_bytes(), "/executable": bytes([model.stat().st_mode & 0o100 > 0])}


def _kept(repo: ModelRepo) -> dict[str, bytes]:
    """The artifacts as DVC brings them back: without what it ignores."""
    _clear(repo)
    with closing(DVCRepo(str(repo.path))) as dvc:
        dvc.checkout()
    return _artifacts(repo)


def _clear(repo: ModelRepo, *, cache: bool = False) -> None:
    shutil.rmtree(repo.path / "data")
    (repo.path / "model.bin").unlink()
    if cache:
        shutil.rmtree(repo.path / ".dvc/cache")


def _dvc_reads(repo: ModelRepo, wanted: dict[str, bytes]) -> None:
    with closing(DVCRepo(str(repo.path))) as dvc:
        assert dvc.status() == {}
        assert dvc.status(cloud=True) == {}
    _clear(repo)
    with closing(DVCRepo(str(repo.path))) as dvc:
        dvc.checkout()
    assert _artifacts(repo) == wanted
    _clear(repo, cache=True)
    with closing(DVCRepo(str(repo.path))) as dvc:
        dvc.pull()
    assert _artifacts(repo) == wanted


def _cpv_reads(repo: ModelRepo, wanted: dict[str, bytes]) -> None:
    assert not run(repo, QUERY).of("snapshot", "conflict", "invalid")
    for cache in (False, True):
        _clear(repo, cache=cache)
        assert [outcome.state for outcome in run(repo, CHECKOUT).outcomes] == ["materialised", "materialised"]
        assert _artifacts(repo) == wanted
    with closing(DVCRepo(str(repo.path))) as dvc:
        assert dvc.status() == {}


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "\x7f", "\u2028"])
def test_names_that_few_would_choose(make_repo: MakeRepo, name: str) -> None:
    ours = _planted(make_repo, "ours", {name: File(b"1")}, File(b"2"), "")
    theirs = _planted(make_repo, "theirs", {name: File(b"1")}, File(b"2"), "")
    _add_and_push_by_cpv(ours)
    _add_and_push_by_dvc(theirs)
    assert _made(ours) == _made(theirs)


def test_a_pointer_inside_an_artifact_is_refused_by_both(make_repo: MakeRepo) -> None:
    ours, theirs = (_planted(make_repo, name, {"x.dvc": File(b"")}, File(b"2"), "") for name in ("ours", "theirs"))
    assert [str(error) for error in run(ours, QUERY).errors] == [
        "data/x.dvc: not a DVC pointer; fix: git checkout -- data/x.dvc"
    ]
    with closing(DVCRepo(str(theirs.path))) as dvc, pytest.raises(Exception, match=r"x\.dvc' is within an output"):
        dvc.add([str(theirs.path / "data")])
