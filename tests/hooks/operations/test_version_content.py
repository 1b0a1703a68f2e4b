"""What versions consist of: the pointers that DVC can write, and those that only a hostile repository does."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from cpv_hooks.dvcformat.directory_object import dir_object_bytes, dir_oid
from cpv_hooks.dvcformat.file_hash import legacy_md5
from cpv_hooks.errors import CPVError
from cpv_hooks.operations.download.download import plan_download_model, plan_load
from cpv_hooks.operations.download.version_content import find_content
from cpv_hooks.operations.info.metadata import model_metadata
from cpv_hooks.project.project import Project
from cpv_hooks.project.tag_schemes import Line
from cpv_hooks.versions.version import resolve_version
from support import engine
from support.repos import ModelRepo
from support.stored import contents


def project(repo: ModelRepo) -> Project:
    return Project.find_all(engine.git_repo(repo))[0]


def tag(repo: ModelRepo, **files: str) -> None:
    """Commit these files past the hooks, and tag the commit v5.0."""
    for name, text in files.items():
        repo.write(name.replace("__", "/").replace("_", "."), text)
    repo.git("add", "-A", env={"CPV_RUNNING": "1"})
    repo.git("commit", "-q", "-n", "-m", "by hand", env={"CPV_RUNNING": "1"})
    repo.git("update-ref", "refs/tags/v5.0", "HEAD", env={"CPV_RUNNING": "1"})


def put(folder: Path, oid: str, data: bytes) -> None:
    """Put an object where DVC 2 or DVC 3 keeps it."""
    path = folder / oid[:2] / oid[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o444)


def out(oid: str, path: str, *more: str) -> str:
    lines = [f"- md5: {oid}", "  hash: md5", f"  path: {path}", *(f"  {line}" for line in more)]
    return "outs:\n" + "\n".join(lines) + "\n"


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


@pytest.mark.parametrize("is_cached", [True, False])
def test_pointers_of_dvc_2(versions: ModelRepo, tmp_path: Path, is_cached: bool) -> None:
    text, listed = b"one\r\ntwo\r\n", b"x\r\n"
    old = legacy_md5(versions.write("old.txt", text))
    (versions.path / "old.txt").unlink()
    inner = legacy_md5(versions.write("x", listed))
    (versions.path / "x").unlink()
    listing = dir_object_bytes([("a/b", inner)])
    store = versions.path / ".dvc/cache" if is_cached else tmp_path / "storage"
    put(store, old, text)
    put(store, inner, listed)
    put(store, dir_oid(listing), listing)
    tag(
        versions,
        old_dvc=f"outs:\n- md5: {old}\n  size: 10\n  path: old.txt\n",
        dir_dvc=f"outs:\n- md5: {dir_oid(listing)}\n  size: 3\n  nfiles: 1\n  path: dir\n",
    )
    loaded = plan_load(project(versions), "v5.0").run()
    assert contents(loaded.folder).items() >= {"old.txt": text, "dir/a/b": listed}.items()
    copied = plan_download_model(project(versions), "v5.0", tmp_path / "out").run()
    assert contents(copied.folder).items() >= {"old.txt": text, "dir/a/b": listed}.items()
    assert plan_download_model(project(versions), "v5.0", tmp_path / "out").effects == ()
    found = model_metadata(project(versions), "v5.0")
    assert (found["in_cache"], found["on_remote"]) == (True, not is_cached)


def test_an_import_that_was_never_downloaded_is_left_out(
    versions: ModelRepo, capfd: pytest.CaptureFixture[str]
) -> None:
    deps = "deps:\n- path: data.csv\n  repo:\n    url: https://host/x\n"
    tag(versions, imported_dvc=f"{deps}outs:\n- path: imported\n  hash: md5\n")
    found = plan_load(project(versions), "v5.0").run()
    assert "imported" not in found.files
    told = "cpv: imported is an import that was never downloaded, so v5.0 has no content of it\n"
    assert capfd.readouterr().err == told
    assert model_metadata(project(versions), "v5.0")["in_cache"]


def test_an_import_that_is_nowhere_is_updated(versions: ModelRepo) -> None:
    deps = "deps:\n- path: data.csv\n  repo:\n    url: https://host/x\n"
    tag(versions, imported_dvc=deps + out(md5(b"far"), "imported", "size: 3"))
    with pytest.raises(CPVError, match=r"has imported of v5\.0; fix: git checkout v5\.0 && dvc update imported"):
        plan_load(project(versions), "v5.0")
    assert model_metadata(project(versions), "v5.0")["on_remote"] is True, "an import has its own source"


def test_an_import_in_the_cache_serves_even_where_everything_is_fetched_anew(versions: ModelRepo) -> None:
    deps = "deps:\n- path: data.csv\n  repo:\n    url: https://host/x\n"
    put(versions.path / ".dvc/cache/files/md5", md5(b"far"), b"far")
    tag(versions, imported_dvc=deps + out(md5(b"far"), "imported", "size: 3"))
    found = plan_load(project(versions), "v5.0", use_cache=False).run()
    assert found.files["imported"].read_bytes() == b"far"


def test_what_its_stage_keeps_off_the_remote(versions: ModelRepo, capfd: pytest.CaptureFixture[str]) -> None:
    tag(versions, local_dvc=out(md5(b"here"), "local", "size: 4", "push: false"))
    assert "local" not in plan_load(project(versions), "v5.0").run().files
    told = "cpv: local skipped: it is not in the cache, and its stage sets `push: false`\n"
    assert capfd.readouterr().err == told
    put(versions.path / ".dvc/cache/files/md5", md5(b"here"), b"here")
    assert plan_load(project(versions), "v5.0", use_cache=False).run().files["local"].read_bytes() == b"here"


def test_a_pointer_without_content(versions: ModelRepo) -> None:
    tag(versions, empty_dvc="outs:\n- path: empty\n  hash: md5\n")
    with pytest.raises(CPVError, match=r"empty\.dvc: empty has no content in v5\.0; fix: dvc commit empty\.dvc"):
        plan_load(project(versions), "v5.0")


def test_one_place_claimed_twice(versions: ModelRepo) -> None:
    put(versions.path / ".dvc/cache/files/md5", md5(b"x"), b"x")
    tag(versions, other_dvc=out(md5(b"x"), "tokenizer/vocab"))
    with pytest.raises(CPVError, match=r"tokenizer/vocab is claimed by two pointers; fix: git rm --cached"):
        plan_load(project(versions), "v5.0")
    tag(versions, other_dvc=out(md5(b"x"), "model.bin/inner"))
    with pytest.raises(CPVError, match=r"model\.bin/inner is claimed by two pointers"):
        plan_load(project(versions), "v5.0")


def test_a_listing_that_leads_out_is_not_used(versions: ModelRepo) -> None:
    listing = b'[{"md5": "%s", "relpath": "../../evil"}]' % md5(b"x").encode()
    put(versions.path / ".dvc/cache/files/md5", dir_oid(listing), listing)
    put(versions.path.parent / "storage/files/md5", dir_oid(listing), listing)
    tag(versions, evil_dvc=out(dir_oid(listing), "evil"))
    with pytest.raises(CPVError, match=r"'../../evil' is not a path inside the directory"):
        plan_load(project(versions), "v5.0")


def test_a_team_and_a_model_that_lead_out(versions: ModelRepo, tmp_path: Path) -> None:
    tag(versions, _cpv_toml='[cpv]\nteam = "../../x"\nmodel = ".."\n')
    found = plan_load(project(versions), "v5.0").run()
    assert found.folder.parent.parts[-2:] == ("%2E.%2F..%2Fx", "%2E.")


def test_pieces_are_named_by_their_place(versions: ModelRepo) -> None:
    stock = find_content(project(versions), resolve_version(project(versions), Line.MODEL, None))
    names = ["metrics.log", "model.bin", "tokenizer/deep/merges", "tokenizer/vocab"]
    assert sorted(piece.shown for piece in stock.pieces) == names
    assert sorted(map(stock.place, stock.pieces)) == names
    assert stock.lacking == ()


def test_the_same_content_twice_is_fetched_once(versions: ModelRepo) -> None:
    versions.write("tokenizer/copy", b"a b c")
    versions.commit("twice", "-a")
    shutil.rmtree(versions.path / ".dvc/cache")
    stock = find_content(project(versions), resolve_version(project(versions), Line.MODEL, None))
    oids = [piece.oid for piece in stock.lacking]
    assert len(oids) == len(set(oids)) == 5
