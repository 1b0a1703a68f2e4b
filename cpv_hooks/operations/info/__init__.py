"""What is known of versions: metadata, history, where their data is."""
