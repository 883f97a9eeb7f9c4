"""`finery plugins`: what is installed, from metadata alone, and what one plugin does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finery.catalog import GROUPS, Entry, entries
from finery.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from finery.cli.options import Option

HOOK = click.option("--hook", metavar="HOOK", help=f"Only plugins of one hook: {', '.join(GROUPS)}.")
JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group()
def plugins() -> None:
    """List the installed plugins, or show what one does."""


@plugins.command("list")
@HOOK
@JSON
def listing(hook: str | None, as_json: bool) -> None:
    """List the installed plugins; none of them is imported."""
    from finery.cli.render import emit

    rows = [
        {"hook": entry.hook, "name": entry.name, "package": entry.package, "version": entry.version}
        for entry in installed(hook)
    ]
    emit(rows, ["hook", "name", "package", "version"], as_json)


@plugins.command("show")
@click.argument("name")
@HOOK
@JSON
def show(name: str, hook: str | None, as_json: bool) -> None:
    """Show what the plugin NAME does, its options and an example."""
    from finery.cli.render import emit_json

    found = [described(entry) for entry in meant(name, hook)]
    if as_json:
        emit_json(found)
        return
    for number, plugin in enumerate(found):
        click.echo("\n" * (2 if number else 0), nl=False)
        page(plugin)


def installed(hook: str | None) -> list[Entry]:
    """The plugins of one hook, or of all. Raises UsageError for a hook that is none."""
    if hook is not None and hook not in GROUPS:
        fault = f"no such hook{did_you_mean(hook, GROUPS)}"
        raise UsageError.at(f"--hook {hook}", fault, f"hooks are {', '.join(GROUPS)}")
    return entries() if hook is None else entries((hook,))


def meant(name: str, hook: str | None) -> list[Entry]:
    """The plugins of that name, of several hooks perhaps. Raises UsageError where there is none."""
    if ":" in name:
        if hook is None:
            raise UsageError.at(name, "of which hook?", "add --hook")
        from finery.cli.work import plugins_beside

        plugins_beside(Path("pipeline.toml"))
        return [Entry(name, hook, name)]
    known = installed(hook)
    found = [entry for entry in known if entry.name == name]
    if not found:
        names = list(dict.fromkeys(entry.name for entry in known))
        raise UsageError.at(f"plugin '{name}'", f"no such plugin{did_you_mean(name, names)}", "see finery plugins list")
    return found


def described(entry: Entry) -> dict[str, Any]:
    """Everything a plugin says of itself. It is imported: raises PluginError, or MissingExtra."""
    import inspect

    from finery.catalog import load
    from finery.cli.options import example, options, prose
    from finery.plugins import hooks, manifest
    from finery.schema import options_schema, summary

    cls = load(entry)
    said = manifest(cls)
    definitions: dict[str, Any] = {}
    schema = options_schema(cls, entry.name, definitions)
    docs = inspect.getdoc(cls) or ""
    return {
        **asdict(entry),
        "summary": summary(cls),
        "docs": prose(docs),
        "hooks": list(hooks(cls)),
        "manifest": asdict(said),
        "options": [asdict(option) for option in options(schema, definitions)],
        "example": example(entry.hook, entry.name, schema, docs),
    }


def page(plugin: dict[str, Any]) -> None:
    """Print a plugin for a reader."""
    from finery.cli.options import Option
    from finery.cli.render import emit

    origin = f"{plugin['package']} {plugin['version']}" if plugin["package"] else "local"
    click.echo(f"{plugin['hook']} {plugin['name']}  ({origin}, {plugin['target']})")
    click.echo(f"\n{plugin['docs']}\n\n{traits(plugin)}")
    if plugin["options"]:
        click.echo("\nOptions")
        columns = ["option", "type", "default", "bounds", "what it does"]
        emit([row(Option(**option)) for option in plugin["options"]], columns, False)
    click.echo(f"\nExample\n{plugin['example']}")


def row(option: Option) -> dict[str, str]:
    """A line on an option."""
    from finery.cli.options import as_toml

    default = "required" if option.required else as_toml(option.default)
    told = {"option": option.name, "type": option.type, "default": default}
    return {**told, "bounds": option.bounds, "what it does": option.docs}


def traits(plugin: dict[str, Any]) -> str:
    """One line on how a plugin is run."""
    said, needs = plugin["manifest"], plugin["manifest"]["needs"]
    parts = [
        f"hooks: {', '.join(plugin['hooks'])}",
        f"needs: {needs['cpus']:g} CPU" + (f", {needs['gpus']:g} GPU" if needs["gpus"] else ""),
        f"extra: {needs['extra']}" if needs["extra"] else "",
        f"batches of {said['batch']:,}" if said["batch"] else "",
        "runs in threads" if said["releases_gil"] else "",
        "" if said["deterministic"] else "not deterministic",
        f"API {said['api']}",
    ]
    return "; ".join(part for part in parts if part)
