"""Every check of the contract, in the order in which one waits for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from finery.errors import Fault
from finery.plugins import hooks
from finery.testing import answers, cuts, declaration, gathers, laws, observing, pairs, signature, trials
from finery.testing.fresh import fresh_process
from finery.testing.subject import MAPS, TRIED, Subject
from finery.testing.texts import ODD
from finery.verbs import VERBS

PLAIN = ("filter", "score", "dedupe")
TYPED = ("score", "dedupe", "format")


@dataclass(frozen=True)
class Check:
    """One claim of the contract, and the function that finds what speaks against it."""

    name: str
    find: Callable[[Subject], Iterator[Fault]]
    verbs: tuple[str, ...] = VERBS
    beside: str | None = None
    """The companion hook that it is about, where it is about one."""
    unless: str | None = None
    """The companion hook beside which it says nothing."""

    def applies(self, subject: Subject) -> bool:
        """Whether it says anything of this plugin; of one whose verb is unknown, most do."""
        if observing.observes(subject) or self.find is observing.observer_binds:
            return observing.observes(subject) and self.find in observing.OBSERVED
        if self.beside is not None and self.beside not in hooks(subject.cls):
            return False
        if self.unless is not None and self.unless in hooks(subject.cls):
            return False
        return subject.verb is None or subject.verb in self.verbs


CHECKS = (
    Check("plugin-class", declaration.plugin_class),
    Check("summary", declaration.summary),
    Check("options-documented", declaration.options_documented),
    Check("options-schema", declaration.options_schema),
    Check("options-json", declaration.options_json),
    Check("options-pickle", declaration.options_pickle),
    *(Check(find.__name__.replace("_", "-"), find) for find in signature.HOOKS),
    Check("observer-binds", observing.observer_binds),
    Check("answers", trials.answers, TRIED),
    Check("answer-type", trials.answer_type, TRIED),
    Check("answer-length", trials.answer_length, PLAIN),
    Check("reason-codes", trials.holds(answers.reason_codes), ("filter",)),
    Check("reason-values", trials.holds(answers.reason_values), ("filter",)),
    Check("score-columns", trials.holds(answers.score_columns), ("score",)),
    Check("records-again", trials.of_tables(answers.records_again), ("format",), unless="gather"),
    Check("parents", trials.of_tables(answers.parents), ("format",)),
    Check("text-types", trials.of_tables(answers.text_types), ("format",)),
    Check("mix-epochs", trials.holds(answers.mix_epochs), ("mix",)),
    Check("same-answer", pairs.same_answer, ("dedupe",), "same"),
    Check("same-symmetric", pairs.same_symmetric, ("dedupe",), "same"),
    Check("same-alone", pairs.same_alone, ("dedupe",), "same"),
    Check("gather-keys", gathers.gather_keys, ("format",), "gather"),
    Check("gather-alone", gathers.gather_alone, ("format",), "gather"),
    Check("gather-births", gathers.gather_births, ("format",), "gather"),
    Check("cut-answer", cuts.cut_answer, ("dedupe",), "cut"),
    Check("cut-nothing", cuts.cut_nothing, ("dedupe",), "cut"),
    Check("cut-alone", cuts.cut_alone, ("dedupe",), "cut"),
    Check("state-kept", trials.state_kept, MAPS, "prepare"),
    Check("state-batches", laws.state_batches, MAPS, "prepare"),
    Check("empty-dataset", trials.empty_dataset, MAPS, "prepare"),
    Check("twice", laws.twice, TRIED),
    Check("split", laws.split, MAPS),
    Check("permuted", laws.permuted, TRIED),
    Check("fresh-process", fresh_process, TRIED),
    Check("working-directory", laws.working_directory, TRIED),
    Check("chunked", laws.chunked, MAPS),
    Check("sliced", laws.sliced, MAPS),
    Check("fixed-types", laws.fixed_types, TYPED),
    Check("empty-batch", trials.empty_batch, MAPS),
    *(Check(kind, trials.takes(kind), MAPS) for kind in ODD),
    Check("input-unchanged", trials.input_unchanged, MAPS),
    Check("extra-columns", trials.extra_columns, MAPS),
    Check("tally-counts", trials.tally_counts, MAPS),
    Check("tally-adds-up", trials.tally_adds_up, MAPS),
    Check("quiet", trials.quiet, TRIED),
)
