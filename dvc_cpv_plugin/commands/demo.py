"""`dvc cpv demo`: a guided end-to-end demo in a temporary folder, with plain Git commands, each shown as it runs."""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cpv_hooks.errors import CPVError
from cpv_hooks.git.reason import reason
from cpv_hooks.git.repo import environment
from dvc_cpv_plugin.commands import ui
from dvc_cpv_plugin.commands.base import CPVCommand

EXAMPLES = """examples:
  dvc cpv demo
  dvc cpv demo --keep       # to look around in the folder afterwards"""
ARTIFACTS = ("model.bin", "metrics.log", "data")
# DVC in a Python that cannot import CPV: what a colleague without CPV has.
WITHOUT_CPV = (
    "import sys; sys.modules['dvc_cpv_plugin'] = sys.modules['cpv_hooks'] = None; "
    "from dvc.cli import main; sys.exit(main(sys.argv[1:]))"
)
Digests = Mapping[str, str]


@dataclass
class Story:
    """A folder, what has been shown to be equal, and what has not."""

    folder: Path
    held: int = 0
    broken: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        _write(f"\n# {text}")

    def run(self, *command: str, cwd: Path, shown: str | None = None) -> str:
        """Echo a command, run it, show what it prints; a failure ends the demo."""
        line = shown or shlex.join(command)
        _write(f"$ {line}")
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        for said in done.stdout.splitlines():
            _write(f"  {said}")
        if done.returncode:
            why = reason(done.stdout, done.returncode)
            raise CPVError(f"`{line}` ended with {done.returncode}: {why}", where=str(cwd), fix="dvc cpv doctor")
        return done.stdout

    def compare(self, what: str, found: Digests, expected: Digests) -> None:
        """Show whether two states of the artifacts are the same, byte for byte."""
        if found == expected:
            self.held += 1
            _write(f"  = {what}: identical ({', '.join(f'{name} {found[name][:8]}' for name in ARTIFACTS)})")
        else:
            self.broken.append(what)
            _write(f"  ! {what}: DIFFERENT ({', '.join(name for name in ARTIFACTS if found[name] != expected[name])})")

    def _environment(self) -> dict[str, str]:
        env = environment()
        # This is a user's shell again: hooks run, and the user's own settings stay out of the story.
        for key in ("CPV_RUNNING", "GIT_OPTIONAL_LOCKS", "CPV_QUIET"):
            env.pop(key, None)
        home = self.folder / "home"
        settings = {name: str(home / leaf) for name, leaf in _SETTINGS.items()}
        path = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
        return {**env, **settings, "DVC_NO_ANALYTICS": "1", "PATH": path}


# Where the user's own settings would be read or written.
_SETTINGS = {
    "CPV_HOME": "cpv",
    "GIT_CONFIG_GLOBAL": "gitconfig",
    "DVC_GLOBAL_CONFIG_DIR": "dvc-global",
    "DVC_SYSTEM_CONFIG_DIR": "dvc-system",
    "DVC_SITE_CACHE_DIR": "dvc-site-cache",
    "PRE_COMMIT_HOME": "pre-commit",
}
_GITCONFIG = """[user]
\tname = CPV demo
\temail = demo@example.com
[commit]
\tgpgSign = false
[tag]
\tgpgSign = false
[init]
\tdefaultBranch = main
[advice]
\tdetachedHead = false
"""


def _write(text: str) -> None:
    ui.write_output(text)
    sys.stdout.flush()


def digests(folder: Path) -> Digests:
    """The SHA-256 of each artifact; of a folder, over its files' names and content."""
    found = {}
    for name in ARTIFACTS:
        total = hashlib.sha256()
        path = folder / name
        for file in [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file()):
            total.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
        found[name] = total.hexdigest()
    return found


def tell(story: Story) -> None:
    repo = story.folder / "classifier"
    gitconfig = story.folder / "home/gitconfig"
    gitconfig.parent.mkdir()
    gitconfig.write_text(_GITCONFIG)
    versions: dict[str, Digests] = {}

    story.tell("A new model repository: Git, DVC, hooks, a first version of model and data")
    story.run("dvc", "cpv", "init", "classifier", "--team-name", "demo", cwd=story.folder)
    versions["v0.0"] = digests(repo)

    for number, epochs in enumerate((3, 5), start=1):
        story.tell(f"Train, look, commit: plain Git commands, version v0.{number}")
        story.run("python", "train.py", "--epochs", str(epochs), cwd=repo)
        story.run("git", "status", "--short", cwd=repo)
        story.run("git", "commit", "-m", f"{epochs} more epochs", cwd=repo)
        versions[f"v0.{number}"] = digests(repo)
    story.run("git", "tag", "--list", "-n1", cwd=repo)

    story.tell("Back to the first version, and forward again")
    for tag in ("v0.0", "v0.2"):
        story.run("git", "checkout", "-q", tag, cwd=repo)
        story.compare(f"work tree at {tag}", digests(repo), versions[tag])
    story.run("git", "checkout", "-q", "main", cwd=repo)
    story.run("git", "status", "--short", cwd=repo)

    story.tell("A colleague who has DVC, and no CPV: clone and dvc pull, with DVC's own verification")
    clone = story.folder / "colleague"
    story.run("git", "clone", "-q", "classifier", "colleague", cwd=story.folder)
    _dvc_alone(story, clone, "remote", "modify", "--local", "storage", "verify", "true")
    for tag, expected in versions.items():
        story.run("git", "checkout", "-q", tag, cwd=clone)
        _dvc_alone(story, clone, "pull", "-q")
        story.compare(f"the colleague's {tag}", digests(clone), expected)
    story.run("git", "fsck", "--full", "--strict", "--no-dangling", cwd=clone)


def _dvc_alone(story: Story, folder: Path, *arguments: str) -> None:
    shown = f"dvc {shlex.join(arguments)}          # CPV cannot be imported here"
    story.run(sys.executable, "-c", WITHOUT_CPV, *arguments, cwd=folder, shown=shown)


class CmdDemo(CPVCommand):
    """Tells the story, sums up, and ends with 1 where something was not identical."""

    def run(self) -> int:
        if self.args.keep:
            return self._tell(Path(tempfile.mkdtemp(prefix="cpv-demo-")))
        try:
            with tempfile.TemporaryDirectory(prefix="cpv-demo-") as folder:
                return self._tell(Path(folder))
        except PermissionError as error:
            raise CPVError(f"the demo's folder cannot be removed: {error}", fix="rm -r it by hand") from error

    def _tell(self, folder: Path) -> int:
        story = Story(Path(os.path.realpath(folder)))
        tell(story)
        total = story.held + len(story.broken)
        _write(f"\n{story.held} of {total} comparisons are identical, byte for byte.")
        if self.args.keep:
            _write(f"Everything is in {story.folder}; remove it when you have seen enough.")
        else:
            _write("The folder was removed; `dvc cpv demo --keep` keeps it.")
        for what in story.broken:
            sys.stderr.write(f"cpv: demo: {what} is not what was committed\n")
        return 1 if story.broken else 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", action="store_true", help="Keep the folder and print its name.")
