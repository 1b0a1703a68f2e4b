"""Git's hooks by name (githooks(5)); it stands alone, because every hook that starts Python reads it first."""

from __future__ import annotations

FSMONITOR = "fsmonitor"
# Hooks that pre-commit knows as stages, in the order in which Git runs them.
STAGES = (
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "post-commit",
    "post-checkout",
    "post-merge",
    "post-rewrite",
    "pre-push",
)
HOOKS = (*STAGES, "post-index-change", "reference-transaction")
# Git's other hooks: none of ours, but another tool's may stand behind a core.hooksPath that we took over.
FOREIGN_HOOKS = (
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "p4-changelist",
    "p4-post-changelist",
    "p4-pre-submit",
    "p4-prepare-changelist",
    "post-applypatch",
    "post-receive",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-rebase",
    "pre-receive",
    "proc-receive",
    "push-to-checkout",
    "sendemail-validate",
    "update",
)
