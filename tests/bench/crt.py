"""A program that sends or brings files with the AWS Common Runtime, as `boto3[crt]` does.

    python crt.py up|down BUCKET PREFIX FOLDER

The server and its keys are those of the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
from s3transfer import crt


def main(way: str, bucket: str, prefix: str, folder: str) -> None:
    """Transfer everything."""
    session: Any = botocore.session.get_session()
    url, region = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_DEFAULT_REGION"]
    keys = crt.BotocoreCRTCredentialsWrapper(session.get_credentials()).to_crt_credentials_provider()
    is_tls, verify = url.startswith("https"), session.get_config_variable("ca_bundle")
    client = crt.create_s3_crt_client(region, crt_credentials_provider=keys, use_ssl=is_tls, verify=verify)
    serializer = crt.BotocoreCRTRequestSerializer(session, {"endpoint_url": url, "region_name": region})
    with crt.CRTTransferManager(client, serializer) as manager:
        transfer = manager.upload if way == "up" else manager.download
        pairs = _files(bucket, prefix, Path(folder)) if way == "up" else _objects(session, bucket, prefix, Path(folder))
        for future in [transfer(*pair) for pair in pairs]:
            future.result()


def _files(bucket: str, prefix: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), bucket, f"{prefix}/{path.relative_to(folder)}"


def _objects(session: Any, bucket: str, prefix: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    client = session.create_client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for item in page.get("Contents", []):
            to = folder / item["Key"].removeprefix(f"{prefix}/")
            to.parent.mkdir(parents=True, exist_ok=True)
            yield bucket, item["Key"], str(to)


if __name__ == "__main__":
    main(*sys.argv[1:])
