"""Workers of a Ray cluster that train one model together, or one that trains or evaluates alone, told as if here.

Ray Train places the workers and starts all of them anew when one is lost; a plugin goes on from its newest checkpoint.
Nothing passes through `ray.train.report`, which takes seconds a call and can lose the last one: what workers say goes
to an actor beside the driver, and checkpoints are the plugins' own.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from finery.errors import ClusterError
from finery.executors.ear import heard, listening
from finery.executors.group import Heard
from finery.executors.lanes import slots
from finery.executors.ownhome import home_of
from finery.executors.raywork import Job, work, working
from finery.search.found import Search
from finery.specs import hookimpl
from finery.types import Dataset, Journal, Model, Needs, Stage, World

RESTARTS = 5
"""How often lost workers are replaced before the stage fails; Ray notices and replaces them."""
ROOMLESS = 10
"""How often a minute goes by in which the cluster has no room for the workers, before the stage fails."""
PATIENCE_SECONDS = 7 * 24 * 3600
"""How long a worker waits for others: one of them may tokenise for hours. Ray sees a death."""


class RayGroup:
    """Stands for a train or evaluate plugin whose stage is the work of a cluster."""

    def __init__(self, plugin: Any, needs: Needs, join: Callable[[], Any] = lambda: None) -> None:
        self.plugin = plugin
        self.needs = needs
        self.join = join
        """Connects this process to the cluster, where it is not yet."""

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Any:
        """The first worker's answer, once all have ended.

        Raises what a worker raised, and WorkError where workers keep dying or the cluster has no room for them.
        """
        arguments = {"examples": examples, "model": model, "out": out, "stage": stage}
        return self.carried_out("train", arguments, world, journal)

    @hookimpl
    def evaluate(
        self,
        model: Model | None,
        examples: Dataset,
        out: Path,
        world: World,
        stage: Stage,
        journal: Journal,
        search: Search,
    ) -> Any:
        """The worker's answer; raises as `train` does."""
        arguments = {"examples": examples, "model": model, "out": out, "stage": stage, "search": search}
        return self.carried_out("evaluate", arguments, world, journal)

    def carried_out(self, hook: str, arguments: Mapping[str, Any], world: World, journal: Journal) -> Any:
        """What the first worker answers."""
        self.join()
        stage: Stage = arguments["stage"]
        room(stage, self.needs, world.size)
        home, plugin = home_of(arguments), self.plugin
        if home is not None:
            plugin, arguments = home.leaving(plugin, arguments)
        with listening() as ear:
            job = Job(ear, plugin, hook, arguments, world, home)
            work = together(job, self.needs) if world.size > 1 else by_one(job, self.needs)
            answer = heard(ear, work, journal, Heard(stage, world.size))
        if home is not None:
            home.artifacts.fetch_folder(home.fingerprint, "out")
        return answer


def room(stage: Stage, needs: Needs, workers: int) -> None:
    """Raise ClusterError where a cluster that does not grow can never hold the workers, each on one node."""
    import ray

    if "RAY_ENABLE_AUTOSCALER" in os.environ or grows():
        return
    has: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    short = {
        name: (workers * each, has.get(name, 0.0))
        for name, each in (("CPU", needs.cpus), ("GPU", needs.gpus))
        if workers * each > has.get(name, 0.0)
    }
    wants = " and ".join(f"{asked:g} {name}s of the cluster's {there:g}" for name, (asked, there) in short.items())
    if not short and (places := slots(ray, needs)) < workers:
        each = " and ".join(f"{each:g} {name}s" for name, each in held(needs).items())
        wants = f"{each} of one node for each of its workers ({workers}), and the nodes have room for {places} such"
    if wants:
        remedy = "add nodes to it, or ask for less with `needs = { workers = ..., cpus = ..., gpus = ... }`"
        raise ClusterError.at(f"stage '{stage.id}' ({stage.plugin})", f"needs {wants}", remedy)


def grows() -> bool:
    """Whether an autoscaler adds nodes to the cluster when they are asked for."""
    from ray.experimental.internal_kv import _internal_kv_get

    with suppress(Exception):
        return _internal_kv_get("__autoscaling_config") is not None
    return False


def together(job: Job, needs: Needs) -> Callable[[], Any]:
    """The work of several workers, as Ray Train does it: whoever calls it waits for it."""
    from ray.train.torch import TorchConfig, TorchTrainer

    v2 = configs()
    spread = {"num_workers": job.world.size, "use_gpu": bool(needs.gpus), "resources_per_worker": held(needs)}
    failures = v2.FailureConfig(max_failures=RESTARTS, controller_failure_limit=ROOMLESS)

    def fit() -> None:
        with tempfile.TemporaryDirectory(prefix="finery-") as folder:
            TorchTrainer(
                working,
                train_loop_config={"job": job},
                torch_config=TorchConfig("cpu:gloo,cuda:nccl" if needs.gpus else "gloo", timeout_s=PATIENCE_SECONDS),
                scaling_config=v2.ScalingConfig(**spread),
                run_config=v2.RunConfig(
                    name=job.arguments["stage"].id,
                    storage_path=folder,
                    failure_config=failures,
                    worker_runtime_env={"env_vars": surroundings(job.world)},
                ),
            ).fit()

    return fit


def configs() -> Any:
    """Ray Train's settings, of its second version, which `ray.train` stands for and does not declare."""
    import ray.train
    from ray.data import DataContext

    with warnings.catch_warnings():
        # It deprecates a setting of its own when it first makes its settings.
        warnings.simplefilter("ignore", DeprecationWarning)
        DataContext.get_current()
    # Workers stay where they are: nothing of ours is looked for in the folder of a trial.
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
    return ray.train


def by_one(job: Job, needs: Needs) -> Callable[[], Any]:
    """The work of one worker alone: whoever calls it waits for it."""
    import ray

    holds = {"num_cpus": needs.cpus, "num_gpus": needs.gpus, "max_retries": RESTARTS}
    remote: Any = ray.remote
    task = remote(**holds, runtime_env={"env_vars": surroundings(job.world)})(work)
    return lambda: ray.get(task.remote(job, job.world))


def held(needs: Needs) -> dict[str, float]:
    """What a worker holds, as Ray has it."""
    return {"CPU": needs.cpus} | ({"GPU": needs.gpus} if needs.gpus else {})


def surroundings(world: World) -> dict[str, str]:
    """Environment variables of a worker: read when torch is first imported."""
    quiet = {"TORCH_CPP_LOG_LEVEL": "ERROR", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    return quiet | {"OMP_NUM_THREADS": str(world.threads)}
