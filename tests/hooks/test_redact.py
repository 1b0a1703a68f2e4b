"""What is masked, and what is left as it is."""

from __future__ import annotations

from itertools import permutations

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

from cpv_hooks.console import redact as redact_module
from cpv_hooks.console.redact import hide, redact

AKIA = "AKIA" + "ABCDEFGHIJKL" + "WXYZ"
TOKENS = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "hf_", "ATATT"]
PEM = "-----BEGIN {0}PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA\n-----END {0}PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # passwords in URLs
        ("git@ssh://git:hunter2@host:7999/a.git", "git@ssh://git:***@host:7999/a.git"),
        ("https://x-token-auth:ATCTT3xFfG@bitbucket.org/a", "https://x-token-auth:***@bitbucket.org/a"),
        ("https://ada:p@ss:w@host/path", "https://ada:***@host/path"),
        ("https://:hunter2@host/", "https://:***@host/"),
        ("s3://key:abc/def+ghi@bucket/team", "s3://key:***@bucket/team"),
        (f"s3://{AKIA}:12/34@bucket", "s3://AKIA***WXYZ:***@bucket"),
        ("https://ghp_0123456789abcdefghij@github.com/a", "https://***@github.com/a"),
        ("'https://a:b1@h','c@d'", "'https://a:***@h','c@d'"),
        # AWS
        (f"the key {AKIA} is unknown", "the key AKIA***WXYZ is unknown"),
        (f"https://h/b/k?AWSAccessKeyId={AKIA}&Signature=a%2Fb&Expires=1", "https://h/b/k?AWSAccessKeyId=***&Signature=***&Expires=1"),
        (
            "https://h/k?X-Amz-Credential=x%2F2&X-Amz-Date=1&X-Amz-Signature=ff&X-Amz-Security-Token=t%2B&a=1",
            "https://h/k?X-Amz-Credential=***&X-Amz-Date=1&X-Amz-Signature=***&X-Amz-Security-Token=***&a=1",
        ),
        ("https://h/k?sv=1&sig=abc&se=2", "https://h/k?sv=1&sig=***&se=2"),
        ("AWS_SECRET_ACCESS_KEY=hunter2 dvc push", "AWS_SECRET_ACCESS_KEY=*** dvc push"),
        ('{"SecretAccessKey": "abc/def", "SessionToken": "x y"}', '{"SecretAccessKey": "***", "SessionToken": "***"}'),
        ('{\\"secret\\": \\"abc\\"}', '{\\"secret\\": \\"***\\"}'),
        ("aws_session_token = abc", "aws_session_token = ***"),
        # headers
        ("Authorization: AWS4-HMAC-SHA256 Credential=a/b, Signature=c\nHost: h", "Authorization: ***\nHost: h"),
        ("'Authorization': 'Bearer abc'", "'Authorization': '***'"),
        ("http.extraheader=AUTHORIZATION: basic eDp5", "http.extraheader=AUTHORIZATION: ***"),
        ("curl -H 'X-Auth: Bearer eyJhbGciOiJIUzI1NiJ9.e30'", "curl -H 'X-Auth: Bearer ***'"),
        ("X-Api-Key: abc", "X-Api-Key: ***"),
        # tokens that show what they are
        *((f"say {mark}{'a1B2' * 9} twice", f"say {mark}*** twice") for mark in TOKENS),
        (f"say eyJ{'a1B2' * 5}.eyJ{'c3D4' * 9}.{'e5-_' * 9} twice", "say eyJ*** twice"),
        # other assignments and options
        ("MY_DB_PASSWORD='two words'", "MY_DB_PASSWORD='***'"),
        ("dvc remote modify --local s secret_access_key=abc", "dvc remote modify --local s secret_access_key=***"),
        ("tool --password hunter2 --verbose", "tool --password *** --verbose"),
        ("tool --access-token=abc file", "tool --access-token=*** file"),
        ("access_token: abc", "access_token: ***"),
        # keys
        (f"a {PEM.format('EC ')} b", "a -----BEGIN EC PRIVATE KEY-----***-----END EC PRIVATE KEY----- b"),
        (PEM.format("")[:60], "-----BEGIN PRIVATE KEY-----***"),
        # webhooks
        ("POST https://hooks.slack.com/services/T0/B0/xyz failed", "POST https://hooks.slack.com/*** failed"),
        ("https://discord.com/api/webhooks/1/abc", "https://discord.com/api/webhooks/***"),
        ("https://corp.webhook.office.com/webhookb2/a/b", "https://corp.webhook.office.com/***"),
        ("https://chat.example.com/hooks/a1b2c3d4e5f6g7h8i9", "https://chat.example.com/hooks/***"),
        ("https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t", "https://chat.googleapis.com/v1/spaces/A/messages?key=***&token=***"),
    ],
)  # fmt: skip
def test_a_secret_is_masked(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "git@bitbucket.org:AI-vision-model-checkpoints/resnet50.git",
        "https://ada@bitbucket.org/team/model.git",
        "http://127.0.0.1:8333/bucket/a@b",
        "ssh://git@host:7999/a.git",
        "s3://vmo-model-checkpoints/vision/resnet50/files/md5/ab/cdef0123456789abcdef0123456789",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "npm_config_registry_of_this_machine is set",
        "sk-learn-contrib-of-somebody",
        "pypi-attestations-0.0.12 and SG.of-a-name.that-is-long",
        "/repo/.git/hooks/pre-commit: missing",
        "https://example.com/hooks/list",
        "the session expired; sign in again",
        "Basic authentication is not supported",
        "tokenizer: 3 files",
        "hf_model ghp_x xoxb-1 eyJ.a.b self_hf_aaaaaaaaaaaaaaaaaaaaaaaa",
        "unexpected token: '}'",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ ada@host",
        "--profile default --region eu-west-1",
    ],
)
def test_what_is_no_secret_is_left(text: str) -> None:
    assert redact(text) == text


def test_the_environment_s_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env/secret+1")
    monkeypatch.setenv("BITBUCKET_TOKEN", "env-token-2")
    monkeypatch.setenv("SSH_KEY_PASSPHRASE", "short")  # too short to mean anything
    monkeypatch.setenv("AWS_TOKEN", "/run/secrets/token")
    assert redact("env/secret+1 env-token-2 short /run/secrets/token") == "*** *** short /run/secrets/token"


def test_a_remembered_secret_is_known_in_a_url_too() -> None:
    hide("re/mem+bered")
    assert redact("re/mem+bered and re%2Fmem%2Bbered") == "*** and ***"


@pytest.mark.parametrize(
    "piece",
    ["a", ":", "://", "://a:", "://a:1/", "secret", "secret ", "password=\"", "--a-", "-", "bearer ", "basic 0",
     "authorization ", "-----BEGIN PRIVATE KEY", "https://webhook", "https://a/b/", "https://a.", "AKIA",
     "ghp_", "eyJ", "eyJaaaaaaaaa.", "hf_a-",
     "?key", "\\\""],
)  # fmt: skip
def test_long_text_costs_linear_time(piece: str) -> None:
    """No pattern runs away: the test's time limit would see it."""
    text = piece * (60_000 // len(piece))
    assert redact(text)


LETTERS = "a1B2c3D4e5F6g7H8i9J0" * 6
SHAPES = {
    "AWS Access Key": AKIA,
    "Azure Storage Account access key": f"AccountKey={LETTERS[:86]}==",
    "Basic Auth Credentials": "https://ada:hunter2@host/",
    "Discord Bot Token": f"M{LETTERS[:23]}.{LETTERS[:6]}.{LETTERS[:27]}",
    "GitHub Token": f"ghp_{LETTERS[:36]}",
    "GitLab Token": f"glrt-{LETTERS[:24]}",
    "JSON Web Token": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxIn0." + LETTERS[:43],
    "Mailchimp Access Key": f"{LETTERS[:32].lower()}-us12",
    "NPM tokens": f"//registry.example.com/:_authToken=npm_{LETTERS[:36]}",
    "OpenAI Token": f"sk-{LETTERS[:20]}T3BlbkFJ{LETTERS[:20]}",
    "PyPI Token": f"pypi-AgEIcHlwaS5vcmc{LETTERS[:80]}",
    "Secret Keyword": f'api_key = "{LETTERS[:30]}"',
    "SendGrid API Key": f"SG.{LETTERS[:22]}.{LETTERS[:43]}",
    "Slack Token": f"xoxb-{'123456789012-' * 2}{LETTERS[:24].lower()}",
    "Square OAuth Secret": f"sq0csp-{LETTERS[:43]}",
    "Stripe Access Key": f"sk_live_{LETTERS[:24]}",
    "Telegram Bot Token": f"123456789:{LETTERS[:35]}",
    "Twilio API Key": f"SK{'a1b2c3d4' * 4}",
}
NOT_OURS = {
    "Artifactory Credentials",  # `AP` and nine letters: any word
    "Base64 High Entropy String",  # any hash
    "Cloudant Credentials",
    "Hex High Entropy String",  # any hash
    "IBM COS HMAC Credentials",
    "IBM Cloud IAM Key",
    "Private Key",  # of several lines: above
    "Public IP (ipv4)",  # no secret
    "SoftLayer Credentials",
}
"""What detect-secrets looks for and no output of ours can be told by, with the reason where it is not the name's."""


def test_every_shape_that_detect_secrets_knows_is_looked_at() -> None:
    assert set(get_mapping_from_secret_type_to_class()) == SHAPES.keys() | NOT_OURS


@pytest.mark.parametrize("kind", SHAPES)
def test_detect_secrets_finds_nothing_in_what_is_printed(kind: str) -> None:
    looks = get_mapping_from_secret_type_to_class()
    line = f"push failed: {SHAPES[kind]} was refused"
    assert looks[kind]().analyze_line("log", line)
    values = {found.secret_value or "" for name in SHAPES for found in looks[name]().analyze_line("log", redact(line))}
    assert {value.strip("\"'") for value in values} <= {"***"}, redact(line)


def test_lines_of_short_words_hold_no_secret_that_a_pattern_would_find() -> None:
    words = [
        "tagged",
        "v0.13",
        "data-v0.1",
        "model@v1.2.3",
        "password",
        "api_key",
        "a-token",
        "bearer",
        "basic",
        "SK12345",
    ]
    for line in (" ".join(pair) for pair in permutations(words, 3)):
        found = line
        for pattern, masked in redact_module._rules():
            found = pattern.sub(masked, found)
        assert redact(line) == found == line
