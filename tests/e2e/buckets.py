"""An S3 server of a test's own, and a bucket in it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from finery.data.artifacts import Artifacts
from finery.data.store import Store

KEYS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def serving(bucket: str) -> Iterator[str]:
    """The bucket's URL, while its server is up and stands in the environment."""
    import s3fs
    from moto.server import ThreadedMotoServer

    # fsspec keeps connections by their arguments: the address, which is in the environment, is not one.
    s3fs.S3FileSystem.clear_instance_cache()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
            for name, value in KEYS.items():
                patch.setenv(name, value)
            make(bucket)
            yield f"s3://{bucket}"
    finally:
        server.stop()


def pull(root: Path, url: str) -> None:
    """Fetch all that a store has of a work folder's artifacts."""
    artifacts = Artifacts(root, Store(url))
    for manifest in (root / "artifacts").glob("*/manifest.json"):
        artifacts.fetch(manifest.parent.name, ["*"])


def make(bucket: str) -> None:
    """Make a bucket."""
    import s3fs

    s3fs.S3FileSystem(skip_instance_cache=True, endpoint_url=os.environ["AWS_ENDPOINT_URL"]).mkdir(bucket)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of an empty bucket; of its own name, because servers in one process share what they hold."""
    with serving(f"finery-{uuid.uuid4().hex}") as url:
        yield url
