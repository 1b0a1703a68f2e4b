"""Keys that are lent (machines, containers, roles, logins, programs): asked for as boto3 does, without its start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider

from cpv_hooks.remote.s3.file_parts import PART
from cpv_hooks.remote.s3_client.boto_client import new_client
from cpv_hooks.remote.s3_client.key_sources import KeySources
from cpv_hooks.remote.s3_client.learn import services_of
from cpv_hooks.remote.s3_client.s3_options import S3Options
from support.aws_services import Services, aws_services
from support.learned_place import PROGRESS, Place
from support.odd_s3 import Answer, Request, error, odd_s3
from support.seaweed import Server

STATIC = "aws_access_key_id = base\naws_secret_access_key = base-secret\n"
ROLE = "role_arn = arn:aws:iam::123456789012:role/other\n"
OTHER = "role_arn = arn:aws:iam::123456789012:role/first\n"
LOGIN = "sso_account_id = 1\nsso_role_name = reader\n"
SESSION = "\n[sso-session team]\nsso_start_url = https://team.example\nsso_region = eu-west-1\n"


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Services]:
    """The services and files that boto3 finds; no keys lie there."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    (tmp_path / "token").write_text("a-web-token")
    for owner in (SSOProvider, SSOTokenProvider):  # botocore looks for the home when it is imported
        monkeypatch.setattr(owner, "_SSO_TOKEN_CACHE_DIR", str(Path.home() / ".aws" / "sso" / "cache"))
    with aws_services() as found:
        found.secrets = {"base": "base-secret", "lent": "lent-secret"}
        for name in ("EC2_METADATA_SERVICE_ENDPOINT", "ENDPOINT_URL_STS", "ENDPOINT_URL_SSO"):
            monkeypatch.setenv(f"AWS_{name}", found.url)
        yield found


def log_in(name: str, ends: str = "2100-01-01T00:00:00Z") -> None:
    """What `aws sso login` leaves; the home is the test's own."""
    folder = Path.home() / ".aws" / "sso" / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()}.json"
    file.write_text(json.dumps({"accessToken": "a-login", "expiresAt": ends}))


def program(folder: Path, keys: tuple[str, str, str] = ("lent", "lent-secret", "lent-token"), **more: object) -> str:
    """A `credential_process` that prints keys."""
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    words = {"Version": 1, **dict(zip(names, keys, strict=True)), **more}
    (folder / "keys of it.json").write_text(json.dumps(words))
    return f"credential_process = cat '{folder}/keys of it.json'\n"


CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    # the method: the config file, the file of keys, the environment; {} is the folder, {program} a program
    "a machine": ("iam-role", "", {}),
    "a machine, by settings": (
        "iam-role",
        "[default]\nec2_metadata_service_endpoint = {url}/\n",
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT": ""},  # not set
    ),
    "a container": ("container-role", "", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/container"}),
    "a role": ("assume-role", f"[default]\n{ROLE}source_profile = me\n[profile me]\n{STATIC}", {}),
    "a role of its own profile": (
        "assume-role",
        f"[profile team]\n{ROLE}external_id = word of ours\nduration_seconds = 1800\nrole_session_name = us\n"
        f"source_profile = team\n{STATIC}",
        {"AWS_DEFAULT_PROFILE": "team", "AWS_PROFILE": "another"},
    ),
    "a role of a role": (
        "assume-role",
        f"[default]\n{ROLE}source_profile = a\n[profile a]\n{OTHER}source_profile = me\n[profile me]\n{STATIC}",
        {},
    ),
    "a machine's role": ("assume-role", f"[default]\n{ROLE}credential_source = Ec2InstanceMetadata\n", {}),
    "a container's role": (
        "assume-role",
        f"[default]\n{ROLE}credential_source = EcsContainer\n",
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/container"},
    ),
    "a role by variables": (
        "assume-role",
        f"[profile team]\n{ROLE}credential_source = Environment\n",
        {"AWS_ACCESS_KEY_ID": "base", "AWS_SECRET_ACCESS_KEY": "base-secret", "REMOTE": "team"},
    ),
    "a web identity": (
        "assume-role-with-web-identity",
        "",
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "{folder}/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/pod"},
    ),
    "a web identity of a profile": (
        "assume-role-with-web-identity",
        f"[profile team]\n{ROLE}web_identity_token_file = {{folder}}/token\nrole_session_name = pod\n",
        {"REMOTE": "team", "AWS_ROLE_ARN": "arn:aws:iam::1:role/no"},
    ),
    "a web identity's role": (
        "assume-role",
        f"[default]\n{ROLE}source_profile = a\n[profile a]\n{OTHER}web_identity_token_file = {{folder}}/token\n",
        {},
    ),
    "a login": ("sso", f"[default]\nsso_session = team\n{LOGIN}{SESSION}", {}),
    "a login of the old form": (
        "sso",
        f"[default]\n{LOGIN}sso_start_url = https://old.example\nsso_region = eu-west-1\n",
        {},
    ),
    "a login's role": (
        "assume-role",
        f"[default]\n{ROLE}source_profile = a\n[profile a]\nsso_session = team\n{LOGIN}{SESSION}",
        {},
    ),
    "a program": ("custom-process", "[default]\n{program}", {}),
    "a program's role": ("assume-role", f"[default]\n{ROLE}source_profile = a\n[profile a]\n{{program}}", {}),
    "a profile of settings": ("config-file", f"[default]\n{STATIC}", {}),
}


def options_of(case: str, services: Services, folder: Path, patch: pytest.MonkeyPatch) -> tuple[str, S3Options]:
    method, config, environment = CASES[case]
    words = {"folder": folder, "url": services.url, "program": program(folder)}
    (folder / "config").write_text(config.format(**words))
    for name, value in environment.items():
        patch.setenv(name, value.format(**words)) if value else patch.delenv(name)
    profile = {"profile": environment["REMOTE"]} if "REMOTE" in environment else {}
    for name in ("team", "https://old.example"):
        log_in(name)
    values = {"endpointurl": "http://localhost:1", "region": "eu-central-1", **profile}
    return method, S3Options.of("storage", "s3://bucket/team", values)


@pytest.mark.compatibility("Remotes", "AWS roles of machines (IMDSv2), assumed roles, web identities")
@pytest.mark.parametrize("case", CASES)
def test_the_services_are_asked_for_keys_as_boto3_asks_them(
    case: str, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, options = options_of(case, services, tmp_path, monkeypatch)
    client: Any = new_client(options)
    credentials = client._request_signer._credentials
    frozen = credentials.get_frozen_credentials()
    assert credentials.method == method
    asked, services.asked = services.asked, []
    found = KeySources(options).find(method, services_of(credentials))
    assert found is not None
    assert (found.access_key, found.secret_key, found.token) == (frozen.access_key, frozen.secret_key, frozen.token)
    assert services.asked == asked
    assert bool(asked) == (method not in ("custom-process", "config-file"))
    # What a service does not give is left to boto3.
    services.refuses = True
    (tmp_path / "keys of it.json").write_text("nothing")
    assert (KeySources(options).find(method, services_of(credentials)) is None) == (method != "config-file")


@pytest.mark.parametrize(
    ("region", "mode", "sts"),
    [
        ("eu-central-1", "regional", ("https://sts.eu-central-1.amazonaws.com/", "eu-central-1")),
        ("us-east-1", "legacy", ("https://sts.amazonaws.com/", "us-east-1")),
        ("eu-central-1", "legacy", ("https://sts.amazonaws.com/", "us-east-1")),
        ("cn-north-1", "regional", ("https://sts.cn-north-1.amazonaws.com.cn/", "cn-north-1")),
    ],
)
def test_awss_own_services(
    region: str, mode: str, sts: tuple[str, str], services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STS", "SSO"):
        monkeypatch.delenv(f"AWS_ENDPOINT_URL_{name}")
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", mode)
    monkeypatch.setenv("AWS_CA_BUNDLE", "/certificates")
    _, options = options_of("a login's role", services, tmp_path, monkeypatch)
    client: Any = new_client(S3Options.of("s", "s3://b", {**options.values, "region": region}))
    found = services_of(client._request_signer._credentials)
    assert found == {
        "sso": ("https://portal.sso.eu-west-1.amazonaws.com", "", "/certificates"),
        "sts": (*sts, "/certificates"),
    }


def test_a_code_is_asked_for_by_boto3(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, options = options_of("a role", services, tmp_path, monkeypatch)
    config = (tmp_path / "config").read_text()
    (tmp_path / "config").write_text(config.replace("source_profile", "mfa_serial = key\nsource_profile"))
    client: Any = new_client(options)
    with pytest.raises(AttributeError):
        services_of(client._request_signer._credentials)
    assert KeySources(options).find("assume-role", {}) is None
    assert services.asked == []


@pytest.mark.parametrize("ends", ["2001-01-01T00:00:00Z", "soon", "2100-01-01"])
def test_a_login_to_renew_is_left_to_boto3(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    _, options = options_of("a login", services, tmp_path, monkeypatch)
    client: Any = new_client(options)
    known = services_of(client._request_signer._credentials)
    log_in("team", ends)
    assert KeySources(options).find("sso", known) is None
    assert services.asked == []


def test_keys_are_asked_for_again_before_they_end(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, options = options_of("a machine", services, tmp_path, monkeypatch)
    sources = KeySources(options)
    first = sources.find("iam-role", {})
    services.lent = ("new", "new-secret", "new-token")
    assert sources.find("iam-role", {}) == first
    for ends in ("2001-01-01T00:00:00Z", "2100-01-01T00:00:00Z"):
        services.ends = ends
        found = KeySources(options).find("iam-role", {})
        assert (found.access_key if found else None) == (None if ends.startswith("2001") else "new")


# Whole processes


@pytest.fixture
def place(s3_server: Server, services: Services, tmp_path: Path) -> Place:
    services.lent = (s3_server.access_key, s3_server.secret_key, "")  # the server knows no sessions
    services.secrets[s3_server.access_key] = s3_server.secret_key
    return Place(s3_server, tmp_path)


@pytest.mark.parametrize("case", ["a login's role", "a program"])
def test_the_next_process_asks_without_boto3(
    case: str, place: Place, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    options_of(case, services, place.folder, monkeypatch)
    program(place.folder, services.lent)
    place.learn()
    assert place.use(place.blob()) == (1, ["f" * 32], [])
    kept = place.memory.read_text()
    secrets = (*services.lent[:2], "a-login", "base-secret", "keys of it", "role/other")
    assert not any(secret in kept for secret in secrets)
    services.refuses = True
    (place.folder / "keys of it.json").write_text("nothing")
    assert not place.is_known()
    assert place.remote().client_state() == "CPV's own: it has learned from boto3 how to ask"


def test_a_large_upload_goes_on_with_the_keys_of_now(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys end between two parts; the parts that were sent with them stay."""
    options_of("a machine", services, tmp_path, monkeypatch)
    signers: list[str] = []

    def check(request: Request, answer: Answer) -> Answer | bytes:
        access = request.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        if access == "lent" and len(signers) == 2:
            services.lent = ("new", "new-secret", "new-token")
            server.uploads[request.query["uploadId"]].pop(int(request.query["partNumber"]))
            return error(400, "ExpiredToken")(request, answer)
        signers.append(access)
        return answer

    with odd_s3() as server:
        options = {"endpointurl": server.url, "region": "us-east-1"}
        place = Place(Server(server.url, "", "", 0), tmp_path, "bucket", options)
        place.learn()
        server.odd["PART"] = check
        remote = place.remote()
        item = place.blob(3 * PART)
        monkeypatch.setattr("cpv_hooks.remote.s3.s3_remote.LARGE_THREADS", 1)
        remote.upload([item], PROGRESS)
        assert signers == ["lent", "lent", "new"]
        assert item.path.read_bytes() in server.objects.values()
        assert server.seen["BEGIN"] == 1
