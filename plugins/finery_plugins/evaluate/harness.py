"""The evaluation `harness`: lm-evaluation-harness behind one plugin, local tasks included, and logs left elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from finery import Evaluation, File, Journal, Model, Needs, Stage, UsageError, World, hookimpl, plugin
from finery_plugins.evaluate.items import Occurrences, Row, Rows, fingerprint_of
from finery_plugins.evaluate.logs import logged, of_lm_eval
from finery_plugins.evaluate.running import Run, carried_out, local_task
from finery_plugins.evaluate.tallies import Tallies
from finery_plugins.generate.options import Name
from finery_plugins.train.site import place


@plugin(needs=Needs(cpus=2, extra="eval"))
class Harness:
    """Run tasks of lm-evaluation-harness (Gao et al. 2021), and keep what it says of every item.

    Tasks are those of a `folder` of its YAML files, of a JSONL `file` of questions, or the library's own, which it
    fetches from the hub. Nothing else needs a network. The numbers are lm-eval's: `measure/task`, as its own command
    prints them, with the standard error beside. `settings.json` in the stage's folder records the version, seeds,
    number of examples shown, template and configuration of each task. An interrupted stage goes on where it stopped.
    lm-eval holds a task's requests and answers in memory, though never their logits.

    `logs` runs nothing: it takes over what lm-eval (`samples_*.jsonl`), lighteval (`details_*.parquet`) or anyone
    (`prompt`, `answer`, `correct` or `score` in JSONL) left in files, so that it can be compared.

    ```toml
    [[stage]]
    evaluate = "harness"
    folder = "tasks"
    tasks = ["ledger_questions"]
    shots = 2
    ```
    """

    tasks: list[Name] = Field(default_factory=list)
    """The names of tasks or groups; of a `folder` or `file`, all where none is named."""
    folder: File | None = None
    """A folder of task files. What these name by a relative path is looked for where the run was started."""
    file: File | None = None
    """A JSONL file of items with `question`, `answer`, and for several choices `choices`: a task of the file's name."""
    logs: File | list[File] | None = None
    """Files, or folders of files, that another run left."""
    shots: Annotated[int | None, Field(ge=0)] = None
    """Examples shown before each item; where not given, the task's own number."""
    limit: Annotated[int | None, Field(ge=1)] = None
    """The first so many items of each task."""
    template: Literal["plain", "chat"] = "plain"
    """Whether prompts are written by the model's chat template."""
    system: str | None = None
    """A system message."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1234
    """What lm-eval draws examples and answers with; its own commands take 0 for Python's generator and 1234 for others.
    Here one number serves all."""
    batch: Annotated[int, Field(ge=1)] = 1
    """Requests in a forward pass. Padding changes the last bits of sums; 1 has none."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """What the model computes in."""
    generation: dict[str, Any] = Field(default_factory=dict)
    """Settings of generation that go before those of tasks, such as `{ max_gen_toks = 64 }`."""

    @model_validator(mode="after")
    def has_something(self) -> Harness:
        """Raise ValueError where there is nothing to run, or two things to do."""
        runs = bool(self.tasks or self.folder or self.file)
        if runs == (self.logs is not None):
            raise ValueError("give tasks, a folder or a file to run, or logs to take over, and not both")
        return self

    @hookimpl
    def evaluate(self, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal) -> Evaluation:
        """Metrics, and a row an item. Raises MissingExtra, or UsageError for tasks that are not there."""
        where = place(stage)
        out.mkdir(parents=True, exist_ok=True)
        if self.logs is not None:
            places = [Path(one) for one in ([self.logs] if isinstance(self.logs, str) else self.logs)]
            name = model.name if model is not None else places[0].stem
            return counted(logged(places, name, where), out)
        if model is None:
            raise UsageError.at(where, "has no model to measure", "set `model`, or train one before it")
        found = carried_out(self.run(out, where), model, out, world.threads, where)
        journal.note(f"lm-eval {found.version}, seed {self.seed}, shots {dict(found.shots)}, template {self.template}")
        seen, whose = Occurrences(), fingerprint_of(model)
        rows = ([of_lm_eval(one, task, whose, seen) for one in samples] for task, samples in found.samples.items())
        kept = counted(rows, out)
        return Evaluation({**kept.metrics, **found.metrics}, kept.items)

    def run(self, out: Path, where: str) -> Run:
        """What lm-eval is asked for."""
        folders = [Path(self.folder)] if self.folder else []
        tasks = list(self.tasks)
        if self.file is not None:
            name = local_task(Path(self.file), out / "tasks", where)
            folders.append(out / "tasks")
            tasks = tasks or ([name] if not self.folder else [])
        said: Mapping[str, Any] = {"num_fewshot": self.shots, "limit": self.limit, "system_instruction": self.system}
        return Run(
            tasks=tuple(tasks),
            folders=tuple(folders),
            chat=self.template == "chat",
            seed=self.seed,
            batch=self.batch,
            dtype=self.dtype,
            generation=self.generation,
            more={name: value for name, value in said.items() if value is not None},
        )


def counted(tables: Iterable[list[Row]], out: Path) -> Evaluation:
    """Rows kept and counted."""
    rows, tallies = Rows(out), Tallies()
    for part in tables:
        rows.add(part)
        for row in part:
            tallies.add(row)
    return Evaluation(tallies.metrics(), rows.read())
