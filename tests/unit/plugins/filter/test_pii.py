"""The filter `pii` drops documents by how much personal data they have, and never repeats it."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from pydantic import ValidationError

from finery_plugins.filter.pii import PiiFilter

BatchOf = Callable[..., pa.Table]

TEXTS = ["nothing here", "write to a@b.org", "a@b.org or c@d.org, 13800138000", None, ""]


def test_a_single_piece_drops_a_document_by_default(batch_of: BatchOf) -> None:
    reasons = PiiFilter().filter(batch=batch_of(text=TEXTS))
    assert reasons.code.to_pylist() == [None, "many-personal-data", "many-personal-data", None, None]
    assert reasons.value.to_pylist() == [None, 1, 3, None, None]
    assert reasons.bound.to_pylist() == [None, 0, 0, None, None]


def test_the_detail_counts_kinds_and_repeats_nothing(batch_of: BatchOf) -> None:
    reasons = PiiFilter(max_share=0.1).filter(batch=batch_of(text=TEXTS))
    assert reasons.detail.to_pylist() == [
        None,
        "1 email; much-personal-data 0.4375 against 0.1",
        "2 email, 1 phone; much-personal-data 0.806452 against 0.1",
        None,
        None,
    ]


def test_a_share_is_of_bytes(batch_of: BatchOf) -> None:
    text = "中文中文 a@b.org"
    assert len(text.encode()) == 20
    for bound, code in ((0.35, None), (0.34, "much-personal-data")):
        reasons = PiiFilter(max_count=None, max_share=bound).filter(batch=batch_of(text=[text]))
        assert reasons.code.to_pylist() == [code]


def test_only_the_kinds_and_countries_asked_for_count(batch_of: BatchOf) -> None:
    batch = batch_of(text=["a@b.org", "078-05-1123", "11010519491231002X"])
    codes = PiiFilter(kinds=["id"], ids=["CN"]).filter(batch=batch).code.to_pylist()
    assert codes == [None, None, "many-personal-data"]


def test_no_records_have_no_reasons(batch_of: BatchOf) -> None:
    assert len(PiiFilter().filter(batch=batch_of(text=["a"]).slice(0, 0)).code) == 0


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="names are found by a model"):
        PiiFilter(kinds=["name"])
    with pytest.raises(ValidationError, match="say what is too much"):
        PiiFilter(max_count=None)
    with pytest.raises(ValidationError, match="'CN'"):
        PiiFilter(ids=["XX"])  # type: ignore[list-item]
