"""Models in the `artifacts:` section of `dvc.yaml`: what is there stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.dvcformat.artifacts_section import with_models

OWN = "artifacts:\n  resnet:\n    path: model.bin\n    type: model\n"
STAGES = """# how we train
stages:
    train:
        cmd:   python train.py   # two spaces
        outs: [ 'out.bin' ]
"""
PARAMS = "params:\n- x:\n    path: model.bin\n"
NAMED = """artifacts:
  ours:   # by the team
    path: ./model.bin
    desc: 'ours'
  resnet:
    path: gone.bin
    labels: [a, b]
"""


@pytest.mark.parametrize(
    ("text", "paths", "wanted"),
    [
        ("", ["model.bin"], OWN),
        (STAGES, ["model.bin"], STAGES + OWN),
        (STAGES.rstrip("\n"), ["model.bin"], STAGES + OWN),
        (OWN, ["model.bin"], None),
        (OWN, [], None),
        (NAMED, ["model.bin"], None),
        # A path that is no artifact any more makes room, and what else the entry says stays.
        (NAMED, ["b.bin"], NAMED.replace("gone.bin", "b.bin")),
        ("artifacts: {}\n", ["model.bin"], OWN),
        ("artifacts:\n", ["model.bin"], OWN),
        (OWN, ["a/b c.bin"], OWN + "  resnet-a-b-c:\n    path: a/b c.bin\n    type: model\n"),
        (
            OWN.replace("resnet:", "resnet-b:"),
            ["b.bin"],
            OWN.replace("resnet:", "resnet-b:") + OWN[11:].replace("model.bin", "b.bin"),
        ),
        # Not ours to mend: DVC says what is wrong.
        ("artifacts: [1]\n", ["model.bin"], None),
        ("artifacts:\n  resnet: model.bin\n", ["b.bin"], None),
        ("a: [\n", ["model.bin"], None),
        ("- a\n", ["model.bin"], None),
        ("<<<<<<< x\na: 1\n=======\na: 2\n>>>>>>> y\n", ["model.bin"], None),
        ("{stages: {}}\n", ["model.bin"], "{stages: {}, artifacts: {resnet: {path: model.bin, type: model}}}\n"),
    ],
)
def test_what_becomes_of_a_text(tmp_path: Path, text: str, paths: list[str], wanted: str | None) -> None:
    (tmp_path / "model.bin.dvc").touch()
    assert with_models(text, "resnet", paths, tmp_path) == wanted


@pytest.mark.parametrize(
    ("model", "name"), [("resnet.50", "resnet-50"), ("-x-", "x"), ("模型", "model"), ("a/b", "a/b"), ("model", "model")]
)
def test_names_that_dvc_takes(tmp_path: Path, model: str, name: str) -> None:
    from dvc.repo.artifacts import name_is_compatible

    text = with_models("", model, ["x.bin"], tmp_path)
    assert text is not None and f"\n  {name}:\n" in text
    assert name_is_compatible(name)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (NAMED, NAMED.replace("./model.bin", "new.bin")),
        (
            OWN.replace("model.bin", "'model.bin'  # the large one"),
            OWN.replace("model.bin", "'new.bin'  # the large one"),
        ),
        ("{artifacts: {a: {path: model.bin}}}\n", "{artifacts: {a: {path: new.bin}}}\n"),
        # A name of the same look elsewhere is not touched.
        (PARAMS + OWN, PARAMS + OWN.replace("model.bin", "new.bin")),
        (OWN.replace("model.bin", "b.bin"), None),
    ],
)
def test_a_moved_model(tmp_path: Path, text: str, wanted: str | None) -> None:
    assert with_models(text, "resnet", [], tmp_path, {"model.bin": "new.bin"}) == wanted
