"""Where on S3 a repository's data is to be, and how it is reached: decided from what is asked for and what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cpv_hooks.accounts.aws import credentials, team_and_model
from cpv_hooks.accounts.aws.access_policy import check_bucket
from cpv_hooks.accounts.aws.credentials import COMMAND, Credentials
from cpv_hooks.accounts.personal.schema import Aws, Settings
from cpv_hooks.dvcformat.dvc_config_files import configured_remotes
from cpv_hooks.errors import CPVError, shell_word
from cpv_hooks.named_tuple import NamedTuple
from cpv_hooks.project.project import Project
from cpv_hooks.remote.s3.s3_remote import S3Remote
from cpv_hooks.remote.s3_client.s3_options import S3Options

NAME = "s3"
_KEYS = ("access_key_id", "secret_access_key", "session_token")
_OURS = frozenset({"url", "endpointurl", "region", "credentialpath", "profile"})


class AwsRequest(NamedTuple):
    """What the user asks for; what is None is decided by what is there already.

    `read_only` is for keys that may not write; `force` accepts that data which is lost is not moved.
    """

    credential_path: str | None = None
    profile: str | None = None
    bucket: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    team: str | None = None
    model: str | None = None
    read_only: bool = False
    move: bool = True
    force: bool = False


class AwsTarget(NamedTuple):
    """A place on S3. `public` is what everybody needs to know of it, `local` this machine alone, `kept` what the remote
    says besides. `stays` where the repository's data is there already. Without a team nothing is written there.
    """

    name: str
    url: str
    public: Mapping[str, str]
    local: Mapping[str, str]
    kept: Mapping[str, str]
    credentials: Credentials
    stays: bool
    has_team: bool = True

    @property
    def values(self) -> dict[str, str]:
        """The options of the remote, as DVC will have them."""
        return {**self.kept, **self.public, **self.local}

    @property
    def options(self) -> S3Options:
        return S3Options.of(self.name, self.url, self.values, command=COMMAND)

    def open(self, legacy: bool) -> S3Remote:
        return S3Remote(self.url, self.values, name=self.name, legacy=legacy, command=COMMAND)


def decide(
    request: AwsRequest,
    project: Project | None,
    settings: Settings,
    ask: Callable[[], str | None] = credentials.ask_for_file,
) -> AwsTarget:
    """Where the data goes. Raises `CPVError` for what cannot be, and where credentials or a team are missing."""
    check_target(request)
    names = team_and_model.team_and_model(project, settings, request.team, request.model)
    here = team_and_model.s3_of(project)
    if project is not None and here is not None and request.bucket in (None, here.bucket):
        return _as_it_is(request, project, here, settings, ask)
    if project is not None and names.team is None:
        raise CPVError("the team's name is missing", where=str(project.root), fix=f"{COMMAND} --team-name NAME")
    bucket = check_bucket(request.bucket or settings.aws.bucket)
    url = "/".join(filter(None, [f"s3://{bucket}", names.team, names.model if names.team else None]))
    endpoint, region = request.endpoint_url or settings.aws.endpoint_url, request.region or settings.aws.region
    found = credentials.find_credentials(
        request.credential_path,
        request.profile if request.profile is not None else settings.aws.profile,
        saved=settings.aws.credential_path,
        ask=ask,
    )
    public = _public(url, endpoint, region)
    if project is not None and project.config.layout == "versioned":
        public["version_aware"] = "true"
    target = AwsTarget(NAME, url, public, _local(found), {}, found, False, names.team is not None)
    return target._replace(name=_free_name(project, url)) if project is not None else target


def _as_it_is(
    request: AwsRequest, project: Project, here: S3Options, settings: Settings, ask: Callable[[], str | None]
) -> AwsTarget:
    """The remote that the repository has, for this machine: as after a clone."""
    url = project.remote_url or ""
    endpoint = request.endpoint_url or here.get("endpointurl")
    region = request.region or here.get("region")
    found = _credentials_for(request, here, settings, ask)
    moved = request.endpoint_url is not None and here.get("endpointurl") not in (None, request.endpoint_url)
    kept = {key: value for key, value in here.values.items() if key not in _OURS}
    return AwsTarget(here.name, url, _public(url, endpoint, region), _local(found), kept, found, not moved)


def _credentials_for(
    request: AwsRequest, here: S3Options, settings: Settings, ask: Callable[[], str | None]
) -> Credentials:
    own = [key for key in _KEYS if here.get(key)]
    if own and request.credential_path is None and request.profile is None:
        return Credentials(None, None, f"the keys of remote {here.name}")
    if own:
        what = f"remote {here.name} has {' and '.join(own)} of its own, which would win over the file"
        fix = ", ".join(f"dvc remote modify --local --unset {shell_word(here.name)} {key}" for key in own)
        raise CPVError(what, fix=fix)
    saved = here.get("credentialpath") or settings.aws.credential_path
    profile = request.profile if request.profile is not None else here.get("profile") or settings.aws.profile
    return credentials.find_credentials(request.credential_path, profile, saved=saved, ask=ask)


def _public(url: str, endpoint: str | None, region: str | None) -> dict[str, str]:
    found = {"url": url, "endpointurl": endpoint, "region": region}
    return {key: value for key, value in found.items() if value is not None}


def _local(found: Credentials) -> dict[str, str]:
    path = {"credentialpath": str(found.path)} if found.path else {}
    return {**path, **({"profile": found.profile} if found.profile else {})}


def _free_name(project: Project, url: str) -> str:
    """The name of the remote that has this URL already, else one that is not taken."""
    _, remotes = configured_remotes(project.root)
    known = next((name for name, known in remotes.items() if known.rstrip("/") == url), None)
    return known or next(name for name in (NAME, *(f"{NAME}-{n}" for n in range(2, 100))) if name not in remotes)


def check_target(request: AwsRequest) -> None:
    """Refuse a region or an endpoint that cannot be one, before anything is asked or changed."""
    from pydantic import ValidationError

    for flag, field, value in (
        ("--region", "region", request.region),
        ("--endpoint-url", "endpoint_url", request.endpoint_url),
        ("--bucket", "bucket", request.bucket),
    ):
        if value is None:
            continue
        try:
            Aws.model_validate({field: value})
        except ValidationError:
            what = f"{flag} must be {Aws.model_fields[field].description}"
            raise CPVError(what, fix=f"{COMMAND} {flag} VALUE") from None
