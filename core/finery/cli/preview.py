"""`finery preview`: what a train stage would see, record by record, without training."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from finery.data.dataset import ShardedDataset
    from finery.plan import Plan, Step
    from finery.types import Preview

SAMPLE = 256
"""Records of each source that the numbers are worked out of."""


@click.command()
@click.argument("words", nargs=-1, metavar="[FILE] [STAGE]")
@click.option("--records", type=click.IntRange(min=1), default=3, show_default=True, help="Shown of each source.")
@click.option("--source", help="Of this source alone.")
@click.option("--record", metavar="ID", help="This record alone: its id, or what it begins with.")
@click.option("--lines", type=click.IntRange(min=0), default=24, show_default=True, help="Of each text; 0 for all.")
@click.option("--set", "settings", multiple=True, metavar="STAGE.OPTION=VALUE", help="Override a value of the file.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def preview(
    words: tuple[str, ...],
    records: int,
    source: str | None,
    record: str | None,
    lines: int,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what the train stage STAGE of FILE sees: what is trained, what is cut, and what is wrong with it.

    Nothing is run: the records are those that earlier runs left before the stage.
    """
    from finery.cli.preview_page import page, plain
    from finery.cli.render import emit_json
    from finery.cli.work import plugins_beside, work_folder
    from finery.config import read_pipeline
    from finery.plan import make_plan
    from finery.stages.answers import blamed

    file, name = parted(words)
    plugins_beside(file)
    plan = make_plan(read_pipeline(file, settings), work_folder(file))
    step = stage_of(plan, name)
    with tempfile.TemporaryDirectory(prefix="finery-preview-") as out:
        made = asked(plan, step, chosen(plan, step, source, record), Path(out))
        with blamed(step):
            shown = list(first(made, records))
        if as_json:
            emit_json({"stage": step.stage.id, **plain(made, shown)})
        else:
            page(step, made, shown, lines)


def parted(words: tuple[str, ...]) -> tuple[Path, str | None]:
    """The pipeline file and the stage. Raises UsageError for more words."""
    if len(words) > 2:
        raise click.UsageError("give a pipeline file and a stage at most")
    if len(words) == 2:
        return Path(words[0]), words[1]
    if words and (words[0].endswith(".toml") or Path(words[0]).is_file()):
        return Path(words[0]), None
    return Path("pipeline.toml"), words[0] if words else None


def stage_of(plan: Plan, name: str | None) -> Step:
    """The train stage of a name; the only one where none is given. Raises UsageError."""
    from finery.errors import UsageError, did_you_mean

    known = {step.stage.id: step for step in plan.steps if step.stage.hook == "train"}
    there = f"its train stages are {', '.join(known)}" if known else "it has no train stage"
    file = plan.pipeline.file.name
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise UsageError.at(file, "say which stage to look at", there)
    if name not in known:
        raise UsageError.at(file, f"has no train stage '{name}'{did_you_mean(name, known)}", there)
    return known[name]


def chosen(plan: Plan, step: Step, source: str | None, record: str | None) -> Any:
    """The records to look at. Raises UsageError where they are not there."""
    from finery.stages.standing import before, drawn, named, of_source

    dataset: ShardedDataset = before(plan, step)
    if source is not None:
        dataset = of_source(dataset, source, step.stage)
    if record is not None:
        return named(dataset, record, step.stage)
    return drawn(dataset, step.stage, SAMPLE)


def asked(plan: Plan, step: Step, examples: Any, out: Path) -> Preview:
    """The plugin's preview. Raises UsageError where it has none to give."""
    from finery.errors import UsageError
    from finery.kernel import bind
    from finery.plugins import hooks
    from finery.stages.answers import blamed
    from finery.stages.standing import model_of

    plugin = step.configured.plugin
    if "preview" not in hooks(type(plugin)):
        fault = f"'{step.stage.plugin}' ({step.entry.label}) has no preview to give"
        raise UsageError.at(f"stage '{step.stage.id}'", fault, "its class lacks the hook `preview`")
    with blamed(step):
        model = model_of(plan, step)
        found: Preview = bind(plugin, "preview")(examples=examples, model=model, out=out, stage=step.stage)
    return found


def first(made: Preview, count: int) -> Any:
    """What is shown of the first `count` records of each source."""
    seen: dict[str, set[str]] = {}
    for one in made.shown:
        mine = seen.setdefault(one.source, set())
        if one.record in mine or len(mine) < count:
            mine.add(one.record)
            yield one
