"""What Git runs: one module for each Git hook, named after it; `hook_run` is how each starts and ends."""
