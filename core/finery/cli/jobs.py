"""`finery jobs`: the pipelines that were submitted to a cluster: list them, read their logs, stop them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from finery.cli.submit import ADDRESS

JOB = click.argument("job")
JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")
COLUMNS = ("job", "pipeline", "status", "started", "took")


@click.group()
def jobs() -> None:
    """List what was submitted to a cluster, read its logs, see how it is, stop it."""


@jobs.command("list")
@ADDRESS
@click.option("--all", "every", is_flag=True, help="Jobs of others than Finery too.")
@JSON
def listed(address: str | None, every: bool, as_json: bool) -> None:
    """List the jobs of a cluster, the newest first."""
    from finery.cli.render import emit
    from finery.submit.server import job_server, told

    client, place = job_server(address)
    with told(place):
        found = client.list_jobs()
    rows = [row(info) for info in found if every or "pipeline" in (info.metadata or {})]
    emit(sorted(rows, key=lambda one: one["started"] or "", reverse=True), COLUMNS, as_json)


@jobs.command()
@JOB
@ADDRESS
@JSON
def status(job: str, address: str | None, as_json: bool) -> None:
    """Show how JOB is; the exit code is 0, whatever that is."""
    from finery.cli.render import emit_json
    from finery.submit.server import job_server, told

    client, place = job_server(address)
    with told(place):
        info = client.get_job_info(job)
    values = {**row(info), "exit code": info.driver_exit_code, "said": info.message}
    if as_json:
        emit_json(values)
    else:
        click.echo("\n".join(f"{name:<10} {value}" for name, value in values.items() if value is not None))


@jobs.command()
@JOB
@ADDRESS
@click.option("--follow", "on", is_flag=True, help="Go on until the job ends; the exit code is then the run's.")
@click.pass_context
def logs(ctx: click.Context, job: str, address: str | None, on: bool) -> None:
    """Print what JOB has said so far."""
    from finery.cli.submit import followed
    from finery.submit.server import job_server, told

    client, place = job_server(address)
    if on:
        ctx.exit(followed(client, place, job))
    with told(place):
        click.echo(client.get_job_logs(job), nl=False)


@jobs.command()
@JOB
@ADDRESS
def stop(job: str, address: str | None) -> None:
    """Stop JOB. What it has finished is kept; submitted again, it goes on from there."""
    from finery.submit.server import job_server, told

    client, place = job_server(address)
    with told(place):
        running = client.stop_job(job)
    click.echo(f"{job} is being stopped" if running else f"{job} had ended before", err=True)


def row(info: Any) -> dict[str, Any]:
    """A job in a table."""
    started, ended = (when(number) for number in (info.start_time, info.end_time))
    return {
        "job": info.submission_id or info.job_id,
        "pipeline": (info.metadata or {}).get("pipeline"),
        "status": info.status.value.lower(),
        "started": started.strftime("%Y-%m-%d %H:%M:%S") if started else None,
        "took": took(started, ended),
    }


def when(milliseconds: int | None) -> datetime | None:
    """A time of Ray's."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone() if milliseconds else None


def took(started: datetime | None, ended: datetime | None) -> str | None:
    """How long a job ran, or runs already."""
    if started is None:
        return None
    seconds = ((ended or datetime.now(UTC)) - started).total_seconds()
    return f"{seconds:,.0f} s"
