"""The options of a `git commit` as its process's words have them."""

from __future__ import annotations

import pytest

from cpv_hooks.git.commit_words import option_values


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("-m one -m two", {"message": ["one", "two"]}),
        ("-qmone", {"message": ["one"]}),
        ("-sqF -", {"file": ["-"]}),
        ("-SFkey -uno -t t", {"template": ["t"]}),
        ("-CF", {"reuse-message": ["F"]}),
        ("--fil=a --tem b --me c", {"file": ["a"], "template": ["b"], "message": ["c"]}),
        ("-t a --no-template -F b --no-fil", {}),
        ("--fixup=amend HEAD~ --squash x", {"fixup": ["amend:HEAD~"], "squash": ["x"]}),
        ("--fixup=amend --amend", {"fixup": ["amend"]}),
        ("--author -F --amend -a", {"author": ["-F"]}),
        ("--file", {"file": [""]}),
        ("-- -F a", {}),
        ("--end-of-options --file=a", {}),
        ("path -F a", {"file": ["a"]}),
        ("--untracked-files --include --interactive -p", {}),
        ("-U 3 -F a", {"unified": ["3"], "file": ["a"]}),
    ],
)
def test_values(words: str, found: dict[str, list[str]]) -> None:
    assert option_values(tuple(words.split())) == found
