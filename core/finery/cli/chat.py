"""`finery chat`: try a model, by itself or beside another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from finery.chat.speaker import Answer, Drawing, Message, Speaker
    from finery.lineage.models import Found

NEW = "/new"


@click.command()
@click.argument("model", default="last", metavar="[MODEL|RUN]")
@click.option("--stage", metavar="ID", help="The train stage of RUN that is meant; by default its last one.")
@click.option(
    "--compare", metavar="base|MODEL", help="Another model that answers beside it; base: what it was made of."
)
@click.option("--prompt", help="Ask this and leave.")
@click.option("--system", help="What the model is told before the first turn.")
@click.option("--raw", is_flag=True, help="Continue the text as it stands, without a chat template.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=512, show_default=True, help="Longest answer.")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, max=5),
    default=0.7,
    show_default=True,
    help="How far answers stray; 0 takes the likeliest token each time.",
)
@click.option(
    "--seed", type=click.IntRange(min=0, max=2**62), default=0, show_default=True, help="Fixes what is drawn."
)
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each prompt.")
def chat(
    model: str,
    stage: str | None,
    compare: str | None,
    prompt: str | None,
    system: str | None,
    raw: bool,
    max_tokens: int,
    temperature: float,
    seed: int,
    as_json: bool,
) -> None:
    """Talk to a model, with its own chat template.

    MODEL is a train stage of the last run, a folder, or a name on the hub; RUN stands for its last trained model, and
    `last` for that of the last run. Asks for turns on a terminal: Ctrl-C stops an answer, Ctrl-D leaves, /new begins
    anew. Elsewhere every line of standard input is a prompt of its own.
    """
    from finery.cli.work import work_folder
    from finery.lineage.models import compared, find

    check(prompt, system, raw)
    root = work_folder()
    found = [find(root, model, stage)]
    if compare is not None:
        found.append(compared(root, found[0], compare))
    talk(found, Settings(system, raw, max_tokens, temperature, seed, as_json), prompt)


@dataclass(frozen=True)
class Settings:
    """What was asked for."""

    system: str | None
    raw: bool
    max_tokens: int
    temperature: float
    seed: int
    as_json: bool


def check(prompt: str | None, system: str | None, raw: bool) -> None:
    """Raise UsageError for options that do not fit each other."""
    from finery.errors import UsageError

    if raw and system is not None:
        raise UsageError.at("finery chat", "--raw has no place for --system", "leave one of them out")
    if prompt is not None and not prompt.strip():
        raise UsageError.at("finery chat", "--prompt is empty", "write something in it")


def talk(found: Sequence[Found], settings: Settings, prompt: str | None) -> None:
    """Load the models and ask them everything. Raises UsageError where a system message finds no template."""
    from finery.chat.speaker import Drawing, load

    is_clear = len({one.name for one in found}) == len(found)
    speakers = [load(one.name if is_clear else one.title, one.place, settings.raw) for one in found]
    say_raw(speakers, settings)
    drawing = Drawing(settings.max_tokens, settings.temperature, settings.seed)
    if prompt is None and sys.stdin.isatty() and not settings.as_json:
        converse(Conversation(speakers, drawing, settings))
        return
    for turn, line in enumerate([prompt] if prompt is not None else lines()):
        Conversation(speakers, drawing, settings, turn).ask(line)


def say_raw(speakers: Sequence[Speaker], settings: Settings) -> None:
    """Say which models have no template, once. Raises UsageError where one is told a system message all the same."""
    from finery.errors import UsageError

    for speaker in speakers:
        if not speaker.is_raw or settings.raw:
            continue
        if settings.system is not None:
            fault = "has no chat template, so no place for --system"
            raise UsageError.at(f"model '{speaker.name}'", fault, "leave --system out")
        click.echo(f"'{speaker.name}' has no chat template: it continues what you write", err=True)


def lines() -> Iterator[str]:
    """The prompts on standard input: its lines, but for blank ones."""
    return (line.rstrip("\n") for line in sys.stdin if line.strip())


@dataclass
class Conversation:
    """What was said so far, to each model with its own answers."""

    speakers: Sequence[Speaker]
    drawing: Drawing
    settings: Settings
    turn: int = 0
    said: list[list[Message]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget everything but the system message."""
        system = self.settings.system
        first: list[Message] = [] if system is None else [{"role": "system", "content": system}]
        self.said = [list(first) for _ in self.speakers]

    def ask(self, prompt: str) -> None:
        """Ask all models, and show what they answer. What could not be asked is forgotten."""
        before = [list(messages) for messages in self.said]
        for messages in self.said:
            messages.append({"role": "user", "content": prompt})
        try:
            answers = self.answers(prompt)
        except BaseException:
            self.said = before
            raise
        for messages, answer in zip(self.said, answers, strict=True):
            messages.append({"role": "assistant", "content": answer.text})
        self.turn += 1

    def answers(self, prompt: str) -> list[Answer]:
        """What each model answers, shown as it comes."""
        from finery.chat import screen

        if self.settings.as_json:
            found = [self.answer(place, lambda _: None) for place in range(len(self.speakers))]
            screen.line(prompt, [speaker.name for speaker in self.speakers], found)
            return found
        if len(self.speakers) > 1:
            return self.beside()
        write = screen.streamed()
        found = [self.answer(0, write)]
        screen.finish(found[0], write)
        return found

    def beside(self) -> list[Answer]:
        """What each model answers, one after the other, in columns."""
        from finery.chat.screen import figures, side_by_side

        names = [speaker.name for speaker in self.speakers]
        texts, notes = [""] * len(names), [""] * len(names)
        found: list[Answer] = []
        with side_by_side(names) as draw:
            for place in range(len(names)):

                def heard(text: str, place: int = place) -> None:
                    texts[place] = text
                    draw(texts, notes)

                found.append(self.answer(place, heard))
                texts[place], notes[place] = found[-1].text, figures(found[-1])
                draw(texts, notes)
        return found

    def answer(self, place: int, heard: Callable[[str], None]) -> Answer:
        """What one model answers."""
        return self.speakers[place].answer(self.said[place], self.drawing, self.turn, heard)


def converse(conversation: Conversation) -> None:
    """Ask for turns until Ctrl-D."""
    from finery.errors import UsageError

    line_editing()
    names = " and ".join(speaker.name for speaker in conversation.speakers)
    click.secho(f"{names}: Ctrl-C stops an answer, Ctrl-D leaves, {NEW} begins anew", dim=True)
    while True:
        try:
            prompt = input("> ").strip()
        except KeyboardInterrupt:
            click.echo()
            continue
        except EOFError:
            click.echo()
            return
        if prompt == NEW:
            conversation.begin()
        elif prompt:
            try:
                conversation.ask(prompt)
            except UsageError as error:
                click.echo(str(error), err=True)


def line_editing() -> None:
    """Let prompts be edited and called back, where the platform can."""
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401
