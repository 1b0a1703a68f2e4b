"""`dvc exp`, whose commits dulwich makes: it runs hooks in Git's own folder."""

from __future__ import annotations

import sys

import pytest

from e2e.conftest import Tell
from e2e.story import Story

PIPELINE = """stages:
  copy:
    cmd: git status --short && cp params.txt out.txt
    deps: [params.txt]
    outs: [out.txt]
"""


@pytest.fixture
def pipeline(tell: Tell) -> Story:
    story = tell("live")
    story.write("dvc.yaml", PIPELINE)
    story.write("params.txt", "1\n")
    story.dvc("repro", "-q")
    story.git("add", "-A")
    story.git("commit", "-qm", "a pipeline")
    story.write("params.txt", "2\n")
    return story


@pytest.mark.compatibility("DVC", "`dvc exp run`")
@pytest.mark.parametrize("command", [["save", "-n", "e"], ["run", "-n", "e"], ["run", "--temp", "-n", "e"]])
def test_an_experiment_makes_no_noise(pipeline: Story, command: list[str]) -> None:
    """Its commits are no checkpoints, and the next commit is one. With `--temp` Git runs where no hook of CPV's is."""
    tags = pipeline.git("tag").lines
    if command[0] == "save":
        pipeline.dvc("repro", "-q")
    done = pipeline.dvc("exp", *command)
    assert "cpv" not in done.text
    assert pipeline.dvc("exp", "apply", "e").err.count("cpv:") == 0
    assert pipeline.git("tag").lines == tags
    pipeline.put("model.bin", "model 3\n")
    pipeline.git("commit", "-qam", "third")
    assert pipeline.saved("model.bin", "model 3\n")
    pipeline.check()


@pytest.mark.compatibility(
    "Live status and other clients",
    "dulwich (DVC's own)",
    limit="its commits run no hooks: the next Git command completes them",
)
def test_a_commit_by_dulwich_makes_no_noise(tell: Tell) -> None:
    story = tell("live")
    story.write("code.py", "1\n")
    story.git("add", "code.py")
    head = story.head()
    who = "author=b'a <a@b>', committer=b'a <a@b>'"
    code = f"from dulwich import porcelain; porcelain.commit('.', message=b'by dulwich', {who})"
    assert story.run(sys.executable, "-c", code).text == ""
    assert story.head() != head


def test_a_commit_of_code_makes_no_noise(tell: Tell) -> None:
    story = tell("live")
    for text in ("1", "2"):
        story.write("code.py", text)
        story.git("add", "code.py")
        assert story.git("commit", "-qm", "code").text == ""
