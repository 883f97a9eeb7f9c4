"""`finery watch`: how a run stands while it goes on, on the terminal or in a browser on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from finery.watch.state import RunState


@click.command()
@click.argument("run", default="last")
@click.option("--web", is_flag=True, help="In a browser: the address is printed, and answers on this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port of --web; by default a free one.")
@click.option("--once", is_flag=True, help="Show how it stands, and leave.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each look.")
def watch(run: str, web: bool, port: int, once: bool, as_json: bool) -> None:
    """Watch RUN go on, by default the last one: stages, rates, reasons, loss.

    It reads files that the run leaves beside the lineage, and never keeps the run waiting. Ctrl-C leaves the run as it
    is. The exit code is 0 where the run is done, 1 where it ended otherwise.
    """
    from finery.cli.work import work_folder
    from finery.watch.state import Watcher

    state = Watcher(work_folder(), run).state
    if web:
        in_browser(state, port)
        return
    last = as_lines(state, once) if as_json else look(state, once)
    if last.status not in ("done", "running"):
        raise click.exceptions.Exit(1)


def look(state: Callable[[], RunState], once: bool) -> RunState:
    """Show it on the terminal, or line by line in a pipe."""
    from rich.console import Console

    from finery.cli.render import is_terminal, print_rich, width
    from finery.watch.screen import drawn, show, tell

    if once:
        found = state()
        print_rich(drawn(found, width()))
        return found
    console = Console(highlight=False)
    last = show(state, console) if is_terminal() and not console.is_dumb_terminal else tell(state, click.echo)
    if not is_terminal():
        click.echo(f"{last.run} {last.status}")
    return last


def as_lines(state: Callable[[], RunState], once: bool) -> RunState:
    """A line of JSON a second until the run is over."""
    from finery.watch.web import told

    while True:
        found = state()
        click.echo(json.dumps(told(found), allow_nan=False))
        if once or found.is_over:
            return found
        time.sleep(1)


def in_browser(state: Callable[[], RunState], port: int) -> None:
    """Serve until Ctrl-C."""
    from finery.errors import UsageError
    from finery.watch.web import served

    state()
    try:
        with served(state, port) as address:
            click.echo(f"{address}   (Ctrl-C ends it, and leaves the run as it is)")
            while True:
                time.sleep(3600)
    except OSError as error:
        raise UsageError.at(f"port {port}", f"cannot be had ({error.strerror})", "name another with --port") from None
    except KeyboardInterrupt:
        click.echo()
