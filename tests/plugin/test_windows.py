"""A platform that is not supported says so in one line, at whatever command."""

from __future__ import annotations

import pytest

from support.shell import Shell

# No module of POSIX alone can be imported there.
WINDOWS = """
import sys
sys.platform = "win32"
sys.modules.update(dict.fromkeys(("fcntl", "grp", "pwd", "resource", "termios")))
from dvc_cpv_plugin.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.compatibility("Platforms", "Windows", unsupported="every command says so, and names WSL")
@pytest.mark.parametrize("command", [["init", "--team-name", "team", "--model-name", "m"], ["status"], ["doctor"]])
def test_windows(shell: Shell, command: list[str]) -> None:
    done = shell.python("-c", WINDOWS, *command, status=1)
    assert done.text == "cpv: Windows is not supported yet; fix: use WSL (wsl --install), and Git and DVC in it\n"
    assert list(shell.path.iterdir()) == []
