"""The Ray cluster of a run: joined when first needed, its nodes looked at, and left at the end.

No cluster is joined that the address does not name. One of this run's own holds little memory for objects, because
tasks get and give paths.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finery.errors import ClusterError, Fault, FineryError, missing_extra, said_by
from finery.executors.beside import copy_python, packages
from finery.executors.local import cores, uninterrupted
from finery.interrupts import own_end

OWN = ("local", None)
"""Addresses of a cluster that the run starts itself."""

OBJECT_STORE_BYTES = 2**28
"""What a cluster of our own keeps in memory for objects: our tasks leave none there."""

REACH_SECONDS = 10.0
"""How long an address may take to answer; Ray itself would wait a minute and then say little."""

QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
"""What every worker has in its environment."""

OURS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray would warn of what it will do one day.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Else a task that no node has the memory for is begun again for ever.
    "RAY_task_oom_retries": "3",
}
"""What Ray reads when it starts."""

JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Stands in the environment of a driver that was submitted as a job: its runtime environment is made already."""


@dataclass
class Cluster:
    """How a run reaches its cluster, and whether it has."""

    address: str | None = None
    """As `[run] address` has it."""
    workers: int | None = None
    """CPUs of a cluster of our own; all cores if not given."""
    folder: Path | None = None
    """The pipeline's folder, whose Python files go along."""
    root: Path | None = None
    """The work folder, which every node has to see; None where it need not."""
    packages: Mapping[str, str] = field(default_factory=packages)
    """Packages that every node must have, with their versions: Finery and whose plugins are used."""
    joined: bool = False

    def join(self) -> Any:
        """Ray, connected; a connection that is there already is used, and left as it is.

        Raises ClusterError for a cluster that cannot be used, and MissingExtra where Ray is not installed.
        """
        os.environ.update({name: value for name, value in OURS.items() if name not in os.environ})
        ray = imported()
        if not ray.is_initialized():
            reach(self.address)
            with uninterrupted(), own_end(), told(self.address):
                self.connect(ray)
            self.joined = True
            if self.address not in OWN:
                self.check(ray)
        return ray

    def connect(self, ray: Any) -> None:
        """Start a cluster, or join one, with the Python files beside the pipeline in its runtime environment."""
        logging.getLogger("ray").setLevel(logging.ERROR)
        own: dict[str, Any] = {"address": self.address or "local"}
        if self.address in OWN:
            own |= {"num_cpus": self.workers or cores(), "object_store_memory": OBJECT_STORE_BYTES}
            own |= {"include_dashboard": False}
        with tempfile.TemporaryDirectory(prefix="finery-") as copy:
            environment: dict[str, Any] = {"env_vars": QUIET}
            if JOB not in os.environ and self.folder is not None and copy_python(self.folder, Path(copy)):
                environment["working_dir"] = copy
            ray.init(**own, runtime_env=environment, log_to_driver=False, logging_level="error")
        # Ray prints on standard output, where JSON may be asked for, of each worker that dies: its logs say it too.
        ray._private.worker._worker_logs_enabled = False

    def check(self, ray: Any) -> None:
        """Raise ClusterError, with a line a fault, for nodes that lack a package or do not see the work folder."""
        faults = [fault for node in nodes(ray) for fault in self.faults(ray, node)]
        if faults:
            self.leave()
            raise ClusterError(*faults)

    def faults(self, ray: Any, node: Mapping[str, Any]) -> Iterator[Fault]:
        """What one node lacks."""
        place = f"node {node['NodeManagerAddress']} of the cluster"
        # Its own code goes along with it: a node that lacks Finery could not import it.
        try:
            look = on_node(ray.remote(looker()), node)
            said = ray.get(look.remote(list(self.packages), str(self.root or "."), str(self.folder or ".")))
        except ray.exceptions.RayError as error:
            yield Fault(place, f"cannot be used: {said_by(error)}", "look at its Ray log")
            return
        for name, version in self.packages.items():
            if (there := said["packages"][name]) != version:
                has = f"has {name} {there}" if there else f"lacks {name}"
                yield Fault(place, f"{has}, this run uses {version}", f"pip install '{name}=={version}' there")
        if not said["sees"]:
            remedy = "put it on a disk that all nodes share, or name a place for all to keep it: [run] store"
            yield Fault(place, f"does not see the work folder {self.root}", remedy)
        if JOB in os.environ and not said["beside"]:
            fault = f"keeps what went along elsewhere than the head, which has it in {self.folder}"
            yield Fault(place, fault, "start all nodes with the same --temp-dir")

    def leave(self) -> None:
        """Let go of a cluster that this run joined; one of our own ends, and what still works on another is ended."""
        if self.joined:
            imported().shutdown()
            self.joined = False


def imported() -> Any:
    """Ray. Raises MissingExtra where it is not installed."""
    try:
        import ray
    except ModuleNotFoundError:
        raise missing_extra("[run] executor 'ray'", "ray", "ray") from None
    return ray


def reach(address: str | None) -> None:
    """Raise ClusterError where nothing answers at an address that has a host in it."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise unreachable(address, f"nothing answers there ({getattr(error, 'strerror', None) or error})") from None


@contextmanager
def told(address: str | None) -> Iterator[None]:
    """Turn what Ray raises while it connects into one line."""
    try:
        yield
    except (FineryError, KeyboardInterrupt):
        raise
    except Exception as error:  # Ray raises whatever comes to its mind
        raise unreachable(address, said_by(error)) from error


def unreachable(address: str | None, why: str) -> FineryError:
    """The error of a cluster that cannot be joined, or of one of our own that does not start."""
    if address in OWN:
        return ClusterError.at(
            "[run] executor 'ray'", f"no cluster can be started here: {why}", "see its log in /tmp/ray"
        )
    remedy = "is the cluster up, is this the address of its head, and do Ray's version and token agree?"
    return ClusterError.at(f"[run] address '{address}'", f"cannot be joined: {why}", remedy)


def nodes(ray: Any) -> list[dict[str, Any]]:
    """The living nodes that have CPUs to work with."""
    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]


def on_node(function: Any, node: Mapping[str, Any]) -> Any:
    """A remote function that runs on one node and nowhere else."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return function.options(
        num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False), max_retries=0
    )


def looker() -> Any:
    """A function that tells what a node has: made here, so that it travels as code and not as a name."""

    def look(names: list[str], root: str, folder: str) -> dict[str, Any]:
        from importlib import metadata
        from pathlib import Path

        found: dict[str, str | None] = {}
        for name in names:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                found[name] = None
        return {"packages": found, "sees": Path(root).is_dir(), "beside": Path(folder).is_dir()}

    return look
