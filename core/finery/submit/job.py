"""A pipeline as a job: what the cluster has is asked, what it lacks goes along, and the run starts there."""

from __future__ import annotations

import json
import re
import shlex
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from finery import __version__
from finery.config import Pipeline
from finery.errors import ClusterError, FineryError, UsageError
from finery.submit.agreement import agree, brought, plugin_distributions
from finery.submit.carrying import files_of
from finery.submit.facts import MARK
from finery.submit.following import CODES, ENDED, status
from finery.submit.server import told
from finery.submit.shipment import pack, shipment

STOP_SECONDS = 60
"""What a stopped run has to close its database and end its workers, before Ray kills it."""

PROBE_SECONDS = 120.0
"""How long a cluster may take to say what it has."""


@dataclass(frozen=True)
class Order:
    """What is to be run, and how."""

    pipeline: Pipeline
    arguments: tuple[str, ...] = ()
    """What `finery run` is told beside the file."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the driver and its workers."""
    unlocked: bool = False
    """Go on where the cluster has other versions."""


def submit(client: Any, address: str, order: Order) -> tuple[str, str]:
    """Start a pipeline as a job: its id, and what went along, for a reader.

    Raises UsageError where the cluster cannot carry it out as it would be here, before anything has started there.
    """
    files = shipment(order.pipeline)
    agreed = agree(order.pipeline, ask(client, address, plugin_distributions(order.pipeline)))
    if agreed.faults and not order.unlocked:
        raise UsageError(*agreed.faults)
    carried = brought(agreed.ship)
    with tempfile.TemporaryDirectory(prefix="finery-") as folder:
        pack([files, *map(files_of, carried)], Path(folder))
        job = start(client, address, order, folder)
    return job, along(files, carried)


def along(files: Mapping[str, Path], carried: Sequence[metadata.Distribution]) -> str:
    """`7 files (1.2 MB), acme-letters 1.0.0`."""
    megabytes = sum(file.stat().st_size for file in files.values()) / 1e6
    told = f"{len(files):,} {'file' if len(files) == 1 else 'files'} ({megabytes:,.1f} MB)"
    return ", ".join([told, *(f"{dist.name} {dist.version}" for dist in carried)])


def start(client: Any, address: str, order: Order, folder: str) -> str:
    """Hand a packed folder over; the id of the job."""
    command = ["python", "-m", "finery.submit.drive", "run", order.pipeline.file.name, *order.arguments]
    own = {"PYTHONUNBUFFERED": "1", "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS)}
    with told(address):
        return str(
            client.submit_job(
                entrypoint=shlex.join(command),
                submission_id=f"{plain(order.pipeline.name)}-{time.strftime('%Y%m%d-%H%M%S')}",
                runtime_env={"working_dir": folder, "env_vars": {**own, **order.environment}},
                metadata={"finery": __version__, "pipeline": order.pipeline.name},
            )
        )


def plain(name: str) -> str:
    """A name as it can stand in a URL and in a shell."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-") or "pipeline"


def ask(client: Any, address: str, names: Sequence[str]) -> dict[str, Any]:
    """The facts of a cluster's head, and digests of these distributions.

    Raises ClusterError where it has no Finery, or none that knows how to tell.
    """
    with told(address):
        command = ["python", "-m", "finery.submit.facts", *names]
        job = client.submit_job(entrypoint=shlex.join(command), metadata={"finery": __version__, "asks": "facts"})
    ended = waited(client, address, job)
    with told(address):
        said = client.get_job_logs(job)
        client.delete_job(job)
    found = re.search(rf"^{MARK}(.*)$", said, re.MULTILINE)
    if found is None or CODES.get(ended) != 0:
        raise untold(address, said)
    facts: dict[str, Any] = json.loads(found[1])
    return facts


def untold(address: str, said: str) -> FineryError:
    """The error of a cluster that did not tell its facts."""
    remedy = f"pip install 'finery[all,ray]=={__version__}' on every node of the cluster"
    last = (said.strip().splitlines() or ["it said nothing"])[-1]
    return ClusterError.at(f"address '{address}'", f"the cluster cannot say what it has ({last})", remedy)


def waited(client: Any, address: str, job: str) -> str:
    """How a short job ended. Raises ClusterError where it does not."""
    end = time.monotonic() + PROBE_SECONDS
    while (now := status(client, address, job)) not in ENDED:
        if time.monotonic() > end:
            fault = f"the cluster did not say within {PROBE_SECONDS:.0f} s what it has (job {job} is {now})"
            raise ClusterError.at(f"address '{address}'", fault, "is its head out of memory, or of processes?")
        time.sleep(0.2)
    return now
