"""`finery plugins verify`: the admission checks of an entry on its wheel, the result written into the entry."""

from __future__ import annotations

from pathlib import Path

import click

from finery_registry.cli.shared import HTTP, INDEX, JSON, WHEELS, indexes


@click.command()
@click.argument("entry", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@WHEELS
@click.option("--static", is_flag=True, help="Run nothing of the plugin; then nothing is written either.")
@INDEX
@HTTP
@JSON
@click.pass_context
def verify(
    ctx: click.Context,
    entry: Path,
    wheel: Path,
    wheels: Path | None,
    static: bool,
    places: tuple[str, ...],
    allow_http: bool,
    as_json: bool,
) -> None:
    """Hold WHEEL against ENTRY, try its plugins in a fresh environment without network, and note it in ENTRY.

    Dependencies that are missing come from pip's index before the network is taken away, or from --from-wheels.
    The exit code is 1 where there are faults; ENTRY is then left as it was.
    """
    import json

    from finery_registry.verify import verify as verdict_on

    verdict = verdict_on(entry, wheel, indexes(places, allow_http), wheels, not static)
    if as_json:
        faults = [{"place": f.place, "fault": f.fault, "remedy": f.remedy} for f in verdict.faults]
        said = {"passed": list(verdict.passed), "faults": faults, "network": verdict.network}
        click.echo(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        click.echo(f"passed: {', '.join(verdict.passed) or 'nothing'}")
        click.echo(f"network: {verdict.network}")
        for fault in verdict.faults:
            click.echo(str(fault), err=True)
    if verdict.faults:
        ctx.exit(1)
    if not static:
        entry.write_text(verdict.text, encoding="utf-8")
