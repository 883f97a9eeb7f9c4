"""`finery`: verbs found by entry point, errors told in a line each, exit codes 0 done, 1 failed, 2 usage."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from importlib import metadata
from typing import Any

import click

from finery import __version__
from finery.errors import FineryError, PluginError, did_you_mean

INTERRUPTED = 130


class Verbs(click.Group):
    """A group whose commands are the entry points of `finery.command`, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb by name."""
        return sorted(verbs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb of that name."""
        point = verbs().get(cmd_name)
        return command(point) if point else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The verb, or a usage error with the one that was meant."""
        if args and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(f"no verb '{args[0]}'{did_you_mean(args[0], verbs())}; see finery --help")
        return super().resolve_command(ctx, args)


@functools.cache
def verbs(group: str = "finery.command") -> dict[str, metadata.EntryPoint]:
    """The installed verbs of a group, by name; another package's cannot take the place of Finery's own."""
    points = sorted(all_points().select(group=group), key=is_own)
    return {point.name: point for point in points}


@functools.cache
def all_points() -> Any:
    """Every entry point there is; looked up once, which takes longer than all else of a light verb."""
    return metadata.entry_points()


def is_own(point: metadata.EntryPoint) -> bool:
    """Whether an entry point leads into Finery itself; by its target, because a package's name takes reading it all."""
    return point.module.partition(".")[0] in ("finery", "finery_plugins", "finery_registry")


def command(point: metadata.EntryPoint) -> click.Command:
    """The command behind an entry point; one that cannot be had says so when it is called, and spoils no other."""
    module, _, name = point.value.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        return broken(point.name, f"cannot be loaded: {error}")
    return found if isinstance(found, click.Command) else broken(point.name, f"{point.value} is no click command")


def broken(name: str, fault: str) -> click.Command:
    """A verb that only says what is wrong with it."""

    def complain(_: tuple[str, ...]) -> None:
        raise PluginError.at(f"verb '{name}'", fault, "reinstall the package that brings it")

    arguments = [click.Argument(["_"], nargs=-1)]
    return click.Command(name, params=list(arguments), callback=complain, short_help=fault, add_help_option=False)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="finery")
@click.option("--no-color", is_flag=True, help="No colours; the variable NO_COLOR says the same.")
def finery(no_color: bool) -> None:
    """Turn raw text into a trained, evaluated model, and know every record's fate."""
    if no_color:
        os.environ["NO_COLOR"] = "1"  # rich looks there, in this process and in those that it starts


def main() -> None:
    """The command line."""
    try:
        left = finery.main(standalone_mode=False)
    except FineryError as error:
        stop(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        stop("interrupted: run the same command again to go on; finished shards are kept", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain once more while closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        # A verb that leaves with a code, such as a check that found faults, has told why.
        sys.exit(left if isinstance(left, int) else 0)


def stop(message: str, code: int) -> None:
    """Say what is wrong and leave."""
    sys.stdout.flush()
    click.echo(message, err=True)
    sys.exit(code)
