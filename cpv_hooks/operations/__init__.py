"""What commands and the Python API do to versions: planned, checked, then run as one transaction."""
