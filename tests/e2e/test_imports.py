"""What `dvc import-url` brought and somebody edited: no commit takes it, and that is said."""

from __future__ import annotations

import shutil

import pytest

from e2e.conftest import Tell
from e2e.story import Story

SAID = (
    "cpv: warning: its $file.txt: was imported and has changed; no commit takes that; "
    "fix: dvc commit -f 'its $file.txt.dvc' (keeps it) or dvc update 'its $file.txt.dvc'\n"
)


@pytest.fixture
def imported(tell: Tell) -> Story:
    story = tell("live")
    source = story.path.parent / "source.txt"
    source.write_text("theirs\n")
    story.dvc("import-url", "-q", source, "its $file.txt")
    story.git("add", "-A")
    story.git("commit", "-qm", "import")
    story.write("its $file.txt", "edited\n")
    return story


@pytest.mark.compatibility(
    "DVC",
    "`dvc import`, `import-url`",
    limit="an import is DVC's to update: CPV says that it changed and keeps its content",
)
def test_a_commit_names_it_and_goes_on(imported: Story) -> None:
    imported.put("model.bin", "model 3\n")
    assert SAID in imported.git("commit", "-qm", "third").err
    assert imported.saved("model.bin", "model 3\n")
    assert imported.read("its $file.txt") == b"edited\n"
    assert SAID in imported.cpv("sync").err
    assert "modified" in next(line for line in imported.cpv("status").lines if line.startswith("its "))


@pytest.mark.compatibility(
    "DVC",
    "`dvc import`, `import-url`",
)
def test_the_command_keeps_it(imported: Story) -> None:
    imported.run("sh", "-c", SAID.split("; fix: ")[1].split(" (keeps")[0])
    assert "was imported" not in imported.git("commit", "-qam", "kept").text
    imported.git("checkout", "-q", "HEAD^")
    assert imported.read("its $file.txt") == b"theirs\n"
    imported.git("checkout", "-q", "main")
    assert imported.read("its $file.txt") == b"edited\n"


def test_an_import_as_it_came_is_not_mentioned(imported: Story) -> None:
    imported.write("its $file.txt", "theirs\n")
    imported.put("model.bin", "model 3\n")
    assert "its" not in imported.git("commit", "-qm", "third").text


@pytest.mark.compatibility("DVC", "`dvc import`, frozen, and `dvc update`")
def test_an_import_from_a_repository_follows_its_version(tell: Tell) -> None:
    """Its data is on no remote of this repository: it comes from where it was imported."""
    other, story = tell("live", name="other"), tell("live")
    story.dvc("import", "-q", "--rev", "v0.0", other.path, "model.bin", "-o", "theirs.bin")
    assert b"frozen: true\n" in story.read("theirs.bin.dvc")
    story.git("add", "-A")
    story.git("commit", "-qm", "import")
    story.dvc("update", "-q", "--rev", "v0.1", "theirs.bin.dvc")
    assert story.git("commit", "-qam", "update").text == "cpv: tagged v0.3\n"
    shutil.rmtree(story.path / ".dvc/cache/files")
    story.git("checkout", "-q", "v0.2")
    assert story.read("theirs.bin") == b"model 1\n"
    story.git("checkout", "-q", "main")
    assert story.read("theirs.bin") == b"model 2\n"
