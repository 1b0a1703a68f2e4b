"""Transactions that survive a kill: the journal, how each step is undone, and who finishes what was interrupted."""
