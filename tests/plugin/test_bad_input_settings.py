"""Bad input to `dvc cpv aws-config`, `access`, `bitbucket-config`, `config` and `tag`: one line, and nothing changes.

The personal settings, `~/.ssh`, the repository's configuration and its storage are compared before and after.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support import inside
from support.unchanged import nothing_changes
from support.world import World

RULE = "(1 to 64 letters, digits, '.', '_' or '-', not beginning with '-' or '.' nor ending with '.')"
TEAM = f"is not a team name {RULE}; fix: dvc cpv init --team-name NAME"

# aws-config, with a good credential file unless the case names another

FILE = "fix: dvc cpv aws-config --credential-path FILE"
NO_FILE = f"no such credential file; {FILE}"
NO_PROFILE = "(it has default, half); fix: dvc cpv aws-config --credential-path {root}/outside/keys --profile default"
NO_NAME = "the profile's name is empty; fix: dvc cpv aws-config --profile NAME"
BUCKET = (
    "--bucket must be a bucket's name: 3 to 255 letters, digits, dots, dashes or underscores; fix: dvc cpv "
    "aws-config --bucket VALUE"
)
REGION = "--region must be a region's name, such as eu-west-1; fix: dvc cpv aws-config --region VALUE"
ENDPOINT = (
    "--endpoint-url must be an http or https URL without a password; fix: dvc cpv aws-config --endpoint-url VALUE"
)
AWS = [
    ("--credential-path=", f"the credential file's path is empty or no path; {FILE}"),
    ("--credential-path=gone", f"{{repo}}/gone: {NO_FILE}"),
    ("--credential-path=$(id)", f"{{repo}}/$(id): {NO_FILE}"),
    ("--credential-path=a\nb", f"{{repo}}/a b: {NO_FILE}"),
    ("--credential-path=~no-such-user/x", f"{{repo}}/~no-such-user/x: {NO_FILE}"),
    ("--credential-path=../outside", f"{{root}}/outside: is not a file; {FILE}"),
    ("--credential-path=/dev/null", f"/dev/null: is not a file; {FILE}"),
    ("--credential-path=model.bin", "{repo}/model.bin: is not an AWS credential file ([PROFILE] lines and KEY = VALUE "
     "lines); fix: correct it, or dvc cpv aws-config --credential-path FILE"),
    ("--profile=", NO_NAME),
    ("--profile= ", NO_NAME),
    ("--profile=gone", f"{{root}}/outside/keys: has no profile 'gone' {NO_PROFILE}"),
    ("--profile=$(id)", f"{{root}}/outside/keys: has no profile '$(id)' {NO_PROFILE}"),
    ("--profile=--help", f"{{root}}/outside/keys: has no profile '--help' {NO_PROFILE}"),
    ("--profile=half", "{root}/outside/keys: profile 'half' has no aws_secret_access_key; fix: add it there"),
    *((f"--bucket={name}", BUCKET) for name in ("", "../x", "a/b", "-x", "a b;c", "$(id)")),
    *((f"--region={name}", REGION) for name in ("", "eu west", "../x", "-x", "$(id)")),
    *((f"--endpoint-url={url}", ENDPOINT) for url in ("", "x", "ftp://x", "http://me:secret@x", "http://a b")),
    ("--endpoint-url=http://localhost:9", "remote s3: http://localhost:9 does not answer; fix: check the "
     "network and endpointurl, then dvc cpv aws-config"),
    ("--team-name=", f"'' {TEAM}"),
    ("--team-name=../x", f"'../x' {TEAM}"),
    ("--team-name=other", "{repo}/.cpv.toml: this repository has team = 'vision', not 'other'; fix: edit "
     ".cpv.toml"),
    ("--model-name=other", "{repo}/.cpv.toml: this repository has model = 'resnet', not 'other'; fix: edit "
     ".cpv.toml"),
    ("--repo-path=", "the repo_path is empty; fix: name a file or a folder"),
    ("--repo-path=gone", "{repo}/gone: no such folder; fix: mkdir -p {repo}/gone"),
    ("--log-file=data", "{repo}/data: the log cannot be written: Is a directory; fix: name another log file"),
]  # fmt: skip


@pytest.mark.parametrize(("option", "said"), AWS, ids=[ascii(option) for option, _ in AWS])
def test_aws_config(still_world: World, option: str, said: str) -> None:
    still_world.refused(("aws-config", "--credential-path=../outside/keys", option), said)


def test_aws_config_without_credentials(still_world: World) -> None:
    nowhere = f"no AWS credentials were found; {FILE}, or aws configure"
    still_world.refused(("aws-config",), nowhere)
    profile = "fix: dvc cpv aws-config --profile NAME, or aws configure --profile NAME"
    still_world.refused(("aws-config", "--profile=gone"), f"AWS has no profile 'gone' (it has none); {profile}")


NO_BUCKET = "is not a bucket's name (3 to 255 letters, digits, '.', '_' or '-'); fix: give it as --bucket NAME"
ACCESS = [
    *((f"--team-name={name}", f"{name!r} {TEAM}") for name in ("", "../x", "a*", "a b", "-x", "*")),
    *((f"--bucket={name}", f"{name!r} {NO_BUCKET}") for name in ("", "../x", "a*b", "*", "-x", "a:b")),
]


@pytest.mark.parametrize(("option", "said"), ACCESS)
def test_access(still_world: World, option: str, said: str) -> None:
    still_world.refused(("access", option), said)


# bitbucket-config

KEY = "fix: dvc cpv bitbucket-config --keygen-filename"
NO_KEY = f"is not a name for a key (no quotes, backslashes, ${{ or control characters); {KEY} id_ed25519"
USER = "--user must be a user's name of letters, digits, . _ @ + or -, not"
HOST = "--host must be a host's name or address, not"
PORT = "--port must be a whole number from 1 to 65535, not"
BOTH, HOST_FORM = "git@host:{team_name}/{model_name}", "git@HOST:AI-{team_name}-model-checkpoints/{model_name}.git"
PATTERN = f"fix: dvc cpv bitbucket-config --url-pattern '{HOST_FORM}'"
SHARED = "so several models would share a repository"
NO_URL = "it is not an ssh://, https:// or user@host:path URL"
PATTERNS = [
    ("", f"it has no {{team_name}} and no {{model_name}}, {SHARED}"),
    ("x", f"it has no {{team_name}} and no {{model_name}}, {SHARED}"),
    ("git@host:{team_name}/x", f"it has no {{model_name}}, {SHARED}"),
    (f"{BOTH}/{{gone}}", "there is no field {gone} (known: {team_name}, {model_name}, {host}, {user}, {port})"),
    ("git@host:{team_name/{model_name}", "its braces do not match"),
    ("ext::sh -c id {team_name}{model_name}", NO_URL),
    ("-oX:{team_name}/{model_name}", NO_URL),
    ("git@host:../{team_name}/{model_name}", "a part of its path is empty, '.', '..' or begins with '-'"),
]
BITBUCKET = [
    ("--keygen-filename=", f"'' {NO_KEY}"),
    ("--keygen-filename=a\nb", f"'a\\nb' {NO_KEY}"),
    ("--keygen-filename=/dev/null", f"/dev/null: not a private SSH key; {KEY} ANOTHER-NAME"),
    ("--keygen-filename=../outside/new.bin", f"{{root}}/outside/new.bin: not a private SSH key; {KEY} ANOTHER-NAME"),
    ("--keygen-filename=../outside", f"{{root}}/outside: a folder, not a key; {KEY} {{root}}/outside/id_ed25519"),
    *((f"--user={name}", f"{USER} {name!r}; fix: dvc cpv bitbucket-config --user USER")
      for name in ("", "a b", "-oProxyCommand=id", "$(id)")),
    *((f"--host={name}", f"{HOST} {name!r}; fix: dvc cpv bitbucket-config --host HOST")
      for name in ("", "a b", "-oProxyCommand=id", "a\nHost *", "../x", "$(id)")),
    *((f"--port={number}", f"{PORT} {number}; fix: dvc cpv bitbucket-config --port PORT")
      for number in (0, -1, 65536)),
    *((f"--url-pattern={url}", f"{url!r} cannot be the repository's URL: {why}; {PATTERN}") for url, why in PATTERNS),
    ("--url-pattern=https://me:secret@host/{team_name}/{model_name}", "the repository's URL has a password in it, "
     f"which would be saved; {PATTERN}"),
    ("--host-fingerprint=x", "'x' is not a SHA256 fingerprint; fix: --host-fingerprint SHA256:… as the host's "
     "administrator publishes it"),
    ("--repo-path=gone", "{repo}/gone: no such folder; fix: name the repository's folder"),
    ("--repo-path=", "the repo_path is empty; fix: name a file or a folder"),
]  # fmt: skip


@pytest.mark.parametrize(("option", "said"), BITBUCKET, ids=[ascii(option) for option, _ in BITBUCKET])
def test_bitbucket_config(still_world: World, option: str, said: str) -> None:
    still_world.refused(("bitbucket-config", "--no-test", option), said)


# config

WHERE = "{home}/.cpv/config.json"
LIST = "fix: dvc cpv config list"
KNOWN = (
    " (known: quiet, team_name, aws.credential_path, aws.profile, aws.region, aws.endpoint_url, aws.bucket, "
    "bitbucket.user, bitbucket.host, bitbucket.port, bitbucket.key_path, bitbucket.url_pattern, notify.url, "
    "notify.events, notify.webhook, notify.secret, logs.keep, fetch)"
)
UNKNOWN = [
    ("", KNOWN),
    ("gone", KNOWN),
    ("../x", KNOWN),
    ("aws.gone", "; did you mean aws.region?"),
    ("aws.region.x", "; did you mean aws.region?"),
]
PORT_RANGE, NAME = "a whole number from 1 to 65535", "a name of up to 64 letters, digits, . _ or -"
URL, WEBHOOK = (
    "an http or https URL without a password",
    "an address of Apprise, or an https URL (http only for this machine) without a password",
)
VALUES = [
    ("quiet", "true or false", ("maybe", "")),
    ("team_name", NAME, ("", "../x", "a b", "$(id)")),
    ("aws.bucket", "a bucket's name: 3 to 255 letters, digits, dots, dashes or underscores", ("", "a/b")),
    ("aws.region", "a region's name, such as eu-west-1", ("", "$(id)")),
    ("aws.endpoint_url", URL, ("", "x", "http://me:secret@x")),
    ("aws.profile", "the name of a profile in the credentials file", ("",)),
    ("bitbucket.port", PORT_RANGE, ("", "x", "0", "65536")),
    ("bitbucket.url_pattern", "a URL with {model_name} in it (and {team_name}), without blanks", ("", "git@x:y")),
    ("logs.keep", "a whole number from 1 to 100000", ("", "0", "many")),
]
CONFIG: list[tuple[tuple[str, ...], str]] = [
    *(((*verb, key, *value), f"there is no setting {key!r}{why}; {LIST}") for key, why in UNKNOWN
      for verb, value in ((("get",), ()), (("set",), ("1",)), (("unset",), ()))),
    *((("set", key, value), f"{key} must be {what}; fix: dvc cpv config set {key} VALUE")
      for key, what, values in VALUES for value in values),
    (("set", "aws", "1"), f"aws cannot be set; {LIST}"),
    (("set", "version", "2"), f"version cannot be set; {LIST}"),
    (("unset", "aws"), f"aws cannot be set; {LIST}"),
    (("unset", "version"), f"version cannot be set; {LIST}"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), CONFIG, ids=[" ".join(words) for words, _ in CONFIG])
def test_config(still_world: World, words: tuple[str, ...], said: str) -> None:
    still_world.refused(("config", *words), f"{WHERE.replace('{home}', str(Path.home()))}: {said}")


@pytest.mark.parametrize("url", ["", "x", "http://example.com", "https://me:secret@example.com"])
def test_a_webhook(still_world: World, url: str) -> None:
    with nothing_changes(still_world.root):
        done = inside.cpv(still_world.repo.path, "config", "set", "notify.url", url)
    warning, error = done.err.splitlines()
    assert warning.startswith("cpv: warning: notify.url: every user of this machine can read a command's arguments; ")
    fix = "fix: dvc cpv config set notify.url VALUE"
    assert error == f"cpv: {Path.home()}/.cpv/config.json: notify.url must be {WEBHOOK}; {fix}"
    assert (done.status, done.out) == (1, "")


# tag

TAG = [
    *(((name,), f"{name!r} is not a version of this repository (vMAJOR.MINOR); fix: git tag v0.2")
      for name in ("", "x", "v1", "v1.0;id", "../v1.0", "$(touch pwned)", "v1.0\n")),
    (("v0.1",), "the tag v0.1 exists already; fix: git tag v0.2"),
    (("data-v1.0",), "data-v1.0 numbers data, not models; fix: dvc cpv tag data-v1.0 --data"),
    (("v1.0", "-m", ""), 'the message of a tag cannot be empty; fix: dvc cpv tag -m "MESSAGE"'),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), TAG, ids=[ascii(" ".join(words)) for words, _ in TAG])
def test_tag(still_world: World, words: tuple[str, ...], said: str) -> None:
    still_world.refused(("tag", *words), said)
