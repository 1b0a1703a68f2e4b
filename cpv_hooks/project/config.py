"""`.cpv.toml`, the settings that are versioned with a repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, get_args

from cpv_hooks.named_tuple import NamedTuple

if TYPE_CHECKING:
    from cpv_hooks.metric_formats.series import Goal

FILE = ".cpv.toml"

Kind = Literal["model", "data", "metrics", "extra"]
Layout = Literal["content", "versioned"]
PushWhen = Literal["commit", "background", "push", "never"]
CommitStage = Literal["all", "staged"]
OpenFiles = Literal["warn", "stop"]
S3ClientName = Literal["own", "boto3"]
RunsFree = Literal["later", "at once"]
GOALS: tuple[Goal, ...] = ("max", "min")
KINDS: tuple[Kind, ...] = get_args(Kind)
FETCH_KEYS = ("kinds", "include", "exclude")

DEFAULT_ARTIFACTS: Mapping[Kind, tuple[str, ...]] = {
    "model": ("model.bin",),
    "data": ("data",),
    "metrics": ("metrics.log",),
    "extra": (),
}


class StageRule(NamedTuple):
    """What a version must meet to be in a stage: a branch that has its commit, a condition of its metrics
    (`acc>0.9`), all of its data on the remote."""

    branches: tuple[str, ...] = ()
    metric: str | None = None
    verified: bool = False


_NO_GOALS: Mapping[str, Goal] = {}


class Goals(NamedTuple):
    """`[metrics]` of `.cpv.toml`: for each metric whether the highest or the lowest value is best, and the main one."""

    better: Mapping[str, Goal] = _NO_GOALS
    main: str | None = None

    def of(self, name: str) -> Goal | None:
        """As the settings say; else by the name: less of a loss is better, more accuracy. None: not known.

        `name` may have the file that it is from in front, as in `runs/a.log:acc`.
        """
        bare = name.rpartition(":")[2]
        said = self.better.get(name) or self.better.get(bare)
        if said:
            return said
        low = bare.lower()
        if low.endswith("loss"):
            return "min"
        return "max" if low.endswith(("acc", "accuracy")) else None


_NO_STAGES: Mapping[str, StageRule] = {}


class Config(NamedTuple):
    """The settings of one DVC root. `hash_budget` is in bytes per `git status`."""

    team: str | None = None
    model: str | None = None
    artifacts: Mapping[Kind, tuple[str, ...]] = DEFAULT_ARTIFACTS
    scheme: str = "minor"
    tag_on_commit: bool = True
    push_when: PushWhen = "commit"
    stage: CommitStage = "all"
    one_shot: bool = True
    open_files: OpenFiles = "warn"
    live: bool = True
    hash_budget: int = 512 << 20
    layout: Layout = "content"
    stages: Mapping[str, StageRule] = _NO_STAGES
    metrics: Goals = Goals()
    s3_client: S3ClientName = "own"
    runs_push: bool = False
    runs_free: RunsFree = "later"
    runs_cores: int = 1
    snapshot_dask: str = ""
    fetch: Mapping[str, tuple[str, ...]] | None = None
    """The fields of a `FetchRule`."""

    @property
    def uploads_commits(self) -> bool:
        """Whether a commit's data goes to the remote without a push."""
        return self.push_when in ("commit", "background")


def is_inside(item: str) -> bool:
    """Whether a pattern can only mean paths inside the repository, and none of Git's or DVC's own."""
    path = PurePosixPath(item)
    foreign = any(part.lower() in ("..", ".git", ".dvc") for part in path.parts)
    return bool(path.parts) and not path.is_absolute() and not foreign and not {"\0", "\n"} & set(item)
