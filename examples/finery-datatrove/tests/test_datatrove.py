"""datatrove's steps under Finery's contract, and with datatrove's own decisions."""

import pyarrow as pa
import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from finery_datatrove import DatatroveFilter, DatatroveFormat, DatatroveScore

from finery import Batch, PipelineError, Stage
from finery.testing import conformance, sample

STAGE = Stage("step", "filter", "datatrove", seed=1)

test_filter = conformance(DatatroveFilter(step="GopherQualityFilter"))
test_formatter = conformance(DatatroveFormat(step="FTFYFormatter"))
test_rewriting_filter = conformance(DatatroveFormat(step="C4QualityFilter", options={"min_num_sentences": 1}))
test_score = conformance(DatatroveScore(step="test_datatrove:Shouting", columns={"capitals": "integer"}))


class Shouting:
    """A step of one's own, made like datatrove's."""

    batch_size = 2

    def filter_batch(self, batch: list[Document]) -> list[bool]:
        """Count capitals, and keep all."""
        for document in batch:
            document.metadata["capitals"] = sum(map(str.isupper, document.text))
        return [True] * len(batch)


def texts() -> list[str]:
    """Texts that some rules drop."""
    line = "The cat sat on the mat with a hat, and that was that for the rest of the day. "
    return ["", "short", line * 9, "word " * 80, line * 2 + "# # # # # #", *(line * n + "ok " * n for n in range(9))]


def batch_of(values: list[str]) -> Batch:
    """A batch of texts."""
    batch = sample("text").slice(0, len(values))
    return batch.set_column(batch.column_names.index("text"), "text", pa.array(values, pa.large_string()))


@pytest.mark.parametrize("step", [GopherQualityFilter, GopherRepetitionFilter])
def test_decisions_and_reasons_are_datatroves_own(step: type) -> None:
    own = step()
    expected = [own.filter(Document(text=text, id="x")) for text in texts()]
    found = DatatroveFilter(step=step.__name__).filter(batch=batch_of(texts()), stage=STAGE)
    kept = [one is True or (isinstance(one, tuple) and one[0]) for one in expected]
    assert [reason is None for reason in found.code.to_pylist()] == kept
    assert found.detail.to_pylist() == [None if ok else one[1] for ok, one in zip(kept, expected, strict=True)]
    assert not all(kept)


def test_a_misspelt_option_is_told() -> None:
    with pytest.raises(PipelineError, match=r"takes no 'min_doc_word' .did you mean 'min_doc_words'"):
        DatatroveFilter(step="GopherQualityFilter", options={"min_doc_word": 3}).filter(
            batch=batch_of(["a"]), stage=STAGE
        )


def test_a_misspelt_step_is_told() -> None:
    with pytest.raises(PipelineError, match="did you mean 'GopherQualityFilter'"):
        DatatroveFilter(step="GopherQualtyFilter").filter(batch=batch_of(["a"]), stage=STAGE)
