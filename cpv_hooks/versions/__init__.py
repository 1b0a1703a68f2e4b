"""Version tags: schemes, numbers, messages, published or not, and races for a number."""
