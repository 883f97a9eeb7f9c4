"""The script that makes a cluster on one machine: nodes come, are lost, and leave nothing behind."""

from __future__ import annotations

from typing import Any

from clusters import cluster, local
from processes import until

__all__ = ["cluster"]


def alive() -> list[str]:
    """The nodes that the cluster counts on, by the resource that names each."""
    import ray

    return sorted(name for node in ray.nodes() if node["Alive"] for name in node["Resources"] if name in NODES)


NODES = ("head", "node-1", "node-2")


def test_a_killed_node_is_missed_and_another_takes_its_place(cluster: Any) -> None:
    import ray

    ray.init(address=cluster.address, log_to_driver=False)
    where = ray.remote(lambda: ray.get_runtime_context().get_node_id())
    first = {ray.get(where.options(resources={name: 1}).remote()) for name in ("head", "node-1")}
    assert len(first) == 2 and alive() == ["head", "node-1"]
    local.kill(cluster, "node-1")
    assert until(lambda: alive() == ["head"])
    assert local.add(cluster) == "node-2"
    assert ray.get(where.options(resources={"node-2": 1}).remote()) not in first
    ray.shutdown()
    local.down(cluster)
    assert list(local.processes(cluster)) == [] and not cluster.scratch.exists()
