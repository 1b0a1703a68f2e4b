"""What the commands and the Python API do: uploads, downloads, tags and reverts, each planned before it is done."""
