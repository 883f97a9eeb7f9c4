"""Checks of answers: each against a plain reading of what it demands, and code in its sandbox."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finery_plugins.evaluate.checks import Check, Unheld, verdict
from finery_plugins.evaluate.refusing import refuses
from finery_plugins.evaluate.sandbox import run
from finery_plugins.generate.refusals import REPLIES

PERSON = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}}
ADD = "def add(a, b):\n    return a + b"

CASES = [
    ({"check": "exact"}, " yes\n", "yes", True),
    ({"check": "exact"}, "Yes", "yes", False),
    ({"check": "exact", "ignore_case": True}, "YES", "yes", True),
    ({"check": "exact", "value": ["a", "b"]}, "b", None, True),
    ({"check": "contains"}, "The capital is Paris.", "Paris", True),
    ({"check": "contains", "value": ["x", "Paris"]}, "in Paris", None, True),
    ({"check": "contains", "value": ["x", "Paris"], "all": True}, "in Paris", None, False),
    ({"check": "contains", "value": "Paris", "absent": True}, "in Paris", None, False),
    ({"check": "contains", "value": ""}, "anything", None, False),
    ({"check": "regex", "pattern": r"\d{3}"}, "it is 123.", None, True),
    ({"check": "regex", "pattern": "^A", "absent": True}, "B", None, True),
    ({"check": "numeric"}, "First 3, then 1,234.5", "1234.5", True),
    ({"check": "numeric", "tolerance": 0.5}, "about 12.4", "12", True),
    ({"check": "numeric", "tolerance": 0.3}, "about 12.4", "12", False),
    ({"check": "numeric", "value": 10, "relative": 0.1}, "9.1", None, True),
    ({"check": "numeric"}, "none", "12", False),
    ({"check": "choice"}, "B", "B", True),
    ({"check": "choice"}, "The answer is (c).", "C", True),
    ({"check": "choice"}, "A) is wrong, so the answer is D", "D", True),
    ({"check": "choice"}, "答案是：B", "B", True),
    ({"check": "choice"}, "A cat sat down", "A", False),
    ({"check": "json"}, '```json\n{"a": 1}\n```', None, True),
    ({"check": "json"}, '{"a": 1', None, False),
    ({"check": "schema", "schema": PERSON}, '{"age": 3}', None, True),
    ({"check": "schema", "schema": PERSON}, '{"age": "3"}', None, False),
    ({"check": "schema", "schema": PERSON}, "three", None, False),
    ({"check": "language", "language": "zh"}, "春天的水从山上流下来，磨坊开始转动。", None, True),
    ({"check": "language", "language": "zh"}, "The mill begins to turn in spring.", None, False),
    ({"check": "length", "at_most": 3}, "one two three", None, True),
    ({"check": "length", "at_most": 3}, "一二三四", None, False),
    ({"check": "length", "at_least": 2, "at_most": 2, "unit": "lines"}, "a\n\nb", None, True),
    ({"check": "length", "at_least": 2, "unit": "sentences"}, "It is 3.5 m. Good! 好。", None, True),
    ({"check": "length", "at_most": 5, "unit": "characters"}, "123456", None, False),
    ({"check": "refusal"}, "I'm sorry, but I can't help with that.", None, True),
    ({"check": "refusal"}, "抱歉，我无法提供这方面的帮助。", None, True),
    ({"check": "no-refusal"}, "Certainly: first, open the window.", None, True),
    ({"check": "code", "tests": "assert add(1, 2) == 3"}, f"Here:\n```python\n{ADD}\n```\nDone.", None, True),
    ({"check": "code", "tests": "assert add(1, 2) == 4"}, ADD, None, False),
    ({"check": "exact"}, "<think>no</think>yes", "yes", True),
]


@pytest.mark.parametrize(("said", "answer", "target", "passes"), CASES)
def test_a_check_passes_what_it_demands(said: dict, answer: str, target: str | None, passes: bool) -> None:
    found = verdict(Check(**said), answer, target)
    assert found.passed is passes
    assert passes or found.why


@given(st.text(max_size=60), st.sampled_from(["exact", "contains", "numeric", "choice", "json", "refusal"]))
def test_no_answer_makes_a_check_raise(answer: str, check: str) -> None:
    assert verdict(Check(check=check), answer, "12").passed in (True, False)


@given(st.integers(-(10**9), 10**9), st.integers(0, 100), st.integers(-100, 100))
def test_a_number_passes_within_its_tolerance_and_not_beyond(value: int, tolerance: int, off: int) -> None:
    check = Check(check="numeric", value=float(value), tolerance=tolerance, relative=0)
    assert verdict(check, f"It is {value + off}", None).passed is (abs(off) <= tolerance)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda part: st.lists(part), max_leaves=5))
def test_what_json_writes_is_json(value: object) -> None:
    assert verdict(Check(check="json"), json.dumps(value), None).passed


def test_without_anything_to_compare_with_a_check_says_so() -> None:
    with pytest.raises(Unheld, match="needs a `value`, or an item with a `target`"):
        verdict(Check(check="exact"), "a", None)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"check": "regex"}, "needs `pattern`"),
        ({"check": "regex", "pattern": "("}, "is no pattern"),
        ({"check": "length"}, "needs `at_least` or `at_most`"),
        ({"check": "json", "value": 1}, "has no use for `value`: it takes no setting"),
        ({"check": "exact", "tolerance": 1}, "has no use for `tolerance`"),
        ({"check": "guess"}, "Input should be"),
    ],
)
def test_a_check_without_sense_is_refused(said: dict, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Check(**said)


def test_replies_that_decline_for_safety_are_refusals() -> None:
    for language in ("en", "zh"):
        told = [refuses(reply) for reply in REPLIES["safety"][language]]
        assert sum(told) >= len(told) - 1, language


@pytest.mark.parametrize(
    "said", ["", "I can help.", "I can't wait to tell you!", "当然可以，我来帮你。", "Kill it with -9."]
)
def test_answers_that_help_are_none(said: str) -> None:
    assert not refuses(said)


def test_a_program_that_ends_early_has_not_passed() -> None:
    for early in ("raise SystemExit(0)", "import os; os._exit(0)", "def broken(:"):
        assert not run(f"{early}\nassert False").passed


def test_a_program_that_runs_on_is_stopped() -> None:
    started = time.monotonic()
    found = run("while True: pass", seconds=0.5)
    assert not found.passed
    assert found.said == "stopped after 0.5 seconds"
    assert time.monotonic() - started < 5


def test_what_a_program_leaves_running_goes_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    code = (
        f"import os, time\nif os.fork() == 0:\n    time.sleep(1)\n    open({str(mark)!r}, 'w').close()\n    os._exit(0)"
    )
    run(code)
    time.sleep(1.3)
    assert not mark.exists()


def test_memory_and_files_are_bounded() -> None:
    assert "MemoryError" in run("x = 'a' * (1 << 31)").said
    assert not run("open('big', 'wb').write(b'a' * (4 << 20))").passed


def test_a_program_starts_in_an_empty_folder_with_an_empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "abc")
    assert run("import os\nassert os.listdir() == ['program.py', 'said'] or len(os.listdir()) == 2").passed
    assert run("import os\nassert 'SECRET_KEY' not in os.environ").passed


def test_a_program_without_a_network_reaches_nobody() -> None:
    if not run("pass").isolated:
        pytest.skip("this system does not let a process leave its network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not run(f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)").passed
