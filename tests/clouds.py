"""Buckets on this machine: servers that speak S3's and Google's protocols, and a folder that stands for a bucket."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from pyarrow.fs import FileSystem

S3_KEYS = {"AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "anything", "AWS_EC2_METADATA_DISABLED": "true"}
GOOGLE = """
import sys
from gcp_storage_emulator.server import create_server
create_server("127.0.0.1", int(sys.argv[1]), in_memory=True, default_bucket=sys.argv[2]).run()
"""


@contextmanager
def bucket(kind: str, folder: Path) -> Iterator[str]:
    """Serve an empty bucket of a kind (file, s3, gs) for as long as the block lasts; returns its URL."""
    if kind == "file":
        yield f"file://{folder}/box/twofold"
    elif kind == "s3":
        with _s3() as url:
            yield url
    else:
        with _google() as url:
            yield url


@contextmanager
def _s3() -> Iterator[str]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    before = {name: os.environ.get(name) for name in S3_KEYS}
    os.environ |= S3_KEYS
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        httpx.post(f"{address}/moto-api/reset", timeout=60).raise_for_status()  # all servers of a process share
        boto3.client("s3", endpoint_url=address, region_name="us-east-1").create_bucket(Bucket="box")
        yield f"s3://box/twofold?scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    finally:
        server.stop()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextmanager
def _google() -> Iterator[str]:
    from benchmarks.serving.server import free_port

    port = free_port()
    url = f"gs://anonymous@box/twofold?scheme=http&endpoint_override=127.0.0.1:{port}&retry_limit_seconds=5"
    server = subprocess.Popen([sys.executable, "-c", GOOGLE, str(port), "box"], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not _answers(url):
            assert server.poll() is None, "the server has ended"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.1)
        yield url
    finally:
        server.kill()
        server.wait()


def _answers(url: str) -> bool:
    files, root = FileSystem.from_uri(url)
    try:
        files.get_file_info(root)
    except OSError:
        return False
    return True
