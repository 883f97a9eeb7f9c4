"""`finery plugins search`: distributions of the indexes by words, hook and licence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from finery_registry.cli.shared import HOOK, HTTP, INDEX, JSON, Answer, indexes

if TYPE_CHECKING:
    from finery_registry.listing import Listing

COLUMNS = ["name", "release", "api", "provides", "licence", "summary", "installed"]
MOST = 50
"""Rows of a table that somebody reads."""


@click.command()
@click.argument("words", nargs=-1)
@HOOK
@click.option("--licence", metavar="SPDX", help="Only distributions of a licence, such as Apache-2.0.")
@INDEX
@HTTP
@JSON
def search(
    words: tuple[str, ...],
    hook: str | None,
    licence: str | None,
    places: tuple[str, ...],
    allow_http: bool,
    as_json: bool,
) -> Answer:
    """Find distributions in which all WORDS stand: in name, summary, keywords, plugins or licence."""
    from finery_registry.installed import folders, version
    from finery_registry.listing import HOOKS, hook_known

    if hook is not None:
        hook_known(hook, (*HOOKS, "command"))
    found = indexes(places, allow_http).listings.values()
    there, rows = folders(), []
    for listing in sorted(found, key=lambda one: one.name):
        if matches(listing, words, hook, licence):
            release = listing.newest()
            shown = {"release": release and release.version, "api": release and release.api, "index": listing.index}
            facts = {key: listing.data[key] for key in ("name", "summary", "licence")}
            own = there.get(listing.name)
            rows.append({**facts, **shown, "provides": listing.labels, "installed": own and version(own)})
    if len(rows) > MOST and not as_json:
        click.echo(f"the first {MOST} of {len(rows)}; more words find fewer, --json has all", err=True)
        rows = rows[:MOST]
    return rows, COLUMNS, as_json


def matches(listing: Listing, words: tuple[str, ...], hook: str | None, licence: str | None) -> bool:
    """Whether a distribution is of the hook and licence, and all words stand in it, whatever their case."""
    data = listing.data
    if hook is not None and hook not in [own for own, _ in listing.provides]:
        return False
    if licence is not None and licence.casefold() not in data["licence"].casefold():
        return False
    said = [data["name"], data["summary"], data["licence"], *data["keywords"], listing.labels]
    text = " ".join(said).casefold()
    return all(word.casefold() in text for word in words)
