"""Training runs: checkpoints as commits under hidden refs, which of them are kept, and the way back into training."""
