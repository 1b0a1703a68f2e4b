"""Every command that CPV advises can be pasted: what it puts into one is quoted (`shell_word` and its like)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError, shell_path, shell_word

ROOT = Path(__file__).parents[1]
PACKAGES = ("cpv_hooks", "dvc_cpv_plugin")
PROGRAMS = "git|dvc|rm|mv|cp|chmod|mkdir|pip|ssh-keygen|ssh-add|ssh|aws|echo|export|unset|find|cpv"
COMMAND = re.compile(rf"(?:^|[\s`(;&|\"'])(?:{PROGRAMS})\s")
# Constants that are commands themselves.
COMMANDS = ("COMMAND", "_COMMAND", "_SET")
QUOTING = (
    "shell_word",
    "shell_words",
    "shell_path",
    "file_word",
    "file_words",
    "git_word",
    "git_words",
    "pathspec_word",
)

# What may stand in a command unquoted, by the reason for it.
OWN_WORDS = "one of a few words of CPV's own, of Git's or of DVC's: an option, a setting, a line, a variable"
NUMBER = "a number"
COMPOSED = "a command, or a part of one, that was quoted where it was made"
PROSE = "no command: a sentence, or a remark beside one"
SCRIPT = "a script that quotes by `shlex.quote` itself, and its marks"
EXCEPTIONS = {
    OWN_WORDS: {
        "cpv_hooks/accounts/aws/repository_remote.py": {"operation"},
        "cpv_hooks/accounts/aws/aws_target.py": {"key", "flag"},
        "cpv_hooks/accounts/git_host/known_hosts.py": {"key.fingerprint"},
        "cpv_hooks/accounts/git_host/git_host_target.py": {"option", "name.upper()"},
        "cpv_hooks/accounts/personal/personal_settings.py": {"key"},
        "cpv_hooks/checks/local_checks.py": {"operation"},
        "cpv_hooks/disk_causes.py": {"mode"},
        "cpv_hooks/operations/download/refuse_tracked.py": {"version.line"},
        "cpv_hooks/operations/make/make_version.py": {"under_way"},
        "cpv_hooks/operations/make/target_artifact.py": {"other"},
        "cpv_hooks/project/clone_settings.py": {"key"},
        "cpv_hooks/project/names.py": {"option"},
        "cpv_hooks/remote/common/dvc_remote.py": {"scheme"},
        "cpv_hooks/remote/s3_client/s3_errors.py": {"lacking"},
        "cpv_hooks/remote/s3_client/s3_options.py": {"key", "key.upper()", "where"},
        "cpv_hooks/remote/s3_client/proxy.py": {"proxy.variable"},
        "cpv_hooks/setup/init/init_plan.py": {"operation"},
        "cpv_hooks/setup/install/uninstall.py": {"ids"},
        "dvc_cpv_plugin/commands/completion.py": {"what"},
        "dvc_cpv_plugin/commands/config.py": {"key"},
        "dvc_cpv_plugin/commands/init.py": {"what"},
        "dvc_cpv_plugin/commands/line.py": {"kind", "line"},
        "dvc_cpv_plugin/commands/watch.py": {"option"},
    },
    NUMBER: {
        "cpv_hooks/accounts/git_host/keys.py": {"mode", "now"},
        "cpv_hooks/accounts/git_host/ssh_config.py": {"now"},
        "cpv_hooks/sync/pointer_removed.py": {"rescue.number"},
        "cpv_hooks/sync/settle.py": {"rescue.number"},
        "cpv_hooks/versions/reserve.py": {"done.returncode"},
    },
    COMPOSED: {
        "cpv_hooks/worktree/behind_links.py": {"bring"},
        "cpv_hooks/sync/watch_file.py": {"of", "_except_written(written, folders)"},
        "cpv_hooks/accounts/git_host/known_hosts.py": {"port"},
        "cpv_hooks/project/left_out.py": {"keep"},
        "cpv_hooks/runs/overview.py": {"git"},
        "cpv_hooks/setup/init/init_plan.py": {"message"},
        "cpv_hooks/remote/s3_client/s3_errors.py": {
            "_other_bucket(options)", "_give_keys(options)", "profile", "options.command", "options.retry"
        },
        "cpv_hooks/remote/s3_client/s3_options.py": {"change.removeprefix(where)", "self.retry"},
        "cpv_hooks/remote/s3_client/proxy.py": {"options.retry"},
        "cpv_hooks/remote/s3_client/sources.py": {"profile"},
        "dvc_cpv_plugin/commands/demo.py": {"shlex.join(arguments)"},
        "dvc_cpv_plugin/commands/promote.py": {"' '.join(words)"},
    },
    PROSE: {
        "cpv_hooks/accounts/git_host/client.py": {"said"},
        "cpv_hooks/accounts/git_host/connection.py": {"line"},
        "cpv_hooks/accounts/git_host/git_host_setup.py": {
            "client.home_of_ssh() / '.ssh'", "client.ssh_folder()", "_fix()",
        },
        "cpv_hooks/accounts/git_host/ssh_config.py": {"entry.key", "entry.host"},
        "cpv_hooks/checks/doctor.py": {"mark", "text"},
        "cpv_hooks/git/repo.py": {"args[0]", "reason(printed, done.returncode)"},
        "cpv_hooks/operations/revert/revert_data.py": {"path"},
        "cpv_hooks/remote/s3_client/sources.py": {"more"},
        "cpv_hooks/setup/init/first_commit.py": {"effects"},
        "cpv_hooks/runs/retention.py": {"error"},
        "dvc_cpv_plugin/autoload.py": {"type(error).__name__", "error"},
        "dvc_cpv_plugin/commands/nouns.py": {"noun", "type(error).__name__", "reason"},
        "dvc_cpv_plugin/commands/base.py": {"name"},
        "dvc_cpv_plugin/commands/init.py": {"', '.join(sorted(chosen))"},
    },
    SCRIPT: {
        "cpv_hooks/accounts/git_host/ssh_config.py": {"host"},
        "cpv_hooks/setup/install/uninstall.py": {
            "' '.join((quote(str(path)) for path in left))", "' '.join(LINKS)", "file", "original", "new",
            "installed", "name", "quote(advice)", "aside", "hook", "word", "quote(key)",
        },
    },
}  # fmt: skip


def unquoted(source: str) -> Iterator[str]:
    """What the f-strings, sums and `format` calls of a module put into commands as it is."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield from _in_f_string(node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod) and _starts(node.left):
            if not _is_safe(node.right):
                yield ast.unparse(node.right)
        elif isinstance(node, ast.Attribute) and node.attr == "format" and _starts(node.value):
            yield ast.unparse(node)


def _in_f_string(node: ast.JoinedStr) -> Iterator[str]:
    text, is_command = "", False
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
            is_command = is_command or COMMAND.search(text) is not None
            continue
        assert isinstance(part, ast.FormattedValue)
        if is_command and (not _is_safe(part.value) or part.conversion != -1):
            yield ast.unparse(part.value)
        is_command = is_command or _name(part.value) in COMMANDS
        text += "X"


def _starts(node: ast.expr) -> bool:
    """Whether a text is the beginning of a command: a program, then more words."""
    return isinstance(node, ast.Constant) and re.match(rf"(?:{PROGRAMS})\s", str(node.value)) is not None


def _is_safe(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_safe(node.body) and _is_safe(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return not list(_in_f_string(node)) and all(
            _is_safe(part.value) for part in node.values if isinstance(part, ast.FormattedValue)
        )
    if isinstance(node, ast.Call):
        return _name(node.func) in QUOTING
    return isinstance(node, ast.Constant) or _name(node).isupper()


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _found() -> dict[str, set[str]]:
    found = {}
    for path in sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        if names := set(unquoted(path.read_text())):
            found[str(path.relative_to(ROOT))] = names
    return found


def test_what_stands_in_a_command_is_quoted() -> None:
    """An exception that nothing needs any more is an error too."""
    allowed: dict[str, set[str]] = {}
    for files in EXCEPTIONS.values():
        for file, names in files.items():
            allowed.setdefault(file, set()).update(names)
    assert _found() == allowed


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('fix = f"git checkout -- {file}"', "file"),
        ('fix = f"free space, then rm {path!s}"', "path"),
        ('fix = f"git commit -m \'Track {path}\'"', "path"),
        ('fix = f"{COMMAND} --profile {profile}"', "profile"),
        ('fix = f"git add {" ".join(files)}"'.replace('" "', "' '"), "' '.join(files)"),
        ('fix = f"dvc push -r {remote!r}"', "remote"),
        ('fix = f"rm {shell_path(a)} {shell_path(b)!r}"', "shell_path(b)"),
        ('fix = "git tag " + name', "name"),
        ('fix = "git tag %s" % name', "name"),
        ('fix = "git tag {}".format(name)', "'git tag {}'.format"),
        ("fix = f\"dvc x{f' -r {name}' if name else ''}\"", "f' -r {name}' if name else ''"),
    ],
)  # fmt: skip
def test_an_unquoted_value_is_found(line: str, name: str) -> None:
    assert list(unquoted(line)) == [name]


@pytest.mark.parametrize(
    "line",
    [
        'what = f"{name} is no version of this repository"',
        'fix = f"git checkout -- {shell_path(file)} && git add {shell_path(file)}"',
        "fix = f\"git commit {git_words(files) if few else '-a'}\"",
        'fix = f"git remote add {origin.NAME} URL"',
    ],
)
def test_what_needs_no_quotes(line: str) -> None:
    assert list(unquoted(line)) == []


ORDINARY = ["model.bin.dvc", "data/a-1_2.csv", "/home/me/.cpv/config.json", "s3://bucket/key", "v1.0", "me@host:1"]
ODD = [
    "my drive (2)/it's $x;y.bin", "two  blanks", "\ttab", "new\nline", "100%\n\\n", 'a"b`c', "*", "~", "a&b|c",
    "\u00fc \u2028", "not\udcffUTF-8", "!x", "", "#",
]  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert shell_word(name) == shell_path(Path(name) if "//" not in name else name) == name


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_reads_the_name_that_was_shown(name: str, shell: str) -> None:
    """Through the one line of an error."""
    line = str(CPVError("what", where="where", fix=f"printf %s {shell_word(name)}"))
    assert line.isprintable()
    command = line.partition("; fix: ")[2]
    done = subprocess.run([shell, "-c", command], capture_output=True, check=True)
    assert done.stdout == name.encode(errors="surrogateescape")


@pytest.mark.parametrize(("name", "word"), [("-rf", "./-rf"), (":(top)x", "'./:(top)x'"), ("a-b", "a-b")])
def test_a_path_is_no_option(name: str, word: str) -> None:
    assert shell_path(name) == word
