"""`finery plugins show`: a plugin's options and example, and the card of its distribution."""

from __future__ import annotations

from typing import Any

import click

from finery import UsageError
from finery_registry.cli.shared import HOOK, HTTP, INDEX, JSON, Answer, indexes

OPTIONS = ["plugin", "option", "type", "default", "bounds", "what it does"]


@click.command()
@click.argument("name")
@HOOK
@INDEX
@HTTP
@JSON
@click.pass_context
def show(
    ctx: click.Context, name: str, hook: str | None, places: tuple[str, ...], allow_http: bool, as_json: bool
) -> Answer | None:
    """Show what the plugin or distribution NAME does, its options, and what the index says of it."""
    from finery_registry.card import card

    parent = ctx.parent or ctx
    pages, reason = installed(ctx, parent.command, name, hook)
    listed = listing_of(name, hook, pages, places, allow_http)
    if not pages and listed is None:
        raise reason or UsageError.at(f"plugin '{name}'", "no such plugin", "see finery plugins search")
    if as_json:
        return [{**page, "listing": facts(listed)} for page in pages] or [{"listing": facts(listed)}], [], True
    if pages:
        parent.command.ask(ctx, "show", name=name, hook=hook, as_json=False)  # type: ignore[attr-defined]
    if listed is None:
        return None
    click.echo(("\n" if pages else "") + card(listed))
    rows = [] if pages else recorded(listed, hook)
    return (rows, OPTIONS, False) if rows else None


def installed(
    ctx: click.Context, group: Any, name: str, hook: str | None
) -> tuple[list[dict[str, Any]], UsageError | None]:
    """The pages of the installed plugins of that name; none, with the reason, where there are none."""
    try:
        return group.ask(ctx, "show", name=name, hook=hook, as_json=True)[0], None
    except UsageError as error:
        return [], error


def listing_of(
    name: str, hook: str | None, pages: list[dict[str, Any]], places: tuple[str, ...], allow_http: bool
) -> Any:
    """What an index has of the plugin's distribution, or of NAME; None for one in no index, or not of the hook."""
    from finery_registry.listing import normalised

    found = indexes(places, allow_http)
    if pages:
        return found.listings.get(normalised(str(pages[0]["package"])))
    try:
        listed = found.find(name)
    except UsageError as error:
        if "is provided by" in str(error):
            raise
        return None
    return listed if hook is None or hook in [own for own, _ in listed.provides] else None


def facts(listed: Any) -> dict[str, Any] | None:
    """A listing as JSON has it."""
    return {**listed.data, "index": listed.index} if listed else None


def recorded(listed: Any, hook: str | None) -> list[dict[str, Any]]:
    """The options that the newest release had when it was checked."""
    from finery import API

    release = listed.newest(API)
    pages = (release.checked or {}).get("plugins", ()) if release else ()
    return [
        {"plugin": f"{page['hook']} {page['name']}", **option}
        for page in pages
        for option in page["options"]
        if hook in (None, page["hook"])
    ]
