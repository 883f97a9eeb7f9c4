"""Expressions over columns, such as `quality > 0.4`: parsed by Python, computed by Arrow.

Nothing is ever evaluated as Python: the syntax tree is walked, and what is not in the tables is a fault.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finery import Batch, PipelineError
from finery_plugins.text.content import column_of, one_chunk

Value: TypeAlias = Any  # a pyarrow.Array of the batch's length, or a pyarrow.Scalar

COMPARISONS: dict[type[ast.cmpop], Callable[[Value, Value], Value]] = {
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: pc.add,
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: pc.divide,
}
NULL_TESTS = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)
ALLOWED = "use columns, numbers, strings, lists, + - * /, comparisons, in, and, or, not, and == None for null"


@dataclass(frozen=True)
class Clause:
    """One of the parts that `and` joins at the top of an expression."""

    tree: ast.expr
    text: str

    @property
    def limit(self) -> tuple[ast.expr, float] | None:
        """What is compared and the number that it is compared with, where the clause is just that."""
        tree = self.tree
        if not isinstance(tree, ast.Compare) or len(tree.ops) > 1 or type(tree.ops[0]) not in COMPARISONS:
            return None
        bound = number(tree.comparators[0])
        return None if bound is None else (tree.left, bound)


def number(tree: ast.expr) -> float | None:
    """The value of a literal number, with or without a sign."""
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = number(tree.operand)
        return None if inner is None else -inner
    said = tree.value if isinstance(tree, ast.Constant) else None
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else None


@functools.cache
def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of an expression. Raises ValueError for bad syntax and for what Arrow is not to compute."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        raise ValueError(f"cannot be read: {getattr(error, 'msg', None) or error}; {ALLOWED}") from None
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    for part in parts:
        check(part, text.strip())
    return tuple(Clause(part, ast.unparse(part)) for part in parts)


def check(tree: ast.expr, text: str) -> None:
    """Raise ValueError for the first part of an expression that is not allowed."""
    for node in ast.walk(tree):
        if not allowed(node):
            shown = ast.get_source_segment(text, node) if isinstance(node, ast.expr) else type(node).__name__
            raise ValueError(f"'{shown}' is not allowed: {ALLOWED}")


def allowed(node: ast.AST) -> bool:
    """Whether a part of the syntax tree has a meaning here."""
    if isinstance(node, ast.Constant):
        return node.value is None or type(node.value) in (bool, int, float, str)
    if isinstance(node, ast.operator):
        return type(node) in ARITHMETIC
    kinds = (
        ast.Name, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop, ast.BinOp, ast.expr_context,
        ast.UnaryOp, ast.Not, ast.USub, ast.List, ast.Tuple,
    )  # fmt: skip
    return isinstance(node, kinds)


def holds(clause: Clause, batch: Batch) -> pa.Array:
    """`bool` (n,): whether the clause holds of each record, null where a null keeps it open.

    Raises PipelineError for a column that is not there and for values that do not go together.
    """
    answer = told(clause.tree, batch, clause.text)
    if not pa.types.is_boolean(answer.type):
        raise fault(clause.text, f"gives {answer.type} where true or false is wanted")
    return spread(answer, len(batch))


def measured(tree: ast.expr, batch: Batch, text: str) -> np.ndarray | None:
    """`float64` (n,): the numbers that a clause compares, null as NaN; None where they are no numbers."""
    values = told(tree, batch, text)
    if not is_number(values.type):
        return None
    return np.asarray(spread(values, len(batch)).cast(pa.float64()).to_numpy(zero_copy_only=False))


def told(tree: ast.expr, batch: Batch, text: str) -> Value:
    """The value of an expression, with Arrow's faults put into words."""
    try:
        return value(tree, batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OverflowError) as error:
        raise fault(text, str(error).splitlines()[0]) from None


def fault(text: str, said: str) -> Exception:
    """The error for an expression that the columns do not bear."""
    remedy = "compare numbers with numbers and strings with strings"
    return PipelineError.at(f'where = "{text}"', said, remedy)


def value(tree: ast.expr, batch: Batch) -> Value:
    """The value of a part of an expression."""
    if isinstance(tree, ast.Name):
        return comparable(column_of(batch, tree.id))
    if isinstance(tree, ast.Constant):
        return literal(tree.value)
    if isinstance(tree, ast.UnaryOp):
        inner = value(tree.operand, batch)
        return pc.invert(inner) if isinstance(tree.op, ast.Not) else pc.negate(as_float(inner))
    if isinstance(tree, ast.BinOp):
        left, right = (as_float(value(side, batch)) for side in (tree.left, tree.right))
        return ARITHMETIC[type(tree.op)](left, right)
    if isinstance(tree, ast.BoolOp):
        join = pc.and_kleene if isinstance(tree.op, ast.And) else pc.or_kleene
        return functools.reduce(join, [value(part, batch) for part in tree.values])
    if isinstance(tree, ast.Compare):
        return compared(tree, batch)
    raise pa.ArrowInvalid(f"a list stands where a value is wanted: {ast.unparse(tree)}")


def compared(tree: ast.Compare, batch: Batch) -> Value:
    """A comparison, also a chain of them such as `0.2 < quality < 0.8`."""
    sides = [tree.left, *tree.comparators]
    links = [link(a, op, b, batch) for a, op, b in zip(sides, tree.ops, sides[1:], strict=False)]
    return functools.reduce(pc.and_kleene, links)


def link(left: ast.expr, op: ast.cmpop, right: ast.expr, batch: Batch) -> Value:
    """One comparison of two sides."""
    if isinstance(op, ast.In | ast.NotIn):
        found = among(value(left, batch), right, batch)
        return found if isinstance(op, ast.In) else pc.invert(found)
    if is_none(left) or is_none(right):
        if not isinstance(op, NULL_TESTS):
            raise pa.ArrowInvalid("null has no order: compare it with == or !=")
        empty = pc.is_null(value(left if is_none(right) else right, batch))
        return empty if isinstance(op, ast.Eq | ast.Is) else pc.invert(empty)
    if type(op) not in COMPARISONS:
        raise pa.ArrowInvalid("'is' goes with None only: compare values with ==")
    return COMPARISONS[type(op)](value(left, batch), value(right, batch))


def among(values: Value, choices: ast.expr, batch: Batch) -> Value:
    """Whether values are among the choices, null where they are null."""
    if not isinstance(choices, ast.List | ast.Tuple):
        raise pa.ArrowInvalid(f"'in' wants a list such as ['en', 'zh'], not {ast.unparse(choices)}")
    known = [value(choice, batch) for choice in choices.elts]
    equal: Sequence[Value] = [pc.equal(values, choice) for choice in known]
    return functools.reduce(pc.or_kleene, equal, pc.if_else(pc.is_valid(values), False, None))


def is_none(tree: ast.expr) -> bool:
    """Whether a part of an expression is the literal None."""
    return isinstance(tree, ast.Constant) and tree.value is None


def literal(said: object) -> pa.Scalar:
    """A constant as Arrow has it."""
    return pa.scalar(said, pa.large_string()) if isinstance(said, str) else pa.scalar(said)


def comparable(column: Any) -> Value:
    """A column with dictionaries and short strings as `large_string`."""
    array = one_chunk(column)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.large_string()) if pa.types.is_string(array.type) else array


def as_float(values: Value) -> Value:
    """Numbers as `float64`, in which all arithmetic is done: nothing overflows, 1 / 0 is infinite."""
    if not is_number(values.type):
        raise pa.ArrowInvalid(f"arithmetic on {values.type}")
    return values.cast(pa.float64())


def is_number(kind: pa.DataType) -> bool:
    """Whether values are integers or floats."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def spread(values: Value, records: int) -> pa.Array:
    """A value for each record where one stands for all."""
    return pa.repeat(values, records) if isinstance(values, pa.Scalar) else values
