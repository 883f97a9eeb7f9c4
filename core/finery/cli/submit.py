"""`finery submit`: hand a pipeline to a Ray cluster as a job, and follow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

ADDRESS = click.option(
    "--address",
    metavar="URL",
    help="The cluster's job server, http://HEAD:8265; by default what RAY_API_SERVER_ADDRESS says.",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="pipeline.toml")
@ADDRESS
@click.option("--set", "settings", multiple=True, metavar="STAGE.OPTION=VALUE", help="Override a value of the file.")
@click.option("--workers", type=click.IntRange(min=1), help="How many at a time; by default as many as find room.")
@click.option("--until", metavar="STAGE", help="Stop when this stage is done.")
@click.option("--store", metavar="PLACE", help="Where finished work is kept, s3://... or a disk of the cluster's.")
@click.option(
    "--env",
    "environment",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="A variable for the driver and its workers; without a value, the one it has here.",
)
@click.option("--detach", is_flag=True, help="Print the job's id and leave.")
@click.option("--unlocked", is_flag=True, help="Go on where the cluster or this environment has other versions.")
@click.pass_context
def submit(
    ctx: click.Context,
    file: Path,
    address: str | None,
    settings: tuple[str, ...],
    workers: int | None,
    until: str | None,
    store: str | None,
    environment: tuple[str, ...],
    detach: bool,
    unlocked: bool,
) -> None:
    """Run the pipeline in FILE on a Ray cluster, as a job that goes on when this command does not.

    Along go the file, the Python files beside it, what it names in its own folder, its finery.lock, and the plugins
    that the cluster lacks. Ctrl-C leaves the job alone. The exit code is the run's.
    """
    from finery.cli.run import up_to
    from finery.cli.work import plugins_beside
    from finery.config import read_pipeline
    from finery.lock.holding import explained, hold
    from finery.submit import job as jobs
    from finery.submit.server import job_server
    from finery.tomltext import as_toml

    plugins_beside(file)
    with explained(file, unlocked):
        pipeline = up_to(read_pipeline(file, settings), until)
    hold(pipeline, unlocked)
    own = variables(environment)
    kept(store or pipeline.run.store, own)
    client, place = job_server(address)
    more = [*settings, *([f"run.store={as_toml(store)}"] if store else [])]
    order = jobs.Order(pipeline, arguments(tuple(more), workers, until, unlocked), own, unlocked)
    job, along = jobs.submit(client, place, order)
    click.echo(f"job {job}: {along} went along", err=True)
    if detach:
        click.echo(job)
    else:
        ctx.exit(followed(client, place, job))


def arguments(settings: tuple[str, ...], workers: int | None, until: str | None, unlocked: bool) -> tuple[str, ...]:
    """What `finery run` is told on the cluster: to use it, unless `--set` says otherwise."""
    told = ["run.executor=ray", "run.address=auto", *settings, *([f"run.workers={workers}"] if workers else [])]
    sets = [word for setting in told for word in ("--set", setting)]
    return (*sets, *(["--until", until] if until else []), *(["--unlocked"] if unlocked else []))


def variables(given: tuple[str, ...]) -> dict[str, str]:
    """Environment variables by name. Raises UsageError for one that has no value here either."""
    import os

    from finery.errors import Fault, UsageError

    pairs = [(name, value if equals else os.environ.get(name)) for name, equals, value in map(split, given)]
    if faults := [
        Fault(f"--env {name}", "is not set here", "write NAME=VALUE") for name, value in pairs if value is None
    ]:
        raise UsageError(*faults)
    return {name: value for name, value in pairs if value is not None}


def kept(store: str | None, environment: dict[str, str]) -> None:
    """Raise UsageError where nothing says where finished work is kept: what lies in a job's own folder goes with it.

    `FINERY_HOME` among the job's variables is a work folder on a disk that every node sees.
    """
    from finery.errors import UsageError

    place = store or environment.get("FINERY_HOME")
    if place is None:
        remedy = "--store s3://BUCKET/PREFIX, or --store /FOLDER on a disk that every node sees, or [run] store"
        raise UsageError.at("finery submit", "where finished work is kept is not said", remedy)
    if "://" not in place and not Path(place).is_absolute():
        raise UsageError.at(f"store '{place}'", "starts at no folder that the cluster knows", "begin it with /")


def split(text: str) -> tuple[str, str, str]:
    """`NAME=VALUE` in its parts."""
    return text.partition("=")


def followed(client: Any, address: str, job: str) -> int:
    """Show a job's log until it ends; its exit code. Ctrl-C leaves the job alone and says how to go on."""
    from finery.cli.main import INTERRUPTED
    from finery.submit.following import exit_code, follow

    try:
        for text in follow(client, address, job):
            click.echo(text, nl=False)
        code, message = exit_code(client, address, job)
    except KeyboardInterrupt:
        click.echo(f"\ndetached: job {job} goes on\n{ways(address, job)}", err=True)
        return INTERRUPTED
    if message:
        click.echo(f"job {job}: {message}", err=True)
    return code


def ways(address: str, job: str) -> str:
    """What can be done with a job from here."""
    told = {"follow it": f"logs --follow {job}", "how it is": f"status {job}", "end it": f"stop {job}"}
    return "\n".join(f"  {what + ':':<11} finery jobs {verb} --address {address}" for what, verb in told.items())
