"""What each Git event does: one file per hook, each a row of the table in the README."""
