"""A Ray cluster of several nodes on this one machine, to try pipelines and failures on: up, kill, add, env, down.

    python local.py up --nodes 2 --cpus 1     # a head and a worker, each with its own raylet, ports and folders
    eval "$(python local.py env)"             # its token and addresses, for `finery` and `ray` in this shell
    python local.py kill node-1               # a node lost, as if its plug was pulled
    python local.py add                       # another in its place
    python local.py down                      # all of its processes, and of no other cluster's

Nodes are told apart by ports and folders, not by hosts: it needs no rights, and Linux, for it looks into /proc.
`ray stop` would end every cluster on the machine; this ends the processes that carry the mark of this one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

MARK = "FINERY_LOCAL_NODE"
"""The environment variable that every process of a node has, whoever started it: the cluster's folder and the node."""

PORTS = (21_000, 32_000)
"""Where ports are looked for: outside what Ray gives to workers, and below what Linux gives to clients."""

QUICK = {
    # A lost node is noticed after 6 s; Ray's own values take 15.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "6",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@dataclass(frozen=True)
class Cluster:
    """Where a cluster is, and what its clients need to know."""

    folder: Path
    """Its state, its token, and the logs of `ray start`."""
    scratch: Path
    """Ray's own folder, of the same name on all nodes as it is on real ones; short, because sockets lie in it."""
    address: str
    """`[run] address`, for a driver on this machine: host:port."""
    jobs: str
    """`finery submit --address`: http://host:port; nothing where there is no job server."""
    client: str
    """ray://host:port, for a driver elsewhere."""
    cpus: float
    memory_mb: int
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of every node."""

    @property
    def token(self) -> Path:
        """The file with the token that every client must show."""
        return self.folder / "token"

    @property
    def environment(self) -> dict[str, str]:
        """What a client of this cluster has in its environment; the jobs' address as Ray's own tools read it."""
        jobs = {"RAY_API_SERVER_ADDRESS": self.jobs} if self.jobs else {}
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token), **jobs}


def up(
    folder: Path,
    nodes: int = 2,
    cpus: float = 1,
    memory_mb: int = 100,
    jobs: bool = True,
    settings: Mapping[str, str] | None = None,
    token: str | None = None,
) -> Cluster:
    """Start a head and `nodes - 1` workers, each with some CPUs and object-store memory.

    `jobs` starts the job server too, which costs a GB and seconds; `token` is one of this cluster's own unless given.
    Raises RuntimeError with what Ray said.
    """
    if (folder / "cluster.json").exists():
        raise RuntimeError(f"{folder}: there is a cluster already: python local.py down")
    folder.mkdir(parents=True, exist_ok=True)
    host, (port, http, client) = own_address(), free_ports(3)
    made = Cluster(
        folder.resolve(),
        Path(tempfile.mkdtemp(prefix="ray-")),
        f"{host}:{port}",
        f"http://127.0.0.1:{http}" if jobs else "",
        f"ray://{host}:{client}",
        cpus,
        memory_mb,
        {**QUICK, **(settings or {})},
    )
    made.token.touch(mode=0o600)
    made.token.write_text(token or secrets.token_hex(32))
    write(made)
    head = [f"--port={port}", f"--ray-client-server-port={client}", f"--dashboard-port={http}", "--head"]
    try:
        start(made, "head", [*head, f"--include-dashboard={str(jobs).lower()}"])
        for _ in range(nodes - 1):
            add(made)
    except BaseException:
        down(made)
        raise
    return made


def add(cluster: Cluster) -> str:
    """Start one more worker node; its name."""
    taken = {name for name, _ in processes(cluster)} | {path.stem for path in cluster.folder.glob("*.log")}
    name = next(name for number in range(1, 10**6) if (name := f"node-{number}") not in taken)
    start(cluster, name, [f"--address={cluster.address}", "--include-log-monitor=false"])
    return name


def start(cluster: Cluster, name: str, options: list[str]) -> None:
    """Start one node and wait until it is up; again where that takes a busy machine longer than the 30 s Ray waits.

    Raises RuntimeError with what Ray said.
    """
    log = cluster.folder / f"{name}.log"
    for _ in range(4):
        if launched(cluster, name, options, log):
            return
        kill(cluster, name)
    raise RuntimeError(f"{name} does not start: {log.read_text(errors='replace')}")


def launched(cluster: Cluster, name: str, options: list[str], log: Path) -> bool:
    """Whether `ray start` brings a node up; what it says is in the log."""
    listen, grpc, metrics, environments = free_ports(4)
    command = [
        *(str(Path(sys.executable).with_name("ray")), "start", "--disable-usage-stats", *options),
        f"--num-cpus={cluster.cpus:g}",
        f"--object-store-memory={cluster.memory_mb * 2**20}",
        f"--resources={json.dumps({name: 1})}",
        f"--temp-dir={cluster.scratch}",
        f"--dashboard-agent-listen-port={listen}",
        f"--dashboard-agent-grpc-port={grpc}",
        f"--metrics-export-port={metrics}",
        f"--runtime-env-agent-port={environments}",
    ]
    own = {**os.environ, **cluster.settings, **cluster.environment, MARK: f"{cluster.folder}:{name}"}
    # Jobs start `python` by that name: it is to be this one.
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{own.get('PATH', os.defpath)}"
    with log.open("wb") as file:
        # In a session of its own, so that Ctrl-C here does not end it.
        calm = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file, "start_new_session": True}
        done = subprocess.run(command, env=own, cwd=cluster.folder, check=False, **calm)  # noqa: S603
    return done.returncode == 0


def kill(cluster: Cluster, name: str) -> None:
    """`kill -9` for every process of a node: its raylet, its agents, its workers and the drivers of jobs on it."""
    while found := [pid for node, pid in processes(cluster) if node == name]:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def down(cluster: Cluster) -> None:
    """End every node, the head last, and remove Ray's folders and the state."""
    for name in sorted({name for name, _ in processes(cluster)}, key=lambda name: name == "head"):
        kill(cluster, name)
    shutil.rmtree(cluster.scratch, ignore_errors=True)
    for path in (*cluster.folder.glob("*.log"), cluster.folder / "cluster.json", cluster.token):
        path.unlink(missing_ok=True)


def processes(cluster: Cluster) -> Iterator[tuple[str, int]]:
    """Node and process id of every living process of the cluster: those with its mark, and whoever they started.

    Some of Ray's processes write their title over their environment, and the mark with it.
    """
    mark = f"{MARK}={cluster.folder}:".encode()
    parents: dict[int, int] = {}
    nodes: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            words = (folder / "environ").read_bytes().split(b"\0")
            if state != "Z":
                parents[int(folder.name)] = int(parent)
                nodes |= {int(folder.name): word.removeprefix(mark).decode() for word in words if word.startswith(mark)}
    for process in parents:
        line = [process]
        while line[-1] not in nodes and line[-1] in parents:
            line.append(parents[line[-1]])
        if name := nodes.get(line[-1]):
            yield name, process


def write(cluster: Cluster) -> None:
    """Keep what the other verbs need to know."""
    plain = {**asdict(cluster), "folder": str(cluster.folder), "scratch": str(cluster.scratch)}
    (cluster.folder / "cluster.json").write_text(json.dumps(plain, indent=2))


def read(folder: Path) -> Cluster:
    """The cluster of a folder. Raises RuntimeError where there is none."""
    try:
        found = json.loads((folder / "cluster.json").read_text())
    except FileNotFoundError:
        raise RuntimeError(f"{folder}: there is no cluster: python local.py up") from None
    return Cluster(**{**found, "folder": Path(found["folder"]), "scratch": Path(found["scratch"])})


def own_address() -> str:
    """The address that Ray calls this machine by: it takes no 127.0.0.1 where there is another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which interface would
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    first, last = PORTS
    found: list[int] = []
    while len(found) < count:
        port = first + secrets.randbelow(last - first)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            found.append(port)
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("verb", choices=("up", "add", "kill", "env", "nodes", "down"))
    parser.add_argument("node", nargs="?", help="which node to kill: head, node-1 ...")
    parser.add_argument("--folder", type=Path, default=Path(".cluster"), help="where the cluster's state lies")
    parser.add_argument("--nodes", type=int, default=2, help="how many, the head among them")
    parser.add_argument("--cpus", type=float, default=1, help="CPUs of each")
    parser.add_argument("--memory-mb", type=int, default=100, help="object-store memory of each")
    given = parser.parse_args()
    try:
        carry_out(given)
    except RuntimeError as error:
        sys.exit(str(error))


def carry_out(given: argparse.Namespace) -> None:
    """Do what was asked."""
    if given.verb == "up":
        made = up(given.folder, given.nodes, given.cpus, given.memory_mb)
        print(f"driver here: {made.address}\njobs:        {made.jobs}")
        return
    cluster = read(given.folder)
    if given.verb == "add":
        print(add(cluster))
    elif given.verb == "kill":
        kill(cluster, given.node or sys.exit("name a node"))
    elif given.verb == "down":
        down(cluster)
    elif given.verb == "nodes":
        print("\n".join(sorted({name for name, _ in processes(cluster)})))
    else:
        print("\n".join(f"export {name}={value}" for name, value in cluster.environment.items()))


if __name__ == "__main__":
    main()
