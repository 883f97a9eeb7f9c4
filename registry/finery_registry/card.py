"""The card of a distribution: all that an index knows of it, to be read before anything is installed."""

from __future__ import annotations

from collections.abc import Iterator

from finery import API
from finery_registry.installed import folders, version
from finery_registry.listing import Listing, Release

WARNING = "Listed means built and tested as declared, not reviewed for safety: a plugin runs with all your rights."


def card(listing: Listing, release: Release | None = None) -> str:
    """The card; of its newest release, and with what is installed here, where none is given."""
    chosen = release or listing.newest(API)
    data, here = listing.data, None if release else folders().get(listing.name)
    lines = [f"{listing.name} {chosen.version if chosen else '(no usable release)'}: {data['summary']}"]
    facts = {
        "plugins": listing.labels,
        "by": ", ".join(data["authors"]),
        "licence": data["licence"],
        "source": data["repository"],
        "index": listing.index,
        "installed": "" if release else version(here) if here else "no",
        "releases": ", ".join(
            one.version + (f" (withdrawn: {one.yanked})" if one.yanked else "") for one in listing.releases
        ),
        **(dict(of_release(chosen)) if chosen else {}),
    }
    lines += [f"  {name + ':':<11} {value}" for name, value in facts.items() if value]
    return "\n".join([*lines, WARNING])


def of_release(release: Release) -> Iterator[tuple[str, str]]:
    """What is known of one release."""
    yield "API", str(release.api)
    yield "Python", release.python
    yield "depends on", ", ".join(release.requires)
    yield "commit", release.commit or ""
    yield "sha256", release.sha256
    if not release.checked:
        yield "checked", "not yet"
        return
    said = release.checked
    yield (
        "checked",
        f"{said['on']} with Finery {said['finery']} and Python {said['python']}: {', '.join(said['passed'])}",
    )
    for page in said.get("plugins", ()):
        needs = page.get("needs", {})
        told = [f"{needs.get('cpus', 1):g} CPU", f"{needs['gpus']:g} GPU" if needs.get("gpus") else ""]
        told += [f"extra {needs['extra']}" if needs.get("extra") else ""]
        yield (
            f"{page['hook']} {page['name']}",
            f"hooks {', '.join(page['hooks'])}; needs {', '.join(filter(None, told))}",
        )
