"""What `dvc cpv doctor` looks at: the tools, the settings, the hooks, the remote, what waits. It changes nothing."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from cpv_hooks import state_files
from cpv_hooks.checks import doctor_hooks
from cpv_hooks.checks.network_checks import remote_answers
from cpv_hooks.console.check_result import Check, failed_check, guarded, side_by_side
from cpv_hooks.console.redact import redact
from cpv_hooks.dvcformat.dvcignore import is_dvcignored
from cpv_hooks.dvcformat.remote_url import is_on_s3
from cpv_hooks.errors import CPVError, disk_error, git_word
from cpv_hooks.git.git_version import check_git_version
from cpv_hooks.git.gitignore import hidden
from cpv_hooks.git.one_shot import PENDING
from cpv_hooks.git.repo import Repo
from cpv_hooks.project import plugins
from cpv_hooks.project.config_file import load_config
from cpv_hooks.project.left_out import left_out
from cpv_hooks.project.plugins import scheme_of
from cpv_hooks.project.project import Project, managed_roots
from cpv_hooks.sync.lost_pointers import released
from cpv_hooks.system.signatures import Clock
from cpv_hooks.transfer.objects.open import open_remote
from cpv_hooks.transfer.objects.upload_queue import Queue
from cpv_hooks.versions.stages import artifact_name
from cpv_hooks.worktree import remotes_in_use
from cpv_hooks.worktree.base_index import Index
from cpv_hooks.worktree.discovery import Found, discover
from cpv_hooks.worktree.new_artifacts import part_of_others
from cpv_hooks.worktree.workspace import Workspace

MINIMUM_DVC = (3, 66, 1)
REMOTE_SECONDS = 20.0


def examine(repo: Repo, *, remote_seconds: float = REMOTE_SECONDS) -> list[Check]:
    """Every check, in the order in which a person would mend things. One that breaks is a failed one."""
    found: list[Check] = []
    for _, answer in plugins.all_answers("cpv_checks", _Builtin(remote_seconds), repo=repo):
        found += [check for check in answer if isinstance(check, Check)] if isinstance(answer, list | tuple) else []
    return [check._replace(reason=redact(check.reason)) for check in found]


class _Builtin:
    """CPV's own checks, which register as a plugin's do."""

    def __init__(self, remote_seconds: float) -> None:
        self._remote_seconds = remote_seconds

    def cpv_checks(self, repo: Repo) -> list[Check]:
        return [check for name, look in _looks(repo, self._remote_seconds) for check in guarded(name, look)]


def _looks(repo: Repo, remote_seconds: float) -> list[tuple[str, Callable[[], Iterator[Check]]]]:
    return [
        ("git", lambda: iter([git_version(repo)])),
        ("dvc", lambda: iter([dvc_version()])),
        ("settings", lambda: settings(repo)),
        ("hooks", lambda: doctor_hooks.hooks(repo)),
        ("interpreter", lambda: doctor_hooks.interpreter(repo)),
        ("live status", lambda: doctor_hooks.live_status(repo)),
        ("push.followTags", lambda: iter([follow_tags(repo)])),
        ("merge driver", lambda: iter([merge_driver(repo)])),
        ("detour", lambda: iter([detour(repo)])),
        ("pointers", lambda: pointers(repo)),
        ("remote", lambda: remotes(repo, remote_seconds)),
        ("queue", lambda: iter([queue(repo)])),
        ("notifications", notifications),
    ]


def git_version(repo: Repo) -> Check:
    """Whether Git is recent enough."""
    try:
        return Check("git", "ok", check_git_version(repo.top))
    except CPVError as error:
        return failed_check("git", error)


def dvc_version() -> Check:
    """The DVC that runs in this interpreter."""
    try:
        text = version("dvc")
    except PackageNotFoundError:
        return Check("dvc", "fail", "not installed in CPV's own environment", "pip install dvc")
    if tuple(map(int, re.findall(r"\d+", text)[:3])) < MINIMUM_DVC:
        return Check("dvc", "fail", f"dvc {text}: 3.66.1 is the oldest that works", "pip install -U dvc")
    return Check("dvc", "ok", f"dvc {text}")


def settings(repo: Repo) -> Iterator[Check]:
    """Each `.cpv.toml`, the tag scheme that it names, and whether stages can have its model."""
    roots = managed_roots(repo)
    absent = left_out(repo)
    yield from (failed_check("settings", error) for error in absent)
    if not roots and not absent:
        yield Check("settings", "fail", f"{repo.top}: no .cpv.toml in a DVC root", "dvc cpv init")
    for root in roots:
        where = str((root / ".cpv.toml").relative_to(repo.top))
        try:
            config = load_config(root)
            scheme_of(config)
            if config.stages:
                artifact_name(config)
            yield Check("settings", "ok", f"{where} is sound")
        except CPVError as error:
            yield failed_check("settings", error)


def follow_tags(repo: Repo) -> Check:
    """Annotated tags travel with their commits."""
    if repo.run("config", "--type=bool", "--get", "push.followTags", check=False).strip() == "true":
        return Check("push.followTags", "ok", "tags travel with their commits")
    return Check("push.followTags", "warn", "git push leaves tags behind", "git config push.followTags true")


def merge_driver(repo: Repo) -> Check:
    """DVC merges pointers of directories. Its own driver ends with 255, which Git from 2.42 on takes for a crash."""
    driver = repo.config("merge.dvc.driver")
    attribute = repo.run("check-attr", "merge", "--", "x.dvc").strip().rpartition(": ")[2]
    if driver and "git-hook merge-driver" in driver:
        reason = "merge.dvc.driver is DVC's own: where it finds a conflict, Git from 2.42 on stops half-way"
        return Check("merge driver", "warn", reason, "dvc cpv install")
    if driver and attribute == "dvc":
        return Check("merge driver", "ok", "pointers are merged by DVC")
    missing = "merge.dvc.driver is not set" if not driver else "no attribute merge=dvc for *.dvc"
    return Check("merge driver", "warn", missing, "dvc cpv install")


def detour(repo: Repo) -> Check:
    """A one-shot commit that was killed leaves HEAD on its detour; the next hook heals it."""
    head = (repo.git_dir / "HEAD").read_text(encoding="utf-8").strip()
    if head == f"ref: {PENDING}":
        reason = "HEAD is on CPV's temporary ref: a commit is under way or was killed"
        return Check("detour", "warn", reason, "wait for the commit, or git status")
    return Check("detour", "ok", "HEAD is where Git put it")


def pointers(repo: Repo) -> Iterator[Check]:
    """Pointers that are broken, or that a rule or a mark hides from commits or from DVC."""
    projects, index, clock = Project.find_all(repo), Index.load(repo.state), Clock(repo.state / state_files.CLOCK)
    found = discover(repo, projects, index, clock)
    of_tracked = hidden(repo, (pointer.file for _, pointer in found.pointers)).values()
    errors = [*found.errors, *found.ignored, *of_tracked, *_hidden_from_dvc(repo, found), *_passed_over(repo, found)]
    yield from (failed_check("pointers", error) for error in errors)
    if not errors:
        yield Check("pointers", "ok", "each can be read, and Git ignores none")
    yield from (failed_check("artifacts", error) for error in _unreadable(found, index, clock))
    odd = [*released(repo, projects, found, index), *part_of_others(projects, found.paths)]
    yield from (failed_check("artifacts", one)._replace(result="warn") for one in odd)


def _unreadable(found: Found, index: Index, clock: Clock) -> Iterator[CPVError]:
    """Artifacts that no commit can take: a link out of the repository, a pipe, what may not be read."""
    for project, pointer in found.pointers:
        space = Workspace(project, index, clock)
        try:
            status = space.status(pointer.path)
            if status is not None and stat.S_ISDIR(status.st_mode):
                space.listing(pointer.path)
        except CPVError as error:
            yield error
        except OSError as error:
            yield disk_error(error, Path(error.filename or project.repo.top / pointer.path))


def _hidden_from_dvc(repo: Repo, found: Found) -> Iterator[CPVError]:
    what = "a .dvcignore hides this pointer, so DVC alone neither pulls nor checks its artifact"
    fix = "take the rule that names its folder, or pointers, out of .dvcignore"
    for project, pointer in found.pointers:
        if is_dvcignored(project.root, repo.top / pointer.file):
            yield CPVError(what, where=pointer.file, fix=fix)


def _passed_over(repo: Repo, found: Found) -> Iterator[CPVError]:
    """Pointers of which Git is told that they never change (git-update-index(1)): no commit takes them."""
    files = sorted({pointer.file for _, pointer in found.pointers})
    names = [f":(literal){file}" for file in files]
    listed = repo.run("ls-files", "-v", "-z", "--", *names).split("\0") if names else []
    for row in listed:
        if row and (row[0].islower() or row[0] == "S"):
            what = "Git is told to ignore changes of this pointer (git update-index), so no commit takes them"
            mark = "skip-worktree" if row[0].upper() == "S" else "assume-unchanged"
            yield CPVError(what, where=row[2:], fix=f"git update-index --no-{mark} {git_word(row[2:])}")


def remotes(repo: Repo, seconds: float) -> Iterator[Check]:
    """Each DVC root's remotes, asked all at once, with a time-out."""
    questions = []
    for root in managed_roots(repo):
        try:
            project = Project.open(repo, root)
            yield from s3_clients(project)
            questions += [remote_answers("remote", project.at(name)) for name in remotes_in_use.remote_names(project)]
        except CPVError as error:
            yield failed_check("remote", error)
    yield from side_by_side(questions, seconds)


def s3_clients(project: Project) -> Iterator[Check]:
    """By which client each remote on S3 is asked, and why."""
    for name in remotes_in_use.remote_names(project):
        at = project.at(name)
        if is_on_s3(at.remote_url):
            state = getattr(open_remote(at), "client_state", lambda: "DVC's")()
            yield Check("S3 client", "ok", f"{at.remote_name}: {state}")


def queue(repo: Repo) -> Check:
    """Commits whose data is not on the remote yet."""
    waiting = Queue.of(repo).pending()
    if not waiting:
        return Check("queue", "ok", "nothing waits to be uploaded")
    last = next((item.error for item in reversed(waiting) if item.error), None)
    commits = "1 commit waits" if len(waiting) == 1 else f"{len(waiting)} commits wait"
    return Check("queue", "warn", f"{commits} to be uploaded{f' ({last})' if last else ''}", "dvc cpv sync")


def notifications() -> Iterator[Check]:
    """Whether what the settings name can be used, and the last events arrived; nothing where they name nobody."""
    from cpv_hooks.accounts.personal import personal_settings, undelivered

    notify = personal_settings.load_settings().notify
    lost = undelivered.of_targets_in_use()
    for one in lost:
        yield Check("notifications", "warn", one.line, one.fix)
    if notify.webhook is not None and notify.secret is None:
        yield Check("notifications", "warn", "notify.secret is not set", "dvc cpv config set notify.secret -")
    if notify.url is not None and find_spec("apprise") is None:
        from cpv_hooks.accounts.personal.apprise_send import FIX

        yield Check("notifications", "warn", "notify.url needs Apprise, which is not installed", FIX)
    elif not lost and (notify.webhook is not None or notify.events is not None):
        yield Check("notifications", "ok", "none has failed since the last one that arrived")
