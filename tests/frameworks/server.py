"""Runs training scripts, each in a child of a process that has imported the framework already: that takes seconds.

`python server.py MODULE…`; a line is `[script, folder, {variable: value}, output, errors]` as JSON, an answer an exit
status, negative for a signal's.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys


def serve() -> str:
    """Answer until the input ends; returns the script in each child."""
    print("ready", flush=True)
    for line in sys.stdin:
        script, folder, variables, *outputs = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ.update(variables)
            os.chdir(folder)
            for number, path in enumerate(["/dev/null", *outputs]):
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY
                opened = os.open(path, flags)
                os.dup2(opened, number)
                os.close(opened)
            sys.path.insert(0, folder)
            return str(script)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


if __name__ == "__main__":
    for module in sys.argv[1:]:
        importlib.import_module(module)
    runpy.run_path(serve(), run_name="__main__")
