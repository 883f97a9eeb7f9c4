"""Expressions over columns mean what they say, and say what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finery import PipelineError
from finery_plugins.filter.expression import clauses, holds

BatchOf = Callable[..., pa.Table]


def answer(where: str, batch: pa.Table) -> list[bool | None]:
    (clause,) = clauses(where)
    told: list[bool | None] = holds(clause, batch).to_pylist()
    return told


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("n > 1", [False, True, None]),
        ("1 < n <= 2", [False, True, None]),
        ("n == None", [False, False, True]),
        ("n is not None", [True, True, False]),
        ("None != n", [True, True, False]),
        ("n in [1, 3]", [True, False, None]),
        ("n not in (1, 3)", [False, True, None]),
        ("n in []", [False, False, None]),
        ("t == 'en'", [True, False, None]),
        ("t in ['en', 'zh']", [True, False, None]),
        ("not t == 'en'", [False, True, None]),
        ("n > 1 or t == 'en'", [True, True, None]),
        ("n > 5 or n == None", [False, False, True]),
        ("n * 2 + 1 >= 5", [False, True, None]),
        ("-n / 2 < -0.5", [False, True, None]),
        ("n / 0 > 1e300", [True, True, None]),
        ("flag", [True, False, None]),
        ("flag == True", [True, False, None]),
        ("source == 'general'", [True, True, True]),
        ("empty > 1", [None, None, None]),
        ("empty == None", [True, True, True]),
        ("True", [True, True, True]),
    ],
)
def test_expressions(batch_of: BatchOf, where: str, expected: list[bool | None]) -> None:
    numbers, flags = pa.array([1, 2, None]), pa.array([True, False, None])
    batch = batch_of(n=numbers, t=["en", "de", None], flag=flags, empty=pa.nulls(3))
    assert answer(where, batch) == expected


def test_and_makes_clauses(batch_of: BatchOf) -> None:
    assert [clause.text for clause in clauses("a > 1 and (b or c) and d == 'x'")] == ["a > 1", "b or c", "d == 'x'"]


@pytest.mark.parametrize(
    "where",
    [
        "",
        "n >",
        "n = 1",
        "__import__('os').system('true')",
        "n.real > 1",
        "[x for x in n]",
        "n if n else 1",
        "lambda: 1",
        "n ** 2 > 1",
        "n // 2 > 1",
        "n[0] > 1",
        "f'{n}' == ''",
        "n > 1j",
        "n == b'x'",
        "n > 1 and open('x')",
        "(n := 1)",
        "~n > 1",
        "n; n",
        "n == ...",
        "(" * 300 + "n" + ")" * 300,
        "\0",
    ],
)
def test_what_is_not_an_expression_over_columns_is_refused(where: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|is not allowed"):
        clauses(where)


def test_an_unknown_column_is_a_fault_that_names_the_columns(batch_of: BatchOf) -> None:
    batch = batch_of(quality=[0.1])
    with pytest.raises(PipelineError, match=r"no column 'qualty' \(did you mean 'quality'\?\).*'quality'"):
        answer("qualty > 0.4", batch)


@pytest.mark.parametrize(
    "where", ["t > 1", "n == 'en'", "t + 1 > 2", "n + 1", "n", "n in 5", "n > None", "n is 1", "[n]"]
)
def test_values_that_do_not_go_together_are_a_fault(batch_of: BatchOf, where: str) -> None:
    batch = batch_of(n=pa.array([1]), t=["en"])
    with pytest.raises(PipelineError, match="where = "):
        answer(where, batch)


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), max_size=6), st.integers(-5, 5))
def test_comparisons_agree_with_python(batch_of: BatchOf, numbers: list[int | None], bound: int) -> None:
    batch = batch_of(n=pa.array(numbers, pa.int64()))
    expected = [None if n is None else n * 2 - 1 >= bound or n == bound for n in numbers]
    assert answer(f"n * 2 - 1 >= {bound} or n == {bound}", batch) == expected
