#!/bin/sh
# fsspec 2026.9.0: `cat_file(url, start, end)` over HTTP returns the whole file, without an error, where the server ignores
# the Range header, as RFC 9110 lets it. `open(url, cache_type="none")` refuses the same read. Whoever reads a model's
# header by ranges from a DVC remote on plain HTTP gets all of the weights, and bytes that are not those at the offset.
# Seen: "cat_file of 10 bytes: 1000 bytes"; "open: refused".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q fsspec==2026.9.0 aiohttp==3.14.5
cd "$folder"
cat >check.py <<'PY'
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler

import fsspec

open("model.bin", "wb").write(bytes(range(250)) * 4)
server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)  # which knows no Range
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/model.bin"
files = fsspec.filesystem("http")
part = files.cat_file(url, start=100, end=110)
print(f"cat_file of 10 bytes: {len(part)} bytes")
assert len(part) == 1000
try:
    with files.open(url, "rb", cache_type="none", size=1000) as stream:
        stream.seek(100)
        stream.read(10)
    raise SystemExit("open: read")
except ValueError as error:
    assert "range requests" in str(error)
    print("open: refused")
PY
"$folder/venv/bin/python" check.py
