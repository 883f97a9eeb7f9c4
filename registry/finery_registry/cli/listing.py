"""`finery plugins list`: what is installed, whose it is, and whether it loads."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import click

from finery_registry.cli.shared import HOOK, HTTP, INDEX, JSON, Answer


@click.command("list")
@HOOK
@click.option(
    "--load", is_flag=True, help="Import each plugin, and say whether it loads; otherwise nothing is imported."
)
@INDEX
@HTTP
@JSON
@click.pass_context
def listing(
    ctx: click.Context, hook: str | None, load: bool, places: tuple[str, ...], allow_http: bool, as_json: bool
) -> Answer:
    """List the installed plugins with their tier.

    built-in: Finery's own. listed: in an index. unlisted: in none. local: installed from a folder.
    """
    group: Any = (ctx.parent or ctx).command
    rows, columns, _ = group.ask(ctx, "list", hook=hook, as_json=as_json)
    from finery_registry.indexes import listed_names
    from finery_registry.installed import folders

    known, there = listed_names(places, allow_http), folders()
    tiers = {package: tier(package, known, there) for package in {row["package"] for row in rows}}
    for row in rows:
        row["tier"] = tiers[row["package"]]
        if load:
            row["loads"] = loads(ctx, group, row)
    return rows, [*columns, "tier", *(["loads"] if load else [])], as_json


def tier(package: str | None, known: Container[str], there: Mapping[str, Path]) -> str:
    """Whose the plugins of a package are; `there` holds the metadata folder of each distribution."""
    from finery_registry.installed import is_local
    from finery_registry.listing import normalised

    if package == "finery":
        return "built-in"
    name = normalised(package or "")
    if package is None or (name in there and is_local(there[name])):
        return "local"
    return "listed" if name in known else "unlisted"


def loads(ctx: click.Context, group: Any, row: dict[str, Any]) -> str:
    """`yes`, or why a plugin cannot be imported."""
    from finery import FineryError

    try:
        pages = group.ask(ctx, "show", name=row["name"], hook=row["hook"], as_json=True)[0]
    except FineryError as error:
        return str(error.faults[0].fault)
    return "yes" if len(pages) == 1 else f"no: {len(pages)} packages claim the name"
