"""Pointer files: read strictly, rewritten byte for byte as DVC writes them."""

from __future__ import annotations

import pytest

from cpv_hooks.dvcformat.conflict_markers import has_conflict
from cpv_hooks.dvcformat.pointer import MAX_BYTES, Content, Pointer, is_pointer_file, parse_pointers
from cpv_hooks.dvcformat.pointer_writer import render_pointer
from cpv_hooks.errors import CPVError
from support.shell import Shell

OID = "d41d8cd98f00b204e9800998ecf8427e"


def text(path: str = "model.bin", *, md5: str = OID, more: str = "") -> str:
    return f"outs:\n- md5: {md5}\n  size: 3\n  hash: md5\n  path: {path}\n{more}"


@pytest.fixture
def dvc_shell(shell: Shell) -> Shell:
    shell.git("init", "-q")
    shell.dvc("init", "-q")
    return shell


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.bin.dvc", True),
        ("a/b/data.dvc", True),
        ("dvc.lock", True),
        ("a/dvc.lock", True),
        (".dvc", False),
        ("a/.dvc", False),
        ("dvc.yaml", False),
        ("model.dvc.bak", False),
        ("notdvc.lock", False),
        ("model.dvc/x", False),
    ],
)
def test_names_of_pointer_files(name: str, expected: bool) -> None:
    assert is_pointer_file(name) is expected


def test_reads_what_dvc_add_wrote(dvc_shell: Shell) -> None:
    dvc_shell.write("models/net.bin", b"12345").chmod(0o755)
    dvc_shell.write("data/a", b"1")
    dvc_shell.write("data/b/c", b"22")
    dvc_shell.dvc("add", "-q", "models/net.bin", "data")

    [model] = parse_pointers(dvc_shell.read("models/net.bin.dvc").decode(), "models/net.bin.dvc")
    assert model == Pointer(
        file="models/net.bin.dvc", path="models/net.bin", oid=dvc_shell.md5("models/net.bin"), size=5, isexec=True
    )
    assert model.writable
    assert not model.isdir
    [data] = parse_pointers(dvc_shell.read("data.dvc").decode(), "data.dvc")
    assert (data.path, data.size, data.nfiles, data.isdir) == ("data", 3, 2, True)


def test_more_than_one_output_and_those_that_git_keeps() -> None:
    two = text("a") + f"- path: b\n  md5: {OID}.dir\n- path: c\n  cache: false\n"
    assert [(p.path, p.isdir) for p in parse_pointers(two, "x.dvc")] == [("a", False), ("b", True)]


def test_wdir_leads_to_another_folder() -> None:
    assert parse_pointers(text("net.bin", more="wdir: ../models\n"), "pointers/net.dvc")[0].path == "models/net.bin"


def test_an_import_is_not_ours_to_rewrite() -> None:
    [pointer] = parse_pointers(text(more="deps:\n- path: https://example.com/x\n"), "x.dvc")
    assert pointer.imported
    assert not pointer.writable


def test_a_pointer_of_dvc_2_is_legacy() -> None:
    [pointer] = parse_pointers(f"outs:\n- md5: {OID}\n  size: 3\n  path: x\n", "x.dvc")
    assert pointer.legacy
    assert not parse_pointers(text("x"), "x.dvc")[0].legacy


def test_push_false_is_kept_in_mind() -> None:
    assert not parse_pointers(text().replace("  hash: md5", "  push: false\n  hash: md5"), "x.dvc")[0].push


def test_an_output_without_a_hash_yet() -> None:
    assert parse_pointers("outs:\n- path: later.bin\n", "later.bin.dvc")[0].oid is None


LOCK = f"""schema: '2.0'
stages:
  train:
    cmd: python train.py
    outs:
    - path: model.bin
      hash: md5
      md5: {OID}
      size: 0
    - path: report.json
      md5: {OID}
  gone:
    cmd: x
    outs:
    - path: old.bin
      md5: {OID}
"""
PIPELINE = """stages:
  train:
    cmd: python train.py
    wdir: sub
    outs: [model.bin]
    metrics:
    - report.json:
        cache: false
"""


def test_a_lock_file_names_the_outputs_of_the_stages_that_are_left() -> None:
    [pointer] = parse_pointers(LOCK, "dvc.lock", PIPELINE)
    assert (pointer.path, pointer.stage, pointer.writable) == ("sub/model.bin", True, False)


def test_a_lock_file_with_a_templated_folder_is_left_to_dvc() -> None:
    assert parse_pointers(LOCK, "dvc.lock", PIPELINE.replace("wdir: sub", "wdir: ${where}")) == []


def test_a_pipeline_that_dvc_locked(dvc_shell: Shell) -> None:
    dvc_shell.write(
        "dvc.yaml",
        "stages:\n  each:\n    foreach: [a, b]\n    do:\n"
        "      cmd: echo ${item} > ${item}.out\n      outs: ['${item}.out']\n",
    )
    dvc_shell.dvc("repro", "-q")
    found = parse_pointers(dvc_shell.read("dvc.lock").decode(), "dvc.lock", dvc_shell.read("dvc.yaml").decode())
    assert {p.path: p.oid for p in found} == {name: dvc_shell.md5(name) for name in ("a.out", "b.out")}
    assert all(p.stage and not p.legacy for p in found)


@pytest.mark.parametrize(
    ("broken", "where", "what"),
    [
        ("outs: [", "x.dvc", "not YAML"),
        ("a: b: c\n", "x.dvc:1", "not YAML"),
        (text() + "\tx: 1\n", "x.dvc:6", "not YAML"),
        ("\x00\x01", "x.dvc", "not YAML"),
        ("!!python/object/apply:os.system ['true']\n", "x.dvc:1", "not YAML"),
        ("", "x.dvc", "not a DVC pointer"),
        ("just text\n", "x.dvc", "not a DVC pointer"),
        ("- a\n- b\n", "x.dvc", "not a DVC pointer"),
        ("outs: 3\n", "x.dvc", "not a DVC pointer"),
        ("outs: []\n", "x.dvc", "not a DVC pointer"),
        ("outs:\n- model.bin\n", "x.dvc", "not a DVC pointer"),
        ("outs:\n- md5: abc\n", "x.dvc", "not a DVC pointer"),
        ("outs:\n- path: [a]\n", "x.dvc", "not a DVC pointer"),
        (text(md5="12345"), "x.dvc", "md5 is not a DVC hash"),
        (text(md5="../../../etc/passwd"), "x.dvc", "md5 is not a DVC hash: '../../../etc/passwd'"),
        (text(md5="/etc/passwd"), "x.dvc", "md5 is not a DVC hash"),
        (text(md5=OID.upper()), "x.dvc", "md5 is not a DVC hash"),
        (text(md5=f"{OID}.dir.dir"), "x.dvc", "md5 is not a DVC hash"),
        (text(md5=f'"{OID}\\n"'), "x.dvc", "md5 is not a DVC hash"),
        (text("../evil"), "x.dvc", "its artifact '../evil' is outside the repository"),
        (text("a/../../evil"), "x.dvc", "is outside the repository"),
        (text("/etc/passwd"), "x.dvc", "its artifact '/etc/passwd' is outside the repository"),
        (text("s3://bucket/key"), "x.dvc", "is outside the repository"),
        (text("."), "x.dvc", "is outside the repository"),
        (text("x", more="wdir: ../..\n"), "a/x.dvc", "is outside the repository"),
        (text("x", more="wdir: /etc\n"), "x.dvc", "is outside the repository"),
        (text(".git/config"), "x.dvc", "its artifact '.git/config' is inside .git or .dvc"),
        (text("sub/.GIT/hooks/post-checkout"), "x.dvc", "is inside .git or .dvc"),
        (text("a/../.git/x"), "x.dvc", "is inside .git or .dvc"),
        (text(".dvc/config"), "x.dvc", "is inside .git or .dvc"),
        (text('"a\\nb"'), "x.dvc", "an artifact's name cannot hold a newline"),
        (text('"a\\0b"'), "x.dvc", "an artifact's name cannot hold a newline"),
        (
            f"<<<<<<< HEAD\n{text()}=======\n{text('b')}>>>>>>> other\n",
            "x.dvc",
            "has merge conflict markers",
        ),
        (
            f"outs:\n<<<<<<< ours\n- md5: {OID}\n||||||| base\n=======\n- md5: {OID}\n>>>>>>> theirs\n  path: x\n",
            "x.dvc",
            "has merge conflict markers",
        ),
    ],
)
def test_what_is_not_a_pointer_is_refused_with_the_command_that_mends_it(broken: str, where: str, what: str) -> None:
    file = "a/x.dvc" if where.startswith("a/") else "x.dvc"
    with pytest.raises(CPVError) as caught:
        parse_pointers(broken, file)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{where}")
    assert what in line
    assert f"{file}" in line.split("; fix: ")[1] or "rename the artifact" in line


def test_markers_inside_a_description_are_text() -> None:
    assert not has_conflict("desc: a <<<<<<< b\n")
    assert not has_conflict("========\n")
    assert has_conflict("=======\n")


def test_a_bomb_of_aliases_costs_nothing() -> None:
    """Nine levels of nine aliases each would be a billion items if they were expanded."""
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(CPVError, match="not a DVC pointer"):
        parse_pointers("\n".join(levels) + "\n", "x.dvc")


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(CPVError, match=r"^x\.dvc.*(not YAML|not a DVC pointer)"):
        parse_pointers("outs: " + "[" * 100_000, "x.dvc")


def test_a_huge_pointer_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(CPVError, match=f"pointer larger than {MAX_BYTES} bytes"):
        parse_pointers("#" * (MAX_BYTES + 1), "x.dvc")


NAMES = ["model.bin", "weights v1.bin", "größe.bin", "#hash.bin", "yes", "1.5", "a: b", "'q'", "- x", "x" * 120]


def test_new_pointers_are_those_that_dvc_add_writes(dvc_shell: Shell) -> None:
    kinds = {"file": Content("", 5), "executable": Content("", 5, isexec=True), "folder": Content("", 5, nfiles=2)}
    for name in NAMES:
        dvc_shell.write(f"file/{name}", b"12345")
        dvc_shell.write(f"executable/{name}", b"12345").chmod(0o755)
        dvc_shell.write(f"folder/{name}/a", b"12")
        dvc_shell.write(f"folder/{name}/b/c", b"345")
    dvc_shell.dvc("add", "-q", "--", *[f"{kind}/{name}" for kind in kinds for name in NAMES])

    for kind, content in kinds.items():
        for name in NAMES:
            theirs = dvc_shell.read(f"{kind}/{name}.dvc").decode()
            [pointer] = parse_pointers(theirs, f"{kind}/{name}.dvc")
            assert pointer.oid is not None
            new = Pointer(f"{kind}/{name}.dvc", f"{kind}/{name}", None)
            assert render_pointer(None, new, content._replace(oid=pointer.oid)) == theirs, (kind, name)


OLD = f"""# made by hand
outs:
- md5: {OID}
  size: 3
  hash: md5
  path: model.bin
  desc: the best one   # so far
  type: model
  labels: [a, b]
  meta:
    loss: 0.5
    epoch: 3
- md5: {OID}
  size: 4
  hash: md5
  path: other.bin
desc: two files
meta:
  owner: ada
"""


def test_everything_else_in_a_pointer_survives_as_with_dvc_add(dvc_shell: Shell) -> None:
    dvc_shell.write("model.bin", b"one")
    dvc_shell.write("other.bin", b"two!")
    dvc_shell.write("m.dvc", OLD.replace(OID, dvc_shell.md5("model.bin"), 1).replace(OID, dvc_shell.md5("other.bin")))
    dvc_shell.dvc("commit", "-q", "-f", "m.dvc")
    before = dvc_shell.read("m.dvc").decode()
    dvc_shell.write("model.bin", b"three")
    dvc_shell.dvc("commit", "-q", "-f", "m.dvc")
    theirs = dvc_shell.read("m.dvc").decode()

    pointer = parse_pointers(before, "m.dvc")[0]
    ours = render_pointer(before, pointer, Content(dvc_shell.md5("model.bin"), 5))
    assert ours == theirs
    assert "# so far" in ours
    assert "owner: ada" in ours


def test_keys_that_no_longer_hold_are_dropped() -> None:
    old = f"outs:\n- md5: {OID}.dir\n  size: 3\n  nfiles: 2\n  isexec: true\n  hash: md5\n  path: x\n"
    new = render_pointer(old, parse_pointers(old, "x.dvc")[0], Content(OID, 0))
    assert new == f"outs:\n- md5: {OID}\n  size: 0\n  hash: md5\n  path: x\n"


def test_a_pointer_beside_an_artifact_in_a_subfolder() -> None:
    new = render_pointer(None, Pointer("models/a.bin.dvc", "models/a.bin", None), Content(OID, 0))
    assert new.endswith("path: a.bin\n")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("sub/${name}.bin", {"remote": "private", "push": False}),
        ("./sub/a.bin", {"remote": "private"}),
        ("other/${name}.bin", {"remote": "private"}),
    ],
)
def test_what_dvc_yaml_says_of_an_output(written: str, said: dict[str, object]) -> None:
    lock = f"schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n    - path: sub/a.bin\n      md5: {'a' * 32}\n"
    flags = "".join(f"        {key}: {str(value).lower()}\n" for key, value in said.items())
    pipeline = f"stages:\n  train:\n    cmd: x\n    outs:\n    - {written}:\n{flags}"
    found = parse_pointers(lock, "dvc.lock", pipeline)[0]
    fits = not written.startswith("other")
    assert found.remote == ("private" if fits else None)
    assert found.push is not (fits and said.get("push") is False)


def test_a_remote_that_is_no_name() -> None:
    with pytest.raises(CPVError, match="remote is not the name of a DVC remote: '5'"):
        parse_pointers(f"outs:\n- md5: {'a' * 32}\n  hash: md5\n  path: x\n  remote: 5\n", "x.dvc")
