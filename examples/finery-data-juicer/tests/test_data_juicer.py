"""data-juicer's operators under Finery's contract, and with data-juicer's own decisions."""

import pyarrow as pa
import pytest
from data_juicer.ops import load_ops
from data_juicer.utils.constant import Fields
from finery_data_juicer import JuicerFilter, JuicerFormat, JuicerScore

from finery import Batch, PipelineError, Stage
from finery.testing import conformance, sample

STAGE = Stage("op", "filter", "data-juicer", seed=1)

test_filter = conformance(JuicerFilter(op="words_num_filter"))
test_score = conformance(JuicerScore(op="special_characters_filter", columns={"special_char_ratio": "float"}))
test_mapper = conformance(JuicerFormat(op="whitespace_normalization_mapper"))


def batch_of(values: list[str]) -> Batch:
    """A batch of texts."""
    batch = sample("text").slice(0, len(values))
    return batch.set_column(batch.column_names.index("text"), "text", pa.array(values, pa.large_string()))


TEXTS = ["", "few words", "one two three " * 9, "### $$$ @@@ !!!", "a " * 40, "repeat repeat repeat " * 30]


@pytest.mark.parametrize("op", ["words_num_filter", "special_characters_filter", "character_repetition_filter"])
def test_decisions_are_data_juicers_own(op: str) -> None:
    own = load_ops([{op: {}}])[0]
    samples = own.compute_stats({"text": TEXTS, Fields.stats: [{} for _ in TEXTS], Fields.meta: [{} for _ in TEXTS]})
    expected = [bool(keep) for keep in own.process(samples)]
    found = JuicerFilter(op=op).filter(batch=batch_of(TEXTS), stage=STAGE)
    assert [reason is None for reason in found.code.to_pylist()] == expected
    assert not all(expected)


def test_a_mapper_rewrites() -> None:
    after = JuicerFormat(op="clean_links_mapper").format(batch=batch_of(["see https://a.org/x now"]), stage=STAGE)
    assert "https" not in after["text"].to_pylist()[0]


def test_a_misspelt_operator_or_option_is_told() -> None:
    with pytest.raises(PipelineError, match="did you mean 'words_num_filter'"):
        JuicerFilter(op="word_num_filter").filter(batch=batch_of(["a"]), stage=STAGE)
    with pytest.raises(PipelineError, match="takes no 'minimum'"):
        JuicerFilter(op="words_num_filter", options={"minimum": 3}).filter(batch=batch_of(["a"]), stage=STAGE)
