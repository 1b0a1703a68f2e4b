"""What one process learned of a remote on S3 serves the next ones, for as long as it holds."""

from __future__ import annotations

import base64
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cpv_hooks.remote.common.protocol import RemoteError
from cpv_hooks.remote.s3.s3_download import LARGE
from cpv_hooks.remote.s3.s3_remote import S3Remote
from cpv_hooks.remote.s3_client import lent_keys
from cpv_hooks.remote.s3_client.boto_client import new_client
from cpv_hooks.remote.s3_client.learn import learn
from cpv_hooks.remote.s3_client.request_signing import STAND_IN
from cpv_hooks.remote.s3_client.s3_options import S3Options
from support.learned_place import PROGRESS, Place
from support.seaweed import Server


@pytest.fixture
def place(s3_server: Server, tmp_path: Path) -> Place:
    found = Place(s3_server, tmp_path)
    found.options |= found.keys()
    return found


@pytest.fixture
def bare(s3_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The same without keys in the remote's options."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return Place(s3_server, tmp_path)


def test_the_next_process_needs_no_boto3(place: Place) -> None:
    place.learn()
    few = [place.blob(), place.blob(3 << 20), place.blob(17 << 20), place.blob(LARGE + 5)]
    assert place.use(*few) == (4, ["f" * 32], [])
    many = [place.blob() for _ in range(60)]
    assert place.use(*few, *many) == (60, ["f" * 32], [])
    # Nothing is ever learned of an empty remote: boto3 says what is wrong with it, if anything is.
    place.bucket = place.server.make_bucket()
    assert place.use(place.blob())[2]


def test_no_secret_is_kept(place: Place) -> None:
    # The server knows no sessions, so this is learned without asking it.
    remote = place.remote(session_token="a-token-of-a-session")
    client: Any = new_client(remote.options)
    way = learn(client, remote._object(STAND_IN), {})
    assert way is not None
    remote._memory.keep(way, client._request_signer._credentials)
    text = place.memory.read_text()
    for secret in (place.server.secret_key, place.server.access_key, "a-token-of-a-session"):
        assert secret not in text
    assert stat.S_IMODE(place.memory.stat().st_mode) == 0o600
    known = place.remote(session_token="another-one")._memory.recall()
    assert known is not None
    assert known.read == way.read
    signed = known.read.signed(known.keys, "GET", "/", "", b"", {})
    assert signed.headers["x-amz-security-token"] == "another-one"
    assert "x-amz-security-token" in signed.headers["authorization"]


# What it depends on


def test_other_options(place: Place) -> None:
    place.learn()
    assert place.is_known()
    assert not place.is_known(region="eu-central-1")
    assert not place.is_known(sse="AES256")
    assert not place.is_known(endpointurl="http://localhost:1")
    other = S3Remote(f"s3://{place.bucket}/other", place.options, memory=place.memory)
    assert other._memory.recall() is None


def test_another_environment(place: Place) -> None:
    place.learn()
    for name, value in (
        ("AWS_PROFILE", "other"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_CA_BUNDLE", "/elsewhere"),
        ("REQUESTS_CA_BUNDLE", "/elsewhere"),
        ("HTTPS_PROXY", "http://localhost:1"),
        ("http_proxy", "http://localhost:1"),
        ("AWS_CREDENTIAL_EXPIRATION", "2100-01-01T00:00:00Z"),
        ("HOME", "/elsewhere"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, value)
            assert not place.is_known(), name
        assert place.is_known(), name


def test_hosts_without_a_proxy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    place.learn()
    assert place.use(place.blob()) == (1, ["f" * 32], [])


def test_another_boto3(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.learn()
    monkeypatch.setattr("cpv_hooks.remote.s3_client.recall.find_spec", lambda name: None)
    assert not place.is_known()


# Keys


def credentials(place: Place, **keys: str) -> None:
    lines = "".join(f"{name} = {value}\n" for name, value in keys.items())
    (place.folder / "credentials").write_text(
        f"[default]\naws_access_key_id = x\naws_secret_access_key = y\n[team]\n{lines}"
    )


def aws_keys(place: Place) -> dict[str, str]:
    return {f"aws_{name}": value for name, value in place.keys().items()}


def test_keys_in_a_profile(bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    credentials(bare, **aws_keys(bare))
    bare.options["profile"] = "team"
    bare.learn()
    assert bare.use(bare.blob()) == (1, ["f" * 32], [])
    assert bare.server.secret_key not in bare.memory.read_text()
    # Other keys are another file, which boto3 has to be asked about.
    credentials(bare, **aws_keys(bare), aws_session_token="a-token")
    assert not bare.is_known()


def test_keys_in_the_environment(bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bare.server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bare.server.secret_key)
    bare.learn()
    assert bare.use(bare.blob()) == (1, ["f" * 32], [])
    assert bare.server.secret_key not in bare.memory.read_text()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    # What is known leads nowhere with it, and boto3 says so.
    with pytest.raises(RemoteError, match="secret access key is wrong"):
        bare.remote().upload([bare.blob()], PROGRESS)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert not bare.is_known()


class _Role(BaseHTTPRequestHandler):
    """A container's service for keys: whoever has the word gets what `answer` says."""

    answer: ClassVar[dict[str, object]] = {}
    status: ClassVar[int] = 200
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status if self.headers["Authorization"] == "the-word" else 403)
        self.end_headers()
        self.wfile.write(json.dumps(self.answer).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def role(bare: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Role]]:
    class Role(_Role):
        answer: ClassVar = {
            "AccessKeyId": bare.server.access_key,
            "SecretAccessKey": bare.server.secret_key,
            "Token": "",
            "Expiration": "2100-01-01T00:00:00Z",
        }
        asked: ClassVar = []

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Role) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{service.server_port}/role?id=1")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-word")
        yield Role
        service.shutdown()
        thread.join()


@pytest.mark.compatibility("Remotes", "AWS roles of containers")
def test_keys_of_a_containers_role_are_asked_for_without_boto3(bare: Place, role: type[_Role]) -> None:
    bare.learn()
    role.asked.clear()
    assert bare.use(bare.blob()) == (1, ["f" * 32], [])
    assert set(role.asked) == {"/role?id=1"}
    text = bare.memory.read_text()
    assert not any(secret in text for secret in (bare.server.secret_key, bare.server.access_key, "the-word"))
    role.asked.clear()
    assert bare.remote().client_state() == "CPV's own: it has learned from boto3 how to ask"
    assert role.asked == [], "nobody is asked for keys to tell so"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 500),
        ({"Expiration": "2001-01-01T00:00:00Z"}, 200),
        ({"Expiration": "soon"}, 200),
        ({"SecretAccessKey": None}, 200),
        ({"AccessKeyId": ["a"]}, 200),
    ],
)
def test_what_a_containers_service_says_otherwise_is_left_to_boto3(
    bare: Place, role: type[_Role], change: dict[str, object], status: int
) -> None:
    bare.learn()
    assert bare.is_known()
    role.answer.update(change)
    role.status = status
    assert not bare.is_known()


@pytest.mark.parametrize("url", ["http://example.org/keys", "https://127.0.0.1/keys", "nothing", "http://127.0.0.1:x/"])
def test_no_other_place_is_asked_for_a_containers_keys(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object, **__: object) -> None:
        raise AssertionError("somebody was asked")

    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises(ValueError, match=r"no service of this machine|Port could not be cast"):
        lent_keys.of_container()


def test_a_customer_key_is_not_kept(place: Place) -> None:
    place.options["sse_customer_key"] = base64.b64encode(os.urandom(32)).decode()
    place.learn()
    assert not place.memory.exists()


# What is wrong with what is kept


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: "",
        lambda kept: "[1]",
        lambda kept: json.dumps({**kept, "store": None}),
        lambda kept: json.dumps({**kept, "store": {"url": 1}}),
        lambda kept: json.dumps({name: value for name, value in kept.items() if name != "trust"}),
        lambda kept: json.dumps({**kept, "method": "sso"}),
    ],
)
def test_a_damaged_file_is_learned_anew(place: Place, damage: Callable[[dict[str, Any]], str]) -> None:
    place.learn()
    place.memory.write_text(damage(json.loads(place.memory.read_text())))
    assert not place.is_known()
    assert place.use(place.blob())[2]
    assert place.use(place.blob())[2] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/team/files/md5/00/", "/elsewhere/files/md5/00/"),
        ("localhost", "nowhere.invalid"),
        ('"region": "', '"region": "x'),
        ("http:", "gopher:"),
    ],
)
def test_a_way_that_leads_nowhere(place: Place, old: str, new: str) -> None:
    place.learn()
    text = place.memory.read_text()
    assert old in text
    place.memory.write_text(text.replace(old, new))
    blob = place.blob()
    place.use(blob)
    assert f"team/files/md5/{blob.oid[:2]}/{blob.oid[2:]}" in place.server.keys(place.bucket)


def test_a_disk_that_refuses(place: Place) -> None:
    place.memory.parent.write_bytes(b"no folder")
    place.learn()
    assert place.use(place.blob())[:2] == (1, ["f" * 32])


def test_the_files_that_boto3_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    options = S3Options.of("s3", "s3://b", {"credentialpath": "$SOMEWHERE/keys", "configpath": "~/settings"})
    monkeypatch.setenv("SOMEWHERE", "/there")
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert (str(options.credentials_file), str(options.config_file)) == ("/there/keys", "/home/me/settings")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/other")
    assert str(options.config_file) == "/other"


# The switch


def test_the_own_client_can_be_turned_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.learn()
    remote = place.remote()
    assert remote.client_state() == "CPV's own: it has learned from boto3 how to ask"
    url = f"s3://{place.bucket}/team"
    other = S3Remote(url, place.options, memory=place.memory, own_client=False)
    assert other.client_state() == "boto3, because [remote] s3_client in .cpv.toml says so"
    other.upload([place.blob()], PROGRESS)
    assert other._wire._is_off
    monkeypatch.setenv("CPV_S3_CLIENT", "boto3")
    third = place.remote()
    assert third.client_state() == "boto3 alone: CPV_S3_CLIENT=boto3"
    third.upload([place.blob()], PROGRESS)
    assert third._wire._is_off
    monkeypatch.setenv("CPV_S3_CLIENT", "own")
    monkeypatch.setenv("HTTP_PROXY", "http://localhost:1")
    assert place.remote().client_state() == "boto3, because a proxy is set"
    monkeypatch.delenv("HTTP_PROXY")
    place.memory.unlink()
    assert place.remote().client_state() == "CPV's own, which asks boto3 again in each process"


def test_the_doctor_says_which_client_asks(place: Place, make_repo: Any) -> None:
    repo = make_repo(remote=f"s3://{place.bucket}/team", server=place.server, files={"model.bin": "1"})
    said = " ".join(repo.dvc("cpv", "doctor", status=None).text.split())
    assert "storage: CPV's own" in said
    repo.write(".cpv.toml", repo.read(".cpv.toml") + b'[remote]\ns3_client = "boto3"\n')
    said = " ".join(repo.dvc("cpv", "doctor", status=None).text.split())
    assert "storage: boto3, because [remote] s3_client in .cpv.toml says so" in said
