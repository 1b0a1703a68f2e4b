"""HEAD is never seen on the detour: where that cannot be promised a commit is not made in one shot, and says so."""

from __future__ import annotations

import pytest

from e2e.story import Story


@pytest.mark.parametrize("words", [("-F", "missing"), ("-qFmissing",), ("--file=.",), ("-t", "missing")])
def test_message_file_that_is_missing(live: Story, words: tuple[str, ...]) -> None:
    live.put("model.bin", "model 3\n")
    done = live.run("sh", "-c", 'git commit "$@" || cat .git/HEAD', "sh", *words, env={"GIT_EDITOR": "true"})
    assert done.out == "ref: refs/heads/main\n"
    assert "cannot be read, so run the same git commit again" in done.err
    live.git("commit", "-qm", "third")
    live.check()


@pytest.mark.parametrize("event", ["pre-commit", "prepare-commit-msg"])
def test_configured_hook(live: Story, event: str) -> None:
    live.git("config", "hook.mine.event", event)
    live.git("config", "hook.mine.command", "git symbolic-ref HEAD >>.git/seen; true")
    live.put("model.bin", "model 3\n")
    done = live.git("commit", "-m", "third", status=1)
    assert f"hook.mine is configured for {event}, so run the same git commit again" in done.err
    live.git("commit", "-qm", "third")
    seen = live.path / ".git/seen"
    assert not seen.exists() or set(seen.read_text().splitlines()) == {"refs/heads/main"}
    live.check()
