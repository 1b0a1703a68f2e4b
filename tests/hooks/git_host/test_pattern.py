"""The URL of a model's repository, and what cannot be one."""

from __future__ import annotations

import pytest

from cpv_hooks.accounts.git_host.pattern import (
    CLOUD_PATTERN,
    SSH,
    check_pattern,
    parse_ssh_url,
    pattern_host,
    repository_url,
)
from cpv_hooks.accounts.personal.schema import Bitbucket, Settings
from cpv_hooks.errors import CPVError


def settings(**bitbucket: object) -> Settings:
    return Settings(bitbucket=Bitbucket.model_validate(bitbucket))


CASES: list[tuple[dict[str, object], str]] = [
    ({}, "git@bitbucket.org:AI-vision-model-checkpoints/resnet50.git"),
    ({"port": 22, "user": "ada"}, "git@bitbucket.org:AI-vision-model-checkpoints/resnet50.git"),
    ({"port": 443}, "ssh://git@bitbucket.org:443/AI-vision-model-checkpoints/resnet50.git"),
    ({"host": "git.example.com"}, "ssh://git@git.example.com:7999/AI-vision-model-checkpoints/resnet50.git"),
    ({"host": "10.0.0.7", "port": 2222}, "ssh://git@10.0.0.7:2222/AI-vision-model-checkpoints/resnet50.git"),
    ({"host": "fe80::1", "port": 22}, "ssh://git@[fe80::1]:22/AI-vision-model-checkpoints/resnet50.git"),
    ({"url_pattern": "{user}@{host}:ml/{team_name}-{model_name}"}, "git@bitbucket.org:ml/vision-resnet50"),
    ({"user": "ada", "url_pattern": "{user}@{host}:{team_name}/{model_name}"}, "ada@bitbucket.org:vision/resnet50"),
    (
        {"host": "h", "url_pattern": "ssh://{host}:{port}/~git/{team_name}/{model_name}.git"},
        "ssh://h:7999/~git/vision/resnet50.git",
    ),
    ({"url_pattern": "https://h/{team_name}/{model_name}.git"}, "https://h/vision/resnet50.git"),
    ({"url_pattern": "/srv/git/{team_name}/{model_name}.git"}, "/srv/git/vision/resnet50.git"),
]


@pytest.mark.parametrize(("given", "url"), CASES)
def test_the_url_by_the_settings(given: dict[str, object], url: str) -> None:
    assert repository_url(settings(**given), "vision", "resnet50") == url


REFUSED = [
    (
        "git@h:{team_name}/{model}",
        "there is no field {model} (known: {team_name}, {model_name}, {host}, {user}, {port})",
    ),
    ("git@h:{team_name}/{model_name!r}", "there is no field {model_name}"),
    ("git@h:{team_name}/{model_name:>9}", "there is no field {model_name}"),
    ("git@h:{team_name.__class__}/{model_name}", "there is no field {team_name.__class__}"),
    ("git@h:{}/{team_name}/{model_name}", "there is no field {}"),
    ("git@h:{team_name}/{model_name", "its braces do not match"),
    ("git@h:acme/{model_name}", "it has no {team_name}, so several models would share a repository"),
    ("git@h:acme/models", "it has no {team_name} and no {model_name}"),
    ("ext::sh -c x% {team_name}/{model_name}", "it is not an ssh://, https:// or user@host:path URL"),
    ("ext::{team_name}/{model_name}", "it is not an ssh://"),
    ("-oProxyCommand=x:{team_name}/{model_name}", "it is not an ssh://"),
    ("ssh://-oProxyCommand=x/{team_name}/{model_name}", "it is not an ssh://"),
    ("http://h/{team_name}/{model_name}", "it is not an ssh://"),
    ("git://h/{team_name}/{model_name}", "it is not an ssh://"),
    ("git@h:{team_name}/{model_name};reboot", "it is not an ssh://"),
    ("git@h:{team_name}/{model_name}\n", "it is not an ssh://"),
    ("{team_name}/{model_name}", "it is not an ssh://"),
    ("git@h:../{team_name}/{model_name}", "a part of its path is empty, '.', '..' or begins with '-'"),
    ("git@h:-x/{team_name}/{model_name}", "a part of its path is empty"),
    ("/srv/../{team_name}/{model_name}", "a part of its path is empty"),
    ("git@h:{team_name}//{model_name}", "a part of its path is empty"),
    ("ssh://git@h:99999/{team_name}/{model_name}", "its port is not from 1 to 65535"),
]


@pytest.mark.parametrize(("pattern", "why"), REFUSED)
def test_a_pattern_that_gives_no_safe_url_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(CPVError) as error:
        check_pattern(pattern)
    shown = " ".join(repr(pattern).split())
    assert str(error.value).startswith(f"{shown} cannot be the repository's URL: {why}")
    assert error.value.fix and error.value.fix.startswith("dvc cpv bitbucket-config --url-pattern")


@pytest.mark.parametrize(
    "pattern", ["https://ada:hunter22@h/{team_name}/{model_name}", "ssh://a:hunter22@h/{team_name}/{model_name}"]
)
def test_a_password_is_refused_and_not_shown(pattern: str) -> None:
    with pytest.raises(CPVError, match=r"^the repository's URL has a password in it, which would be saved;") as error:
        check_pattern(pattern)
    assert "hunter22" not in str(error.value)


@pytest.mark.parametrize(
    ("team", "model"), [("..", "m"), ("t", "a/b"), ("-t", "m"), ("t", ""), ("t", "m;x"), ("t", "a..b")]
)
def test_names_that_could_lead_elsewhere_are_refused(team: str, model: str) -> None:
    with pytest.raises(CPVError, match=r"is not a (team|model) name"):
        repository_url(settings(), team, model)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("git@bitbucket.org:AI-vision/resnet.git", SSH("bitbucket.org", None, "git", "AI-vision/resnet")),
        ("bitbucket.org:a/b", SSH("bitbucket.org", None, None, "a/b")),
        ("ssh://git@h.example:7999/P/r.git", SSH("h.example", 7999, "git", "P/r")),
        ("ssh://[::1]:22/r", SSH("::1", 22, None, "r")),
        ("git@[::1]:r.git", SSH("::1", None, "git", "r")),
        ("https://h/a/b.git", None),
        ("/srv/a:b", None),
        ("file:///srv/a", None),
    ],
)
def test_what_an_ssh_url_says(url: str, found: SSH | None) -> None:
    assert parse_ssh_url(url) == found


def test_the_host_that_a_pattern_names() -> None:
    assert pattern_host("git@git.example.com:{team_name}/{model_name}") == "git.example.com"
    assert pattern_host(CLOUD_PATTERN) is None
    assert pattern_host("/srv/{team_name}/{model_name}") is None
