"""What a process pays to ask S3 for the first time, by where its keys come from.

The usual cases of a job: a container's or a machine's keys, an assumed role, a login by SSO, a program. The services
that lend the keys run on a loopback address and answer at once, so that what is left is the process's own work.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.bench import Bench
from bench.engine import LOOK, OPEN
from bench.measure import Contest, Contestant, Row, Target, run
from support.aws_services import Services, aws_services

BOTO3, NOBODY = "boto3", "nobody is asked"
_KEYS = "aws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
_ROLE = "role_arn = arn:aws:iam::123456789012:role/job\n"
_LOGIN = "sso_start_url = https://sso.example\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = job\n"
_SOURCES = {
    # the settings of AWS; {access} and {secret} are keys, {url} is where the services are, {file} prints keys
    "keys of a profile": _KEYS,
    "keys of a container": "",
    "keys of a machine": "",
    "an assumed role": f"{_ROLE}source_profile = me\n[profile me]\n{_KEYS}",
    "a login by SSO": _LOGIN,
    "credential_process": "credential_process = cat {file}\n",
}
_VARIABLES = {
    "keys of a container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/container"},
    "keys of a machine": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "{url}"},
}


def rows(bench: Bench) -> Iterator[Row]:
    """Each source of keys: CPV's own client, and boto3, in the same program."""
    bucket = bench.server.make_bucket()
    folder = bench.cpv_repository("credentials", "", bucket)
    # Only what lies where boto3 looks by itself says who asks.
    (folder / ".dvc/config.local").unlink(missing_ok=True)
    # Of an empty remote boto3 is asked what may be wrong with it.
    bench.server.client().put_object(Bucket=bucket, Key=f"credentials/files/md5/00/{'0' * 30}", Body=b"")
    with aws_services() as services:
        services.secrets = {bench.server.access_key: bench.server.secret_key}
        services.lent = (bench.server.access_key, bench.server.secret_key, "")
        for source in _SOURCES:
            yield _contest(bench, folder, source, _environment(bench, services, source)).run()
    bench.drop(bucket)


def _environment(bench: Bench, services: Services, source: str) -> dict[str, str]:
    home = bench.folder("credentials-home")
    keys = {"AccessKeyId": bench.server.access_key, "SecretAccessKey": bench.server.secret_key, "Version": 1}
    (home / "keys.json").write_text(json.dumps(keys))
    login = home / ".aws/sso/cache" / hashlib.sha1(b"https://sso.example", usedforsecurity=False).hexdigest()
    login.parent.mkdir(parents=True)
    login.with_suffix(".json").write_text(json.dumps({"accessToken": "login", "expiresAt": "2100-01-01T00:00:00Z"}))
    words = {
        "access": bench.server.access_key,
        "secret": bench.server.secret_key,
        "url": services.url,
        "file": home / "keys.json",
    }
    (home / "config").write_text(f"[default]\n{_SOURCES[source].format(**words)}")
    return {
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_EC2_METADATA_DISABLED": "false" if source == "keys of a machine" else "true",
        "AWS_ENDPOINT_URL_STS": services.url,
        "AWS_ENDPOINT_URL_SSO": services.url,
        **{name: value.format(**words) for name, value in _VARIABLES.get(source, {}).items()},
    }


def _contest(bench: Bench, folder: Path, source: str, environment: Mapping[str, str]) -> Contest:
    words = ["env", *(f"-u{name}" for name in os.environ if name.startswith("AWS_") and "KEY" in name)]
    words += [f"{name}={value}" for name, value in environment.items()]
    python = [sys.executable, "-c"]
    programs = {
        "cpv": [*words, *python, LOOK],
        BOTO3: [*words, "CPV_S3_CLIENT=boto3", *python, LOOK],
        NOBODY: [*words, *python, OPEN],
    }
    run(folder, *programs["cpv"])  # learns from boto3 how to ask
    contestants = [Contestant(name, folder, _always(program)) for name, program in programs.items()]
    return Contest(
        f"an S3 client's first request, {source}",
        contestants,
        bench.form.rounds,
        1,
        base=NOBODY,
        target=Target(BOTO3, 0.33, cpu=True),
    )


def _always(program: list[str]) -> Callable[[int], list[str]]:
    return lambda number: program
