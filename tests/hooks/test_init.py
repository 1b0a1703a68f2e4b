"""`dvc cpv init`: a new repository, an adopted one, and everything that it refuses."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from cpv_hooks.errors import CPVError
from cpv_hooks.project.names import check_name
from support.repos import object_names
from support.shell import BIN, Shell
from support.terminal import converse

MB = 1_000_000


def init(shell: Shell, *args: str, status: int = 0) -> str:
    """Run `dvc cpv init` and return what it said; a terminal's user sees both streams."""
    return shell.cpv("init", *args, status=status).text


def state(shell: Shell, name: str = ".") -> dict[str, bytes]:
    """Every file below a folder, Git's own bookkeeping of reads left out."""
    base = shell.path / name
    return {
        path.relative_to(base).as_posix(): path.read_bytes()
        for path in base.rglob("*")
        if path.is_file() and not path.is_symlink() and path.name not in ("index", "stamp")
    }


@pytest.fixture
def repo(shell: Shell) -> Shell:
    """An existing Git repository with one commit."""
    shell.git("init", "-q")
    shell.write("train.py", "print('mine')\n")
    shell.write(".gitignore", "*.log\n")
    shell.git("add", "-A")
    shell.git("commit", "-q", "-m", "mine")
    return shell


class TestNewRepository:
    def test_everything_is_there_committed_tagged_and_uploaded(self, shell: Shell) -> None:
        init(shell, "resnet50", "--team-name", "vision")
        made = Shell(shell.path / "resnet50")
        assert made.changes() == []
        assert made.tags() == ["data-v0.0", "v0.0"]
        assert made.git("tag", "--points-at", "HEAD").lines == made.tags()
        tracked = set(made.git("ls-files").lines)
        assert {"README.md", "train.py", ".gitignore", ".dvcignore", ".dvc/config", ".cpv.toml"} <= tracked
        assert {"data.dvc", "model.bin.dvc", "metrics.log.dvc", ".pre-commit-config.yaml"} <= tracked
        assert not tracked & {"model.bin", "metrics.log", "data/train.csv"}
        assert made.read("dvc.yaml") == b"artifacts:\n  resnet50:\n    path: model.bin\n    type: model\n"
        assert "# resnet50\n\nA model of team vision." in made.read("README.md").decode()
        storage = Path(os.environ["CPV_HOME"]) / "storage/vision/resnet50"
        assert len(object_names(storage / "files/md5")) == 4
        made.git("fsck", "--full", "--strict")

    def test_settings_name_team_model_and_artifacts(self, shell: Shell) -> None:
        init(shell, "resnet50", "--team-name", "vision")
        table = tomllib.loads((shell.path / "resnet50/.cpv.toml").read_text())
        assert table == {
            "cpv": {"team": "vision", "model": "resnet50"},
            "artifacts": {"model": ["model.bin"], "data": ["data"], "metrics": ["metrics.log"]},
        }

    def test_train_then_plain_commit_makes_the_next_version(self, shell: Shell) -> None:
        init(shell, "m", "--team-name", "t")
        made = Shell(shell.path / "m")
        before = made.md5("model.bin")
        made.python("train.py", "--epochs", "2")
        assert made.md5("model.bin") != before
        made.commit("two epochs")
        assert made.tags() == ["data-v0.0", "v0.0", "v0.1"]
        made.git("checkout", "-q", "v0.0")
        assert made.md5("model.bin") == before

    def test_pre_commit_alone_is_installed_under_cpvs_hooks(self, shell: Shell) -> None:
        init(shell, "m", "--team-name", "t")
        hooks = shell.path / "m/.git/hooks"
        assert "CPV hook shim" in (hooks / "pre-commit").read_text()
        assert any(
            "pre-commit.com" in path.read_text() for path in hooks.glob("pre-commit*") if path.suffix != ".sample"
        )

    def test_twice_changes_nothing(self, shell: Shell) -> None:
        shown = init(shell, "m", "--team-name", "t")
        assert shown.endswith("cpv: next: cd m && python train.py && git commit -m 'First training'\n")
        before = state(shell)
        assert init(shell, "m") == f"cpv: nothing to do: {shell.path / 'm'} is set up\n"
        assert init(Shell(shell.path / "m"), "--team-name", "t", "--model-name", "m").startswith("cpv: nothing to do")
        assert state(shell) == before

    def test_dry_run_prints_each_effect_and_changes_nothing(self, shell: Shell) -> None:
        shown = init(shell, "m", "--team-name", "t", "--dry-run")
        storage = f"{os.environ['CPV_HOME']}/storage/t/m"
        assert [line for line in shown.splitlines() if "would write" not in line] == [
            f"would run: git init {shell.path}/m",
            "would run: dvc init",
            f"would run: dvc remote add --default storage {storage}",
            "would run: python train.py --epochs 0 (writes the first model.bin and metrics.log)",
            "would run: pre-commit install --allow-missing-config",
            "would run: dvc cpv install (Git hooks, live status)",
            "would run: git commit -m 'Start m with CPV' (its hooks save model.bin, data and metrics.log to "
            f"{storage} and tag v0.0 and data-v0.0)",
        ]
        assert sum("would write" in line for line in shown.splitlines()) == 8
        assert state(shell) == {}
        # Nothing but the log of what was asked.
        assert [path.name for path in Path(os.environ["CPV_HOME"]).iterdir()] == ["logs"]

    def test_a_folder_of_a_git_repository_is_said_to_be_one(self, shell: Shell) -> None:
        shell.git("init", "-q")
        first = init(shell, "m", "--team-name", "t", "--dry-run").splitlines()[0]
        assert first == f"would make a model repository in {shell.path}/m, a folder of the Git repository {shell.path}"

    def test_model_name_alone_makes_a_folder_of_that_name(self, shell: Shell) -> None:
        shell.write("unrelated.txt", "mine")
        init(shell, "--team-name", "t", "--model-name", "m")
        assert (shell.path / "m/model.bin").exists()
        assert sorted(path.name for path in shell.path.iterdir()) == ["m", "unrelated.txt"]

    def test_an_empty_folder_is_the_repository_itself(self, shell: Shell) -> None:
        folder = Shell(shell.path / "inner")
        folder.path.mkdir()
        shown = init(folder, "--team-name", "t")
        assert shown.endswith("cpv: next: python train.py && git commit -m 'First training'\n")
        assert "inner" in folder.read(".cpv.toml").decode()
        assert folder.tags() == ["data-v0.0", "v0.0"]

    def test_own_data_is_copied(self, shell: Shell) -> None:
        shell.write("mine/a/b.csv", "1,2,3,1\n4,5,6,0\n")
        init(shell, "m", "--team-name", "t", "--data-path", "mine")
        assert Shell(shell.path / "m").tree("data") == {"a/b.csv": shell.md5("mine/a/b.csv")}
        assert (shell.path / "mine/a/b.csv").exists()
        Shell(shell.path / "m").python("train.py", "--epochs", "1")

    def test_remote_url_is_dvcs_default_remote(self, shell: Shell) -> None:
        init(shell, "m", "--team-name", "t", "--remote", str(shell.path / "elsewhere"))
        assert len(object_names(shell.path / "elsewhere/files/md5")) == 4
        made = Shell(shell.path / "m")
        assert made.dvc("remote", "list").out.split()[0] == "storage"
        assert init(made, "--remote", str(shell.path / "elsewhere")).startswith("cpv: nothing to do")

    def test_pipeline_belongs_to_dvc_repro(self, shell: Shell) -> None:
        init(shell, "m", "--team-name", "t", "--pipeline")
        made = Shell(shell.path / "m")
        assert made.changes() == []
        assert {"dvc.yaml", "dvc.lock", "data.dvc"} <= set(made.git("ls-files").lines)
        assert not (made.path / "model.bin.dvc").exists()
        assert made.dvc("status").out.strip() == "Data and pipelines are up to date."

    def test_after_a_kill_the_next_run_goes_on(self, shell: Shell) -> None:
        # As a kill after `git init` and a few files leaves it.
        shell.git("init", "-q", "m")
        shell.write("m/.git/cpv/init", "")
        shell.write("m/train.py", "print('edited since')\n")
        shell.write("m/model.bin", b"weights")
        init(shell, "m", "--team-name", "t")
        made = Shell(shell.path / "m")
        assert made.read("train.py") == b"print('edited since')\n"
        assert made.read("model.bin") == b"weights"
        assert made.tags() == ["data-v0.0", "v0.0"]
        assert init(shell, "m").startswith("cpv: nothing to do")

    @pytest.mark.compatibility("Git layouts", "a model as a folder of a larger repository")
    def test_in_a_folder_of_a_larger_repository(self, repo: Shell) -> None:
        repo.write("notes.txt", "mine")
        repo.git("add", "notes.txt")
        init(repo, "models/m", "--team-name", "t")
        assert repo.changes() == ["A  notes.txt"]
        assert repo.tags() == ["data-v0.0", "v0.0"]
        assert {"models/m/model.bin.dvc", "models/m/.dvc/config"} <= set(repo.git("ls-files").lines)


class TestAdoption:
    def test_only_cpvs_own_files_are_committed(self, repo: Shell) -> None:
        repo.write("train.py", "print('unstaged')\n")
        repo.write("staged.py", "staged\n")
        repo.git("add", "staged.py")
        repo.write("untracked.py", "untracked\n")
        head = repo.head()
        init(repo, "--team-name", "t", "--model-name", "m")
        assert sorted(repo.changes()) == [" M train.py", "?? untracked.py", "A  staged.py"]
        assert repo.git("diff", "--name-only", head, "HEAD").lines == [
            ".cpv.toml",
            ".dvc/.gitignore",
            ".dvc/config",
            ".dvcignore",
            ".pre-commit-config.yaml",
        ]
        assert repo.git("rev-list", "--count", "HEAD").out == "2\n"
        assert repo.tags() == []

    def test_twice_changes_nothing(self, repo: Shell) -> None:
        init(repo, "--team-name", "t")
        before = state(repo)
        assert init(repo) == f"cpv: nothing to do: {repo.path} is set up\n"
        assert state(repo) == before

    def test_dvc_repository_keeps_its_artifacts_and_remotes(self, repo: Shell) -> None:
        repo.dvc("init", "-q")
        repo.dvc("remote", "add", "-q", "-d", "theirs", str(repo.path.parent / "theirs"))
        repo.write("weights.pt", b"w" * 100)
        repo.write("corpus/a.txt", "a")
        repo.dvc("add", "-q", "weights.pt", "corpus")
        repo.git("add", "-A")
        repo.git("commit", "-q", "-m", "dvc")
        config = repo.read(".dvc/config")
        init(repo, "--team-name", "t")
        assert repo.read(".dvc/config") == config
        table = tomllib.loads(repo.read(".cpv.toml").decode())
        assert table["artifacts"] == {"model": ["weights.pt"], "data": [], "metrics": [], "extra": ["corpus"]}
        repo.write("weights.pt", b"v" * 100)
        repo.commit("new weights")
        assert repo.tags() == ["v0.0"]

    def test_data_that_git_tracks_is_left_to_git(self, repo: Shell) -> None:
        repo.write("data/small.csv", "1\n")
        repo.git("add", "-A")
        repo.git("commit", "-q", "-m", "small data")
        init(repo, "--team-name", "t")
        repo.write("data/small.csv", "2\n")
        repo.git("commit", "-q", "-a", "-m", "by Git")
        assert repo.changes() == []
        assert "data/small.csv" in repo.git("ls-files").lines

    def test_large_files_are_proposed_as_lines_to_add(self, repo: Shell) -> None:
        repo.write("weights.safetensors", bytes(2 * MB + 2))
        repo.write("quantised.GGUF", bytes(2 * MB + 1))
        repo.write("net.keras", bytes(2 * MB))
        repo.write("corpus.parquet", bytes(2 * MB))
        repo.write("tokenizer/vocabulary.json", bytes(MB + 1))
        repo.write("small.pt", bytes(10))
        repo.write("venv/lib/site-packages/torch/lib.bin", bytes(2 * MB))
        shown = init(repo, "--team-name", "t")
        assert shown.splitlines()[-3:] == [
            "cpv: large files that DVC does not have; to track them, name them in .cpv.toml under [artifacts], "
            "then git commit -a:",
            'cpv:   model = ["weights.safetensors", "quantised.GGUF", "net.keras"]',
            'cpv:   extra = ["tokenizer"]',
        ]
        assert not list(repo.path.rglob("*.safetensors.dvc"))

    def test_yes_takes_them_and_the_next_commit_is_a_checkpoint(self, repo: Shell) -> None:
        repo.write("weights.log", "ignored and small")
        repo.write("out/weights.onnx", os.urandom(2 * MB))
        shown = init(repo, "--team-name", "t", "--yes")
        assert "cpv: next: git commit -m 'First checkpoint' (it takes out/weights.onnx)\n" in shown
        repo.git("commit", "-q", "-m", "First checkpoint")
        assert repo.tags() == ["v0.0"]
        assert repo.changes() == []

    def test_a_terminal_is_asked_for_what_is_missing(self, repo: Shell) -> None:
        repo.write("a.pt", bytes(2 * MB))
        repo.write("b.pt", bytes(2 * MB))
        answers = [
            ("Track a.pt (2.0 MB) as model? [Y/n] ", ""),
            ("Track b.pt (2.0 MB) as model? [Y/n] ", "n"),
            ("Name of the team: ", "speech"),
        ]
        status, shown = converse([BIN / "dvc", "cpv", "init"], repo.path, answers)
        assert status == 0, shown
        table = tomllib.loads(repo.read(".cpv.toml").decode())
        assert table["cpv"]["team"] == "speech"
        assert table["artifacts"]["model"] == ["a.pt"]

    def test_existing_pre_commit_configuration_stays(self, repo: Shell) -> None:
        text = "repos: []\n"
        repo.write(".pre-commit-config.yaml", text)
        init(repo, "--team-name", "t")
        assert repo.read(".pre-commit-config.yaml").decode() == text

    @pytest.mark.parametrize("name", ["prek.toml", ".pre-commit-config.yml"])
    def test_who_has_a_configuration_of_prek_gets_no_other(self, repo: Shell, name: str) -> None:
        repo.write(name, "repos = []\n" if name == "prek.toml" else "repos: []\n")
        init(repo, "--team-name", "t")
        assert not (repo.path / ".pre-commit-config.yaml").exists()
        assert not any("pre-commit.com" in hook.read_text() for hook in (repo.path / ".git/hooks").glob("p*"))
        assert ".cpv.toml" in repo.git("ls-files").lines

    def test_folder_without_git_gets_it(self, shell: Shell) -> None:
        shell.write("old/train.py", "print('mine')\n")
        init(shell, "old", "--team-name", "t")
        assert Shell(shell.path / "old").changes() == ["?? train.py"]

    def test_inside_a_subfolder_the_repository_is_meant(self, repo: Shell) -> None:
        (repo.path / "src").mkdir()
        init(Shell(repo.path / "src"), "--team-name", "t")
        assert (repo.path / ".cpv.toml").exists()
        assert not (repo.path / "src/.dvc").exists()


BAD_NAMES = ["", "-x", ".x", "a/b", "../x", "a b", "a;b", "$(id)", "x" * 65, "a..b", "é", "a.", "x\ny"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(CPVError, match="is not a team name") as caught:
        check_name("team", name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "resnet50", "Vision_2", "bert-base.v2", "_x", "x" * 64])
def test_good_names_pass(name: str) -> None:
    assert check_name("model", name) == name


class TestRefusals:
    """Each says one line, ends with 1 and changes nothing."""

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["m"], "the team's name is missing; fix: dvc cpv init --team-name NAME"),
            (["m", "--team-name", "a/b"], "'a/b' is not a team name"),
            (["m", "--team-name", ""], "'' is not a team name"),
            (["--team-name", "t", "--model-name", "../m"], "'../m' is not a model name"),
            (["file", "--team-name", "t"], "there is a file of that name"),
            (["m", "--team-name", "t", "--data-path", "nowhere"], "nowhere: no such file or folder"),
            (["m", "--team-name", "t", "--data-path", ".."], "the data path holds the repository itself"),
            (["m", "--team-name", "t", "--remote", "nope://x"], "DVC has no remotes of the kind nope://"),
            (["m", "--team-name", "t", "--remote", ""], "the remote's URL is empty"),
            (["m", "--team-name", "t", "--remote", "https://me:secret@host/x"], "the remote's URL holds a password"),
            (["--team-name", "t"], "this folder is not empty and is not a Git repository; fix: dvc cpv init MODEL"),
        ],
    )
    def test_bad_arguments(self, shell: Shell, args: list[str], said: str) -> None:
        shell.write("file", "")
        before = state(shell)
        shown = init(shell, *args, status=1)
        assert said in shown
        assert shown.count("\n") == 1
        assert "secret" not in shown
        assert state(shell) == before

    def test_another_team(self, shell: Shell) -> None:
        init(shell, "m", "--team-name", "t")
        shown = init(shell, "m", "--team-name", "u", status=1)
        assert "this repository has team = 't', not 'u'; fix: edit .cpv.toml" in shown

    def test_another_remote(self, shell: Shell) -> None:
        init(shell, "m", "--team-name", "t")
        shown = init(shell, "m", "--remote", "s3://bucket/x", status=1)
        assert "not s3://bucket/x; fix: dvc remote modify storage url s3://bucket/x" in shown

    def test_no_identity(self, shell: Shell) -> None:
        shell.git("config", "--global", "--remove-section", "user")
        shell.git("config", "--global", "user.useConfigOnly", "true")
        shown = init(shell, "m", "--team-name", "t", status=1)
        assert shown.startswith("cpv: Git does not know who you are; fix: git config --global user.name")
        assert not (shell.path / "m").exists()

    def test_settings_with_uncommitted_changes(self, repo: Shell) -> None:
        repo.dvc("init", "-q")
        repo.git("commit", "-q", "-m", "dvc")
        repo.dvc("remote", "add", "-q", "-d", "x", "/x")
        shown = init(repo, "--team-name", "t", status=1)
        assert ".dvc/config: has uncommitted changes, which CPV's own commit would take" in shown

    def test_a_merge_under_way(self, repo: Shell) -> None:
        repo.git("checkout", "-q", "-b", "side")
        repo.write("train.py", "side\n")
        repo.commit("side", "-a")
        repo.git("checkout", "-q", "main")
        repo.write("train.py", "main\n")
        repo.commit("main", "-a")
        repo.git("merge", "side", status=1)
        shown = init(repo, "--team-name", "t", status=1)
        assert "a merge is under way; fix: finish it (git merge --continue) or git merge --abort" in shown

    @pytest.mark.compatibility(
        "Git layouts", "bare repository", unsupported="`dvc cpv init` says that there is no work tree"
    )
    def test_a_bare_repository(self, shell: Shell) -> None:
        shell.git("init", "-q", "--bare", "bare.git")
        shown = init(shell, "bare.git", "--team-name", "t", status=1)
        assert "a bare repository or a Git directory; fix: git clone it" in shown

    def test_data_outside_or_tracked_by_git(self, repo: Shell) -> None:
        shown = init(repo, "--team-name", "t", "--data-path", str(repo.path.parent), status=1)
        assert "the data path holds the repository itself" in shown
        shown = init(repo, "--team-name", "t", "--data-path", "train.py", status=1)
        assert "Git itself tracks this data, so DVC cannot have it; fix: git rm -r --cached train.py" in shown

    def test_a_broken_pointer(self, repo: Shell) -> None:
        repo.write("w.pt.dvc", "a: [\n")
        repo.git("add", "-A")
        repo.commit("broken")
        shown = init(repo, "--team-name", "t", status=1)
        assert "w.pt.dvc:2: not YAML" in shown
        assert shown.count("\n") == 1

    def test_several_remotes_without_a_default(self, repo: Shell) -> None:
        repo.dvc("init", "-q")
        for name in ("a", "b"):
            repo.dvc("remote", "add", "-q", name, f"/{name}")
        repo.git("add", "-A")
        repo.commit("dvc")
        shown = init(repo, "--team-name", "t", status=1)
        assert "none of its remotes (a, b) is the default; fix: dvc remote default a" in shown


class TestTrainingScript:
    """The skeleton's train.py really trains, repeatably, and goes on where it stopped."""

    @pytest.fixture
    def folder(self, shell: Shell) -> Shell:
        from cpv_hooks.setup.init.skeleton import skeleton_files

        for file in skeleton_files("t", "m", data=True, pipeline=False):
            shell.write(file.path, file.content)
        return shell

    def losses(self, folder: Shell) -> list[float]:
        return [json.loads(line)["loss"] for line in folder.read("metrics.log").splitlines()]

    def test_it_learns(self, folder: Shell) -> None:
        folder.python("-I", "-S", "train.py", "--epochs", "8")
        lines = [json.loads(line) for line in folder.read("metrics.log").splitlines()]
        assert [line["epoch"] for line in lines] == list(range(1, 9))
        assert lines[-1]["loss"] < lines[0]["loss"]
        assert lines[-1]["acc"] > 0.85

    def test_it_goes_on_from_the_weights_that_are_there(self, folder: Shell) -> None:
        folder.python("train.py", "--epochs", "4")
        whole = folder.md5("model.bin"), self.losses(folder)
        for name in ("model.bin", "metrics.log"):
            (folder.path / name).unlink()
        folder.python("train.py", "--epochs", "1")
        folder.python("train.py", "--epochs", "3")
        assert (folder.md5("model.bin"), self.losses(folder)) == whole

    def test_it_says_what_is_wrong(self, folder: Shell) -> None:
        folder.write("model.bin", b"something else entirely")
        assert "was not written by this script" in folder.python("train.py", status=1).err
        (folder.path / "model.bin").unlink()
        (folder.path / "data/train.csv").unlink()
        assert "no rows of numbers in" in folder.python("train.py", status=1).err
