#!/bin/sh
# moto 5.2.5 (server) stores an object whose Content-MD5 is that of other bytes, and answers 200.
# S3 and SeaweedFS answer 400 BadDigest. A test against moto cannot show that uploads are verified by the server.
# Seen: "wrong Content-MD5: HTTP 200", and the object is there.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q 'moto[server]==5.2.5' 'boto3==1.43.56'
cd "$folder"
cat >check.py <<'PY'
import base64
import hashlib

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
s3 = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys)
s3.create_bucket(Bucket="bucket")
wrong = base64.b64encode(hashlib.md5(b"other bytes").digest()).decode()
try:
    answer = s3.put_object(Bucket="bucket", Key="k", Body=b"these bytes", ContentMD5=wrong)
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
except ClientError as error:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
print(f"wrong Content-MD5: HTTP {status}")
assert status == 200
assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"these bytes"
server.stop()
PY
"$folder/venv/bin/python" check.py
