"""What is imported when: no framework but by its adapter; and nothing of a framework is replaced."""

from __future__ import annotations

from frameworks.trainings import ENVIRONMENT, MODULES
from support.shell import Shell

NONE = """
import sys, dvc_cpv_plugin, dvc_cpv_plugin.checkpoint_run, dvc_cpv_plugin.integrations
assert not set(sys.argv[1:]) & set(sys.modules)
"""
SAME = """
import torch
save, load = torch.save, torch.load
from dvc_cpv_plugin.integrations import accelerate, lightning, torch as ours
assert (torch.save, torch.load) == (save, load)
"""


def test_only_an_adapter_imports_its_framework(shell: Shell) -> None:
    shell.python("-c", NONE, *MODULES)


def test_torch_save_is_left_alone(shell: Shell) -> None:
    shell.python("-c", SAME, env=ENVIRONMENT)
