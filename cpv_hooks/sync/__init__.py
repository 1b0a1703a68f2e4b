"""The three-way sync: pointer, artifact and base compared, and made to agree."""
