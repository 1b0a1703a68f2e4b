"""Bad input to the commands: every argument with what does not exist, what Git refuses, what a shell would run.

One line a case: the command, the one line that it says. After each, nothing at all has changed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support import inside
from support.shell import BIN, Shell
from support.unchanged import nothing_changes
from support.world import World

# --tag of what makes a version: it must be well-formed, free, higher than all before, and a name that Git takes

SHAPES = ["", " ", "x", "v1", "1", "v1.0.0", "v1.x", "v01.0", "v-1.0", "v1..0", "v1.0.lock", "v1.0~1", "v1.0^{}",
          "v1.0:x", "../v1.0", "refs/tags/v1.0", "v1.0/x", "v1.0;touch pwned", "$(touch pwned)", "`id`", "v1.0|x",
          "v1.0\n", "v1.0\nv2.0", "v1.0 ", "--help", "-v1.0", "@", "v\u00e9.0", "v1.0\u202e",
          "v9999999999999999999.0"]  # fmt: skip
MAKERS = {
    "model": ("model", "upload", "{root}/outside/new.bin"),
    "data": ("data", "upload", "{root}/outside/data"),
    "both": ("checkpoint", "create"),
}
NEXT = {"model": "v0.2", "data": "data-v0.1", "both": "v0.2"}
SHAPE = {"model": "vMAJOR.MINOR", "data": "data-vMAJOR.MINOR", "both": "vMAJOR.MINOR"}
ANOTHER = "name another version ({next}), or none for the next one"


MADE = [(what, tag) for what in MAKERS for tag in (SHAPES if what == "model" else SHAPES[::4])]


@pytest.mark.parametrize(("what", "tag"), MADE, ids=[f"{what}-{tag!a}" for what, tag in MADE])
def test_a_new_tag_of_a_wrong_shape(still_world: World, what: str, tag: str) -> None:
    said = f"tag: {shown(tag)} is not a version of this repository ({SHAPE[what]})"
    fix = ANOTHER.format(next=NEXT[what])
    still_world.refused((*MAKERS[what], f"--tag={tag}"), f"{said}; fix: {fix}")


def shown(text: str) -> str:
    """A word as messages quote it, on one line and printable."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in repr(text))


TAKEN = [
    ("model", "v0.1", "the tag v0.1 exists already"),
    ("model", "0.0", "the tag v0.0 exists already"),
    ("model", "data-v1.0", "data-v1.0 numbers data, not models"),
    ("data", "data-v0.0", "the tag data-v0.0 exists already"),
    ("data", "v0.0", "the tag data-v0.0 exists already"),
    ("both", "v0.0", "the tag v0.0 exists already"),
    ("both", "0.1", "the tag v0.1 exists already"),
]


@pytest.mark.parametrize(("what", "tag", "said"), TAKEN)
def test_a_new_tag_that_is_taken_or_the_other_lines(still_world: World, what: str, tag: str, said: str) -> None:
    fix = ANOTHER.format(next=NEXT[what])
    still_world.refused((*MAKERS[what], "--tag", tag), f"tag: {said}; fix: {fix}")
    still_world.refused((*MAKERS[what], "--tag", tag, "--force"), f"tag: {said}; fix: {fix}")


def test_a_new_tag_that_goes_backward_or_has_no_room(world: World) -> None:
    world.repo.git("tag", "v2.0")
    fix = "name another version (v2.1), or none for the next one"
    world.refused((*MAKERS["model"], "--tag", "v1.0"), f"tag: v1.0 is not higher than v2.0; fix: {fix}")
    world.repo.git("tag", "v3.0/notes")
    world.refused((*MAKERS["model"], "--tag", "v3.0"), f"tag: the tag v3.0 exists already; fix: {fix}")


# --tag of what reads a version: it must be one of the line

READERS = {
    "model": [("model", "download", "-o", "{root}/new"), ("model", "revert"), ("model", "info")],
    "data": [("data", "download", "-o", "{root}/new"), ("data", "revert"), ("data", "info")],
    "both": [("checkpoint", "revert")],
}
UNKNOWN = ["", " ", "v9.9", "gone", "HEAD", "main", "../HEAD", "refs/tags/v0.1", "v0.1^{commit}", "v0.1~1", "v0.1 ",
           "v0.1\n", "--all", "-f", "$(touch pwned)", "v0.1;touch pwned", "*", "v0.*", "@{0}", ":/second"]  # fmt: skip
KNOWN = {
    "model": "is no model version (the last ones are v0.1, v0.0); fix: git fetch --tags",
    "data": "is no data version (the last ones are data-v0.0); fix: git fetch --tags",
    "both": "is no model version (the last ones are v0.1, v0.0); fix: git fetch --tags",
}


@pytest.mark.parametrize("what", READERS)
@pytest.mark.parametrize("tag", [*UNKNOWN, "other"], ids=ascii)
def test_a_tag_that_is_no_version(still_world: World, what: str, tag: str) -> None:
    other = {"model": "data-v0.0", "data": "v0.1", "both": "other"}
    tag = other[what] if tag == "other" else tag
    for command in READERS[what]:
        unnamed = not tag and command[1] == "revert"
        said = "no version is named; fix: dvc cpv checkpoint list" if unnamed else f"{shown(tag)} {KNOWN[what]}"
        still_world.refused((*command, f"--tag={tag}"), f"{{repo}}: {said}")


# PATH: what is uploaded

GONE = "required-files: {path}: no such file or folder; fix: name an existing path"
NO_FILE = "required-files: {path}: neither a file nor a folder; fix: name a file or a folder"
OWN = "{path}: is Git's or DVC's own; fix: name a file or a folder of yours"
IS_FOLDER = "{path}: is a folder, and the artifact model.bin is a file; fix: name a file, or git rm "
IS_FILE = "{path}: is a file, and the artifact data is a folder; fix: name a folder, or git rm data.dvc first"
HOLDS = "{path}: holds the artifact {artifact}; fix: move it out, or upload {artifact} itself"
MODEL, DATA, EACH = ("model",), ("data",), ("model", "data")
PATHS = [
    (EACH, "", "the path is empty; fix: name a file or a folder"),
    (EACH, "{root}/gone", GONE),
    (EACH, "{repo}/$(touch pwned)", GONE),
    (EACH, "{repo}/a;b", GONE),
    (EACH, "{repo}/~no-such-user", GONE),
    (EACH, "{repo}/--help", GONE),
    (EACH, "{repo}/model.bin/x", GONE),
    (EACH, "/dev/null", NO_FILE),
    (EACH, "{root}/outside/pipe", NO_FILE),
    (EACH, "{root}/outside/link", "required-files: {path}: a link to nothing; fix: name a file or a folder"),
    (EACH, "{root}/outside/empty", "required-files: {path}: no file in this folder; fix: name a folder with "
     "files"),
    (EACH, "{repo}/.git", OWN),
    (EACH, "{repo}/.git/HEAD", OWN),
    (EACH, "{repo}/.dvc", OWN),
    (EACH, "{repo}/.dvc/config", OWN),
    (MODEL, "{repo}", HOLDS.replace("{artifact}", "model.bin")),
    (DATA, "{repo}", HOLDS.replace("{artifact}", "data")),
    (MODEL, "{root}", IS_FOLDER + "model.bin.dvc first"),
    (MODEL, "{root}/outside/data", IS_FOLDER + "model.bin.dvc first"),
    (MODEL, "{repo}/data", "data: is data, not model; fix: dvc cpv data upload data"),
    (DATA, "{repo}/metrics.log", "metrics.log: is metrics, not data; fix: dvc cpv model upload metrics.log"),
    (DATA, "{repo}/train.py", IS_FILE),
    (DATA, "{root}/outside/new.bin", IS_FILE),
    (DATA, "{repo}/data/a", "{path}: lies inside the artifact data; fix: move it out, or upload data itself"),
]  # fmt: skip
UPLOADS = [(verb, path, said) for verbs, path, said in PATHS for verb in verbs]


@pytest.mark.parametrize(("verb", "path", "said"), UPLOADS, ids=[f"{verb}-{path}" for verb, path, _ in UPLOADS])
def test_a_path_that_cannot_be_uploaded(still_world: World, verb: str, path: str, said: str) -> None:
    still_world.refused((verb, "upload", "--", path), said.replace("{path}", path))


def test_a_path_with_a_newline_is_told_on_one_line(still_world: World) -> None:
    still_world.refused(("model", "upload", "a\nb"), GONE.replace("{path}", "{repo}/a b"))
    still_world.refused(("model", "upload", "../gone"), GONE.replace("{path}", "{root}/gone"))


# The other arguments

NEW = "model upload {root}/outside/new.bin"
EMPTY_MESSAGE = 'the message cannot be empty; fix: --message "WHAT CHANGED", or leave it out'
OTHER_DIR = "fix: name another --output-dir"
KEPT = f"{OTHER_DIR}, or repeat with --force (what is there is kept)"
TRACKED = "is an artifact that the repository tracks; fix: dvc cpv {0} revert --tag {1}, or name another "
NO_FOLDER = "no such folder; fix: name the repository's folder, or --team-name and --model-name"
RULE = "(1 to 64 letters, digits, '.', '_' or '-', not beginning with '-' or '.' nor ending with '.')"
OTHERS = "{repo}: this is vision/resnet, not other/resnet; fix: name the other repository's folder (repo_path)"
LOG = "the log cannot be written"
LOOKS = (
    "--status and --wait bring nothing, so they take no PATH and no --kind; "
    "fix: dvc cpv sync PATH, then dvc cpv sync --wait"
)
NO_RULE = "--list takes no version and no rule; fix: dvc cpv retire --list"
FROM_1 = "must be a whole number of at least 1, not 0; fix: dvc cpv watch DIR {} 1 -- COMMAND"
ARGUMENTS = [
    (f"{NEW} --metric=", "'' is not a metric; fix: --metric NAME=VALUE"),
    (f"{NEW} --metric=loss", "'loss' is not a metric; fix: --metric NAME=VALUE"),
    (f"{NEW} --metric==1", "'=1' is not a metric; fix: --metric NAME=VALUE"),
    (f"{NEW} --metric=loss=", "'loss=' is not a metric; fix: --metric NAME=VALUE"),
    (f"{NEW} --message=", EMPTY_MESSAGE),
    ("data upload {root}/outside/data --message=", EMPTY_MESSAGE),
    ("checkpoint create --message=", EMPTY_MESSAGE),
    ("checkpoint create --model-message=", EMPTY_MESSAGE),
    ("checkpoint create --data-message=", EMPTY_MESSAGE),
    ("model download --output-dir=", "the path is empty; fix: name a file or a folder"),
    ("model download --output-dir={repo}/train.py", "{repo}/train.py: there is a file where the folder should be; "
     + KEPT),
    ("model download --output-dir={repo}/train.py/x/y", "{repo}/train.py: there is a file where a folder should be; "
     + OTHER_DIR),
    ("model download --output-dir={repo}", "{repo}/metrics.log: " + TRACKED.format("model", "v0.1") + "--output-dir"),
    ("model download --output-dir=.git/x", "{repo}/.git/x: lies in .git, which is reserved for Git and DVC; "
     + OTHER_DIR),
    ("model download --output-dir=.dvc/x", "{repo}/.dvc/x: lies in .dvc, which is reserved for Git and DVC; "
     + OTHER_DIR),
    ("model download --output-dir={root}/outside", "{root}/outside: is not empty (data does not belong to v0.1); "
     + KEPT),
    ("data download --output-dir=data", "{repo}/data: " + TRACKED.format("data", "data-v0.0") + "--output-dir"),
    ("data download --output-dir=.git", "{repo}/.git: lies in .git, which is reserved for Git and DVC; " + OTHER_DIR),
    ("data download --output-dir=../outside", "{root}/outside: is there already and differs from data-v0.0: data/a, "
     "data/b; " + KEPT),
    ("model info --repo-path=", "the repo_path is empty; fix: name a file or a folder"),
    ("model info --repo-path=gone", f"{{repo}}/gone: {NO_FOLDER}"),
    ("model info --repo-path=train.py", f"{{repo}}/train.py: {NO_FOLDER}"),
    ("model info --repo-path=~no-such-user", f"{{repo}}/~no-such-user: {NO_FOLDER}"),
    ("model info --repo-path=$(id)", f"{{repo}}/$(id): {NO_FOLDER}"),
    ("model info --repo-path={root}/nowhere", "{root}/nowhere: not inside a Git work tree; fix: "
     "cd to a repository (git clone or dvc cpv init makes one)"),
    (f"{NEW} --repo-path=gone", f"{{repo}}/gone: {NO_FOLDER}"),
    ("data upload ../outside/data --repo-path=gone", f"{{repo}}/gone: {NO_FOLDER}"),
    ("checkpoint create --repo-path=gone", f"{{repo}}/gone: {NO_FOLDER}"),
    ("validate --repo-path=gone", "gone: no such folder; fix: name the repository's folder"),
    ("model info --working-dir=", "the working_dir is empty; fix: name a file or a folder"),
    ("model info --working-dir=gone", f"{{repo}}/gone: {NO_FOLDER}"),
    ("model info --working-dir={root}/nowhere", "{root}/nowhere: not inside a Git work tree; fix: "
     "cd to a repository (git clone or dvc cpv init makes one)"),
    ("model upload new.bin --working-dir=../gone", f"{{root}}/gone: {NO_FOLDER}"),
    ("model info --team-name=", f"'' is not a team name {RULE}; fix: dvc cpv init --team-name NAME"),
    ("model info --team-name=../x", f"'../x' is not a team name {RULE}; fix: dvc cpv init --team-name NAME"),
    ("model info --model-name=", f"'' is not a model name {RULE}; fix: dvc cpv init --model-name NAME"),
    ("model info --model-name=-x", f"'-x' is not a model name {RULE}; fix: dvc cpv init --model-name NAME"),
    (f"{NEW} --team-name=other", OTHERS),
    ("data upload ../outside/data --team-name=other", OTHERS),
    ("checkpoint create --team-name=other", OTHERS),
    ("checkpoint list --team-name=other", OTHERS),
    ("checkpoint revert --tag v0.0 --team-name=other", OTHERS),
    ("data download --team-name=other", OTHERS),
    ("data revert --tag data-v0.0 --team-name=other", OTHERS),
    ("model download --team-name=other", OTHERS),
    ("model info --team-name=other", OTHERS),
    ("model list-tags --team-name=other", OTHERS),
    ("model revert --tag v0.0 --team-name=other", OTHERS),
    ("model info --log-file=", "the log_file is empty; fix: name a file or a folder"),
    ("model info --log-file=data", f"{{repo}}/data: {LOG}: Is a directory; fix: name another log file"),
    ("model info --log-file=train.py/x", f"{{repo}}/train.py/x: {LOG}: Not a directory; fix: name another log "
     "file"),
    ("model info --log-file=/proc/x", "/proc/x: the log's folder does not exist; fix: mkdir -p /proc"),
    ("sync --wait model.bin", LOOKS),
    ("sync --status --kind data", LOOKS),
    ("retire --list v0.0", NO_RULE),
    ("retire --list --keep-best 0 --metric loss", NO_RULE),
    ("retire --list --except-stage production", NO_RULE),
    ("retire --undo v0.0 --older-than 1d", "--undo only takes versions by name; fix: dvc cpv retire --undo TAG"),
    ("watch o --keep-last 0 -- true", "--keep-last " + FROM_1.format("--keep-last")),
    ("watch o --keep-best 0 --metric loss -- true", "--keep-best " + FROM_1.format("--keep-best")),
    ("watch o --keep-every 0 -- true", "--keep-every " + FROM_1.format("--keep-every")),
    ("watch o --keep-best 1 -- true", "--keep-best needs the name of a --metric; fix: "
     "dvc cpv watch DIR --keep-best 3 --metric eval_loss -- COMMAND"),
    ("watch o -- no-such-program", "no-such-program: cannot be started: no such program; fix: check the command"),
]  # fmt: skip


@pytest.mark.specification("5.6", "messages with the command that fixes it", "all", "`error.fix`")
@pytest.mark.parametrize(("words", "said"), ARGUMENTS, ids=[words for words, _ in ARGUMENTS])
def test_an_argument(still_world: World, words: str, said: str) -> None:
    still_world.refused(tuple(words.split()), said)


# What DVC's parser refuses, for every command

COMMANDS = [
    "model upload", "model download", "model list-tags", "model revert", "model info",
    "data upload", "data download", "data list-tags", "data revert", "data info",
    "checkpoint create", "checkpoint list", "checkpoint revert", "validate", "init",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_is_unknown(still_world: World, command: str) -> None:
    words = command.split()
    with nothing_changes(still_world.root):
        for option in ("--no-such-option", "-Z"):
            done = inside.cpv(still_world.repo.path, *words, option)
            assert done.status == 254
            # Three lines, where DVC prints all of the help: the error stays in sight.
            error, usage, see = done.err.splitlines()
            assert error == f"ERROR: unrecognized arguments: {option}"
            assert usage.startswith(f"usage: dvc cpv {command} [OPTION ...]")
            assert see == f"see: dvc cpv {command} --help"
            assert done.out == ""


# The same by the real executables, in processes of their own

TYPED = [
    (("cpv", "model", "upload", "gone"), "required-files: {repo}/gone: no such file or folder; fix: name an "
     "existing path"),
    (("dvc", "cpv", "model", "upload", "{root}/outside/new.bin", "--tag", "v0.1"), "tag: the tag v0.1 exists already; "
     "fix: name another version (v0.2), or none for the next one"),
    (("cpv", "data", "revert", "--tag", "$(touch pwned)"), "{repo}: '$(touch pwned)' " + KNOWN["data"]),
    (("dvc", "cpv", "checkpoint", "create", "--team-name", "other"), OTHERS),
    (("cpv", "sync", ""), "the path is empty; fix: dvc cpv sync PATH, or . for all of this folder"),
    (("cpv", "init", "{root}/new", "--team-name", "../x"), f"'../x' is not a team name {RULE}; fix: dvc "
     "cpv init --team-name NAME"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), TYPED, ids=[" ".join(words) for words, _ in TYPED])
def test_as_a_person_types_it(still_world: World, words: tuple[str, ...], said: str) -> None:
    program, *rest = map(still_world.told, words)
    with nothing_changes(still_world.root):
        done = still_world.repo.run(BIN / program, *rest, status=1)
    assert (done.out, done.err) == ("", f"cpv: {still_world.told(said)}\n")


@pytest.mark.parametrize("words", [("status",), ("log",), ("--help",), ("runs", "list")])
def test_in_a_folder_that_was_removed(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "gone").mkdir()
    script = 'cd gone && rmdir ../gone && exec "$@"'
    done = Shell(tmp_path).run("sh", "-c", script, "sh", BIN / "cpv", *words, status=1)
    assert done.text == "cpv: the current folder was removed; fix: cd to an existing one\n"
