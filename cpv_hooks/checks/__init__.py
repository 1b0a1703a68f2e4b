"""Is this machine and repository in order? `doctor`, `validate` and the checklist behind them."""
