"""A remote of a new kind is one row of a table: it is opened, listed, asked for its host, and checked by `init`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRepo

from cpv_hooks.accounts.git_host.address import Address
from cpv_hooks.checks import network_checks
from cpv_hooks.errors import CPVError
from cpv_hooks.git.repo import Repo
from cpv_hooks.project.project import Project
from cpv_hooks.remote.common.local_remote import LocalInventory, LocalRemote
from cpv_hooks.remote.common.notes import NOTES, FolderNotes
from cpv_hooks.remote.common.protocol import Remote
from cpv_hooks.remote.s3_client.s3_options import S3Options
from cpv_hooks.setup.init.layout import check_layout
from cpv_hooks.setup.init.remote import check_remote_url
from cpv_hooks.transfer.objects.open import inventory_of, notes_of, open_remote
from cpv_hooks.transfer.objects.remote_kinds import KINDS, RemoteKind, kind_of


class _New(RemoteKind):
    needs_bucket = True

    def open(self, project: Project, options: Mapping[str, str], *, legacy: bool) -> Remote:
        assert options["url"] == project.remote_url == "hdfs://cluster/x"
        remote = LocalRemote(project.root / "far", legacy=legacy)
        remote.url = project.remote_url
        return remote

    def inventory(self, remote: Any) -> LocalInventory:
        return LocalInventory(remote)

    def notes(self, remote: Any, folder: str) -> FolderNotes:
        return FolderNotes(remote.top / NOTES / folder)

    def endpoint(self, project: Project) -> str:
        return "https://name-node:9870"


def test_a_new_kind_is_one_row(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    repo = make_repo("repo", install=False)
    repo.write(".dvc/config", "[core]\n    remote = far\n['remote \"far\"']\n    url = hdfs://cluster/x\n")
    project = Project.open(Repo.discover(repo.path), repo.path)
    monkeypatch.setattr("cpv_hooks.project.trust.refuse_unconfirmed", lambda *_: None)
    monkeypatch.setitem(KINDS, "hdfs", _New("nowhere"))

    remote = open_remote(project)
    assert isinstance(remote, LocalRemote)
    assert isinstance(inventory_of(remote), LocalInventory)
    assert isinstance(notes_of(remote, "start"), FolderNotes)
    assert network_checks._of_remote(project) == Address("name-node", 9870)
    with pytest.raises(CPVError, match="hdfs:///x names no bucket"):
        check_remote_url(tmp_path, "hdfs:///x")
    with pytest.raises(CPVError, match="needs a bucket on S3, not hdfs://cluster/x"):
        check_layout(tmp_path, "versioned", "hdfs://cluster/x")


@pytest.mark.parametrize("scheme", ["gs", "gdrive", "oss"])
def test_a_store_whose_urls_name_no_host(scheme: str, make_repo: MakeRepo) -> None:
    repo = make_repo("repo", install=False)
    repo.write(".dvc/config", f"[core]\n    remote = far\n['remote \"far\"']\n    url = {scheme}://bucket/x\n")
    address = network_checks._of_remote(Project.open(Repo.discover(repo.path), repo.path))
    assert isinstance(address, Address)
    assert address.host.endswith((".googleapis.com", ".aliyuncs.com"))
    assert address.port == 443


def test_a_scheme_means_the_same_in_capitals() -> None:
    assert kind_of("S3://bucket/team") is kind_of("s3://bucket/team")
    options = S3Options.of("storage", "S3://bucket/team", {})
    assert (options.bucket, options.prefix) == ("bucket", "team")
