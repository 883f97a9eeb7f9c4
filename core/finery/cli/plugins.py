"""`finery plugins`: what is installed, what one plugin does, and the verbs that other packages add to these."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from finery.catalog import GROUPS, Entry, entries
from finery.cli.main import all_points, command, verbs
from finery.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from finery.cli.options import Option

GROUP = "finery.command.plugins"
Answer: TypeAlias = "tuple[list[dict[str, Any]], list[str], bool]"
"""Rows, the columns of a table, and whether all is wanted as JSON instead."""

HOOK = click.option("--hook", metavar="HOOK", help=f"Only plugins of one hook: {', '.join(GROUPS)}.")
JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")


class PluginVerbs(click.Group):
    """The verbs of this file, and those of the entry points `finery.command.plugins`, each imported when asked for.

    A verb of another package stands before the one of its name here, and may `ask` that first. A verb that returns
    `(rows, columns, as_json)` has them printed, so that whoever asks it gets values and not text.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb by name."""
        return sorted({*self.commands, *verbs(GROUP)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb of that name."""
        point = verbs(GROUP).get(cmd_name)
        return command(point) if point else self.commands.get(cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The verb, or a usage error with the one that was meant."""
        if args and self.get_command(ctx, args[0]) is None:
            hint = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"no verb '{args[0]}'{hint}; see finery plugins --help")
        return super().resolve_command(ctx, args)

    def ask(self, ctx: click.Context, verb: str, **options: Any) -> Any:
        """What a verb of this file returns; its options must all be given."""
        return ctx.invoke(self.commands[verb], **options)


@click.group(cls=PluginVerbs)
def plugins() -> None:
    """List the installed plugins, show what one does, find and install others."""


@plugins.result_callback()
def printed(answer: Answer | None) -> None:
    """Print what a verb returned."""
    from finery.cli.render import emit

    if answer is not None:
        emit(*answer)


@plugins.command("list")
@HOOK
@JSON
def listing(hook: str | None, as_json: bool) -> Answer:
    """List the installed plugins; none of them is imported."""
    rows = [
        {"hook": entry.hook, "name": entry.name, "package": entry.package, "version": entry.version}
        for entry in installed(hook)
    ]
    return rows, ["hook", "name", "package", "version"], as_json


@plugins.command("show")
@click.argument("name")
@HOOK
@JSON
def show(name: str, hook: str | None, as_json: bool) -> Answer | None:
    """Show what the plugin NAME does, its options and an example."""
    found = [described(entry) for entry in meant(name, hook)]
    if as_json:
        return found, [], True
    for number, plugin in enumerate(found):
        click.echo("\n" * (2 if number else 0), nl=False)
        page(plugin)
    return None


def installed(hook: str | None) -> list[Entry]:
    """The plugins of one hook, or of all. Raises UsageError for a hook that is none."""
    if hook is not None and hook not in GROUPS:
        fault = f"no such hook{did_you_mean(hook, GROUPS)}"
        raise UsageError.at(f"--hook {hook}", fault, f"hooks are {', '.join(GROUPS)}")
    return entries(GROUPS if hook is None else (hook,), all_points())


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
    from finery.tomltext import as_toml

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
