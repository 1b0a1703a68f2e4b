"""What metrics files say: the last value of each metric, and its values step by step. Nothing in them is run."""
