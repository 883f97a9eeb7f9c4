"""`finery plugins check`: the conformance kit on a plugin, installed or not."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import click

from finery_registry.cli.shared import HOOK, JSON

if TYPE_CHECKING:
    from finery_registry.subjects import Found


@click.command()
@click.argument("wanted", metavar="NAME|PATH")
@HOOK
@click.option("--set", "settings", metavar="OPTION=VALUE", multiple=True, help="An option to try it with.")
@click.option("--samples", metavar="SHAPE", multiple=True, help="A shape of record to try it on; by default text.")
@JSON
@click.pass_context
def check(
    ctx: click.Context,
    wanted: str,
    hook: str | None,
    settings: tuple[str, ...],
    samples: tuple[str, ...],
    as_json: bool,
) -> None:
    """Hold a plugin against the contract: an installed one, module:Class, a Python file, or a distribution's folder.

    The exit code is 1 where there are faults.
    """
    import json

    from finery_registry.subjects import subjects

    options = dict(setting(one) for one in settings)
    reports = [report(found, options, samples) for found in subjects(wanted, hook)]
    if as_json:
        click.echo(json.dumps(reports, indent=2, ensure_ascii=False))
    else:
        for one in reports:
            tell(one)
    if any(one["failed"] for one in reports):
        ctx.exit(1)


def setting(text: str) -> tuple[str, Any]:
    """`option=value` with the value as TOML, or as text where it is none."""
    name, equals, said = text.partition("=")
    if not equals:
        raise click.UsageError(f"--set {text}: has no '='")
    try:
        return name.strip(), tomllib.loads(f"value = {said}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), said


def report(found: Found, options: dict[str, Any], samples: tuple[str, ...]) -> dict[str, Any]:
    """What the kit finds of one plugin, as plain values; without options that it needs, the class is looked at."""
    from finery.testing import check as kit

    try:
        plugin = found.cls(**options)
    except (TypeError, ValueError) as error:
        if options:
            raise click.UsageError(f"{found.label}: {error}") from None
        plugin = found.cls
    said = kit(plugin, samples or None)
    results = [
        {
            "check": one.check,
            "skipped": one.skipped,
            "faults": [{"place": f.place, "fault": f.fault, "remedy": f.remedy} for f in one.faults],
        }
        for one in said.results
    ]
    return {"plugin": found.label, "class": said.plugin, "failed": list(said.failed), "results": results}


def tell(report: dict[str, Any]) -> None:
    """A report for a reader: a line a check, a line a fault."""
    click.echo(f"{report['plugin']} ({report['class']})")
    for result in report["results"]:
        word = "failed" if result["faults"] else "skipped" if result["skipped"] else "ok"
        click.echo(f"  {word:<8}{result['check']}{': ' + result['skipped'] if result['skipped'] else ''}")
        for fault in result["faults"]:
            click.echo("          " + ": ".join(filter(None, fault.values())))
    wrong = len(report["failed"])
    click.echo(
        f"{len(report['results'])} checks, {wrong} failed" if wrong else f"{len(report['results'])} checks passed"
    )
