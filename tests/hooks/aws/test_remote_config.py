"""DVC's two files: what is changed in them, and that nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpv_hooks.accounts.aws.remote_config import WantedRemote, plan_remote_config
from cpv_hooks.errors import CPVError

WANTED = WantedRemote("s3", {"url": "s3://a/b", "region": "eu"}, {"credentialpath": "/keys", "profile": "team"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".dvc").mkdir()
    return tmp_path


def apply(root: Path, wanted: WantedRemote = WANTED) -> tuple[str, str]:
    for change in plan_remote_config(root, wanted):
        change.write(private=change.path.name == "config.local")
    assert plan_remote_config(root, wanted) == []
    return (root / ".dvc/config").read_text(), (root / ".dvc/config.local").read_text()


LOCAL = "['remote \"s3\"']\n    credentialpath = /keys\n    profile = team\n"
SHARED = "['remote \"s3\"']\n    url = s3://a/b\n    region = eu\n"


def test_files_that_are_not_there(root: Path) -> None:
    assert apply(root) == (f"[core]\n    remote = s3\n{SHARED}", LOCAL)
    assert (root / ".dvc/config.local").stat().st_mode & 0o777 == 0o600


def test_comments_order_and_other_remotes_stay(root: Path) -> None:
    text = "# ours\n[core]\n    autostage = true # yes\n    remote = old\n['remote \"old\"']\n    url = ../x\n"
    (root / ".dvc/config").write_text(text)
    shared, _ = apply(root)
    assert shared == text.replace("remote = old", "remote = s3").replace("true # yes", "true    # yes") + SHARED


def test_dvc_reads_what_is_written(root: Path) -> None:
    from dvc.config import Config

    apply(root, WantedRemote("s3", WANTED.public, {"credentialpath": "/a folder/ké'y#s, 1", "profile": "a, b"}))
    config = Config(dvc_dir=str(root / ".dvc"))
    assert config["core"]["remote"] == "s3"
    assert config["remote"]["s3"]["credentialpath"] == "/a folder/ké'y#s, 1"
    assert config["remote"]["s3"]["profile"] == "a, b"


def test_upper_case_is_the_same(root: Path) -> None:
    (root / ".dvc/config").write_text(
        "[Core]\n    Remote = s3\n['REMOTE \"s3\"']\n    URL = s3://a/b\n    region = eu\n"
    )
    assert [change.path.name for change in plan_remote_config(root, WANTED)] == ["config.local"]


def test_what_would_win_locally_is_dropped_and_what_is_of_one_machine_is_not_shared(root: Path) -> None:
    (root / ".dvc/config").write_text(f"[core]\n    remote = s3\n{SHARED}    profile = mine\n")
    (root / ".dvc/config.local").write_text("['remote \"s3\"']\n    url = s3://elsewhere\n    timeout = 3\n")
    shared, local = apply(root)
    assert shared == f"[core]\n    remote = s3\n{SHARED}"
    assert local == "['remote \"s3\"']\n    timeout = 3\n    credentialpath = /keys\n    profile = team\n"


def test_a_secret_that_is_local_already_is_the_one_that_stays(root: Path) -> None:
    (root / ".dvc/config").write_text(f"[core]\n    remote = s3\n{SHARED}    secret_access_key = committed\n")
    (root / ".dvc/config.local").write_text("['remote \"s3\"']\n    secret_access_key = local\n")
    lines = [line for change in plan_remote_config(root, WantedRemote("s3", {}, {})) for line in change.lines]
    assert lines == ['remote "s3": no secret_access_key']
    (root / ".dvc/config.local").unlink()
    lines = [line for change in plan_remote_config(root, WantedRemote("s3", {}, {})) for line in change.lines]
    assert lines == ['remote "s3": no secret_access_key', 'remote "s3": secret_access_key = (hidden)']


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"[core\n", "not DVC's configuration: "), (b"\xff\xfe", "not UTF-8; fix: save it as UTF-8")],
)
def test_a_file_that_is_not_dvcs(root: Path, content: bytes, said: str) -> None:
    (root / ".dvc/config").write_bytes(content)
    with pytest.raises(CPVError) as caught:
        plan_remote_config(root, WANTED)
    assert str(caught.value).startswith(f"{root}/.dvc/config: {said}")
