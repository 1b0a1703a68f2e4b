"""Bad input to `dvc cpv init` and `import_model_init`: one line, and nothing is made."""

from __future__ import annotations

from typing import Any

import pytest

from dvc_cpv_plugin import CPVError, DataCheckpointsManage, ModelsCheckpointsManage
from support.unchanged import nothing_changes
from support.world import World

RULE = "(1 to 64 letters, digits, '.', '_' or '-', not beginning with '-' or '.' nor ending with '.')"
NEW = ("init", "fresh", "--team-name", "vision")
UNKNOWN = (
    "DVC has no remotes of the kind foo:// (known: azure, gdrive, gs, hdfs, http, https, oss, remote, s3, ssh, webdav, "
    "webdavs, webhdfs)"
)
NONE = (
    "{root}/nowhere: there is no repository of other/model here; fix: git clone "
    "git@bitbucket.org:AI-other-model-checkpoints/model.git, or dvc cpv init model --team-name other"
)


def name(what: str, given: str) -> str:
    return f"{given} is not a {what} name {RULE}; fix: dvc cpv init --{what}-name NAME"


# In the folder `nowhere`, which is empty and in no repository
CASES: list[tuple[tuple[str, ...], str]] = [
    (("init",), "the team's name is missing; fix: dvc cpv init --team-name NAME"),
    (("init", "fresh"), "the team's name is missing; fix: dvc cpv init --team-name NAME"),
    (("init", "", "--team-name", "vision"), "the folder's name is empty; fix: dvc cpv init MODEL"),
    (("init", "fresh", "--team-name="), name("team", "''")),
    (("init", "fresh", "--team-name= "), name("team", "' '")),
    (("init", "fresh", "--team-name=../x"), name("team", "'../x'")),
    (("init", "fresh", "--team-name=a/b"), name("team", "'a/b'")),
    (("init", "fresh", "--team-name=-x"), name("team", "'-x'")),
    (("init", "fresh", "--team-name=--help"), name("team", "'--help'")),
    (("init", "fresh", "--team-name=a;b"), name("team", "'a;b'")),
    (("init", "fresh", "--team-name=$(touch pwned)"), name("team", "'$(touch pwned)'")),
    (("init", "fresh", "--team-name=a\nb"), name("team", "'a\\nb'")),
    (("init", "fresh", "--team-name=.git"), name("team", "'.git'")),
    (("init", "fresh", "--team-name=" + "x" * 65), name("team", f"'{'x' * 65}'")),
    ((*NEW, "--model-name="), name("model", "''")),
    ((*NEW, "--model-name=.."), name("model", "'..'")),
    ((*NEW, "--model-name=a..b"), name("model", "'a..b'")),
    ((*NEW, "--model-name=a b"), name("model", "'a b'")),
    ((*NEW, "--model-name=a`id`"), name("model", "'a`id`'")),
    ((*NEW, "--model-name=a\\b"), name("model", "'a\\\\b'")),
    ((*NEW, "--model-name=.hidden"), name("model", "'.hidden'")),
    (("init", "--model-name=../up", "--team-name=vision"), name("model", "'../up'")),
    ((*NEW, "--data-path="), "the data path is empty or no path; fix: dvc cpv init --data-path DATA"),
    ((*NEW, "--data-path=gone"), "gone: no such file or folder; fix: dvc cpv init --data-path AN-EXISTING-PATH"),
    ((*NEW, "--data-path=$(id)"), "$(id): no such file or folder; fix: dvc cpv init --data-path "
     "AN-EXISTING-PATH"),
    ((*NEW, "--data-path=.."), "..: the data path holds the repository itself; fix: dvc cpv init --data-path "
     "DATA"),
    ((*NEW, "--data-path=/dev/null"), "/dev/null: neither a file nor a folder; fix: dvc cpv init "
     "--data-path DATA"),
    ((*NEW, "--remote="), "the remote's URL is empty; fix: dvc cpv init --remote s3://BUCKET/PREFIX"),
    ((*NEW, "--remote= "), "the remote's URL is empty; fix: dvc cpv init --remote s3://BUCKET/PREFIX"),
    ((*NEW, "--remote=s3://"), "s3:// names no bucket; fix: dvc cpv init --remote s3://BUCKET/PREFIX"),
    ((*NEW, "--remote=foo://x"), f"{UNKNOWN}; fix: dvc cpv init --remote URL"),
    ((*NEW, "--remote=https://me:secret@host/x"), "the remote's URL holds a password, which would be committed; fix: "
     "dvc cpv init --remote https://me@host/x, then dvc remote modify --local storage password SECRET"),
    (("init", "../outside/new.bin", "--team-name", "vision"), "{root}/outside/new.bin: there is a file of that name; "
     "fix: dvc cpv init ANOTHER-PATH"),
    (("init", "../outside/new.bin/x", "--team-name", "vision"), "{root}/outside/new.bin: there is a file of that name; "
     "fix: dvc cpv init ANOTHER-PATH"),
    (("init", "../repo/.git/x", "--team-name", "vision"), "{repo}/.git: a bare repository or a Git directory; fix: "
     "git clone it"),
    (("init", "../repo/.dvc/x", "--team-name", "vision"), "{repo}/.dvc/x: a folder of Git's or DVC's own; fix: "
     "dvc cpv init ANOTHER-PATH"),
    (("init", "../repo", "--team-name", "other"), "{repo}/.cpv.toml: this repository has team = 'vision', not 'other'; "
     "fix: edit .cpv.toml"),
    (("init", "../repo", "--model-name", "other"), "{repo}/.cpv.toml: this repository has model = 'resnet', not "
     "'other'; fix: edit .cpv.toml"),
    (("init", "../repo", "--data-path", "../outside/data"), "../outside/data: the data is outside the repository; fix: "
     "cp -r ../outside/data {repo}/data && dvc cpv init --data-path data"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), CASES, ids=[ascii(" ".join(words)) for words, _ in CASES])
def test_a_command(still_world: World, words: tuple[str, ...], said: str) -> None:
    still_world.refused(words, said, folder="nowhere")


# From Python

OTHERS = "{repo}: this is vision/resnet, not other/model; fix: name the other repository's folder (repo_path)"
CALLS: list[tuple[type[Any], str, dict[str, Any], str]] = [
    (
        ModelsCheckpointsManage,
        "import_model_init",
        {"data_path": ""},
        "the path is empty; fix: name a file or a folder",
    ),
    (
        ModelsCheckpointsManage,
        "import_model_init",
        {"data_path": "gone"},
        "{root}/nowhere/gone: no such file or folder; fix: dvc cpv init --data-path AN-EXISTING-PATH",
    ),
    (
        ModelsCheckpointsManage,
        "import_model_init",
        {"data_path": "a\0b"},
        "the path cannot hold a NUL character: 'a\\x00b'; fix: name a file or a folder",
    ),
    (
        ModelsCheckpointsManage,
        "import_model_init",
        {"remote": ""},
        "the remote's URL is empty; fix: dvc cpv init --remote s3://BUCKET/PREFIX",
    ),
    (
        ModelsCheckpointsManage,
        "import_model_init",
        {"remote": "foo://x"},
        f"{UNKNOWN}; fix: dvc cpv init --remote URL",
    ),
    (
        ModelsCheckpointsManage,
        "import_model_init",
        {"repo_path": ""},
        "the repo_path is empty; fix: name a file or a folder",
    ),
    (
        ModelsCheckpointsManage,
        "import_model_init",
        {"repo_path": "a\0b"},
        "the repo_path cannot hold a NUL character: 'a\\x00b'; fix: name a file or a folder",
    ),
    (
        ModelsCheckpointsManage,
        "import_model_init",
        {"repo_path": "../repo"},
        "{repo}/.cpv.toml: this repository has team = 'vision', not 'other'; fix: edit .cpv.toml",
    ),
    (
        ModelsCheckpointsManage,
        "import_model_init",
        {"working_dir": "gone"},
        "{root}/nowhere/gone: no such folder; fix: name an existing folder (working_dir)",
    ),
    (DataCheckpointsManage, "import_data_init", {"data_path": "../outside/data"}, NONE),
    (DataCheckpointsManage, "import_data_init", {"data_path": "gone", "repo_path": "../repo"}, OTHERS),
    (DataCheckpointsManage, "import_data_init", {"data_path": "../outside/data", "repo_path": "../repo"}, OTHERS),
]


@pytest.mark.parametrize(
    ("kind", "method", "arguments", "said"), CALLS, ids=[f"{method}-{words!a}" for _, method, words, _ in CALLS]
)
def test_a_call(
    still_world: World,
    kind: type[Any],
    method: str,
    arguments: dict[str, Any],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(still_world.root / "nowhere")
    with nothing_changes(still_world.root), pytest.raises(CPVError) as caught:
        getattr(kind("other", "model"), method)(**arguments)
    assert str(caught.value) == still_world.told(said)
