"""What plugins share in a pass, what they keep over a kill, and records that come together from a whole source."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from places import HERE, Place, conserve, copied, digests, ended

SHARING = (HERE / "sharing.py").read_text(encoding="utf-8")

SESSIONS = """
name = "sessions"
[[source]]
name = "logs"
path = "logs/*.jsonl"
[[stage]]
filter = "sharing:Longer"
[[stage]]
format = "sharing:Sessions"
[[stage]]
score = "sharing:Length"
"""


@pytest.fixture
def shared(place: Place) -> Place:
    """A folder with the plugins that share."""
    place.write("sharing.py", SHARING)
    return place


def rows(count: int) -> list[dict[str, object]]:
    """Turns of sessions, scattered; a tenth belongs to none."""
    draw = random.Random(3)
    made = []
    for number in range(count):
        session = None if number % 10 == 0 else f"s{draw.randint(0, count // 8)}"
        made.append({"text": f"turn {number}", "session": session, "at": f"{number:06}"})
    draw.shuffle(made)
    return made


def logs(place: Place, count: int, files: int = 3) -> list[dict[str, object]]:
    """Write the turns to several files."""
    made = rows(count)
    for number in range(files):
        place.jsonl(f"logs/{number}.jsonl", made[number::files])
    return made


def joined(turns: list[dict[str, object]]) -> list[str]:
    """What the sessions should read."""
    found: dict[object, list[dict[str, object]]] = {}
    for number, row in enumerate(turns):
        found.setdefault(row["session"] or number, []).append(row)
    ordered = [sorted(session, key=lambda row: str(row["at"])) for session in found.values()]
    return sorted(" / ".join(str(row["text"]) for row in session) for session in ordered)


def test_one_pass_works_a_value_out_once(shared: Place) -> None:
    shared.jsonl("logs/a.jsonl", [{"text": "x" * n} for n in range(1, 9)])
    head, tail = SESSIONS.split('[[stage]]\nformat = "sharing:Sessions"')
    shared.pipeline(head + tail)
    shared.good()
    assert shared.write("calls.txt.seen", "").with_name("calls.txt").read_text() == "8\n"
    assert sorted(shared.table("length", "logs")["length"].to_pylist()) == list(range(3, 9))


def test_what_was_kept_is_not_paid_for_twice(shared: Place) -> None:
    shared.jsonl("logs/a.jsonl", [{"text": letter} for letter in "abcxyz"])
    text = 'name = "kept"\n[[source]]\nname = "logs"\npath = "logs/*.jsonl"\n[[stage]]\nformat = "sharing:Careful"\n'
    shared.write("sharing.py", SHARING.replace("if self.fail and", "if not CALLS.with_name('go').exists() and"))
    shared.pipeline(text)
    assert shared.run().code != 0
    shared.write("go", "")
    shared.good()
    assert sorted(shared.write("go", "").with_name("calls.txt").read_text().split()) == list("abcxyz")


def test_records_of_a_key_come_together_from_the_whole_source(shared: Place) -> None:
    made = logs(shared, 500)
    shared.pipeline(SESSIONS)
    manifests = shared.good()
    assert sorted(shared.table("sessions", "logs")["text"].to_pylist()) == joined(made)
    counts = manifests["sessions"]["sources"]["logs"]
    assert (counts["in"], counts["merged"]) == (500, 500)
    assert counts["born"] == manifests["sessions"]["tally"]["sessions"] == len(joined(made))
    assert not list(shared.root.glob("artifacts/*/shuffle*"))


def test_a_group_that_raises_costs_that_group(shared: Place) -> None:
    made = logs(shared, 300)
    members = [row for row in made if row["session"] == "s7"]
    shared.pipeline(SESSIONS.replace('"sharing:Sessions"', '"sharing:Sessions"\nfail = "s7"\nmax_bad = 0.2'))
    counts = shared.good()["sessions"]["sources"]["logs"]
    assert counts["failed"] == len(members) > 1
    assert counts["merged"] == 300 - len(members)
    assert {row["detail"] for row in shared.decisions("sessions")} == {"ValueError: cannot join s7"}


def test_a_record_whose_key_raises_costs_that_record(shared: Place) -> None:
    shared.jsonl("logs/a.jsonl", [{"text": f"turn {n}", "session": "s", "at": str(n)} for n in range(9)])
    shared.jsonl("logs/b.jsonl", [{"text": "turn x", "session": "unreadable", "at": "x"}])
    shared.pipeline(SESSIONS.replace('"sharing:Sessions"', '"sharing:Sessions"\nmax_bad = 0.2'))
    counts = shared.good()["sessions"]["sources"]["logs"]
    assert (counts["in"], counts["failed"], counts["merged"], counts["born"]) == (10, 1, 9, 1)


def test_a_group_of_more_records_than_a_batch_stays_whole(shared: Place) -> None:
    shared.jsonl("logs/a.jsonl", [{"text": f"turn {n}", "session": "s", "at": f"{n:05}"} for n in range(9000)])
    shared.pipeline(SESSIONS)
    shared.good()
    assert shared.table("sessions", "logs")["turns"].to_pylist() == [9000]


def test_workers_and_kills_do_not_change_the_bytes(shared: Place, tmp_path: Path) -> None:
    logs(shared, 3000, files=4)
    shared.pipeline(SESSIONS)
    shared.good()
    other = copied(shared, tmp_path / "q")
    process = other.start("--workers", "2")
    partial = None
    while partial is None and process.poll() is None:
        partial = next(other.root.glob("artifacts/*.partial/shuffle-00000.json"), None)
    process.kill()
    ended(process)
    third = copied(shared, tmp_path / "r")
    assert ended(other.start("--workers", "2")).code == 0
    assert ended(third.start("--workers", "2")).code == 0
    assert digests(other.root) == digests(shared.root) == digests(third.root)
    conserve(other)


def test_parents_are_in_the_lineage(shared: Place) -> None:
    logs(shared, 100)
    shared.pipeline(SESSIONS)
    folder = shared.root / "artifacts" / str(shared.good()["sessions"]["fingerprint"])
    parents = [row for path in folder.glob("parents-*.parquet") for row in pq.read_table(path).to_pylist()]
    assert len({row["parent"] for row in parents}) == len(parents) == 100


def test_a_gathering_format_without_parents_is_told(shared: Place) -> None:
    logs(shared, 30)
    answer = SHARING.index("        found: dict")
    shared.write(
        "sharing.py",
        SHARING[:answer] + "        return batch\n\n\n" + SHARING[SHARING.index("@plugin\nclass Careful") :],
    )
    shared.pipeline(SESSIONS)
    outcome = shared.run()
    assert outcome.code == 1 and "'sessions'" in outcome.err and "no 'parent'" in outcome.err
