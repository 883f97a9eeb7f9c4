"""`finery plugins doctor`: what is wrong with the installed plugins, and how to mend it."""

from __future__ import annotations

from typing import Any

import click

from finery_registry.cli.shared import HTTP, INDEX, JSON, indexes


@click.command()
@INDEX
@HTTP
@JSON
@click.pass_context
def doctor(ctx: click.Context, places: tuple[str, ...], allow_http: bool, as_json: bool) -> None:
    """Import every installed plugin and say what is wrong: API, clashes, missing extras, changed files.

    The exit code is 1 where something is.
    """
    import json

    from finery_registry.doctor import ailments
    from finery_registry.environment import environment

    group: Any = (ctx.parent or ctx).command

    def page(hook: str, name: str) -> Any:
        return group.ask(ctx, "show", name=name, hook=hook, as_json=True)

    found = list(ailments(environment(), indexes(places, allow_http).listings, page))
    if as_json:
        rows = [{"place": fault.place, "fault": fault.fault, "remedy": fault.remedy} for fault in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(map(str, found)) or "nothing is wrong")
    if found:
        ctx.exit(1)
