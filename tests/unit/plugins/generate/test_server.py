"""A server is asked until it answers, within time, size, pace and cost; what it said is never paid for twice."""

from __future__ import annotations

import json
import math
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from chat_stub import ChatStub
from pydantic import TypeAdapter, ValidationError

from finery import FineryError, UsageError
from finery_plugins.generate.chats import Chats, opened
from finery_plugins.generate.errors import Unanswered
from finery_plugins.generate.options import Sampling, Server
from finery_plugins.generate.server import backoff, retry_after

HELLO = [{"role": "user", "content": "Hello"}]


def chats(stub: ChatStub, out: Path, answers: str | None = None, **options: Any) -> Chats:
    server = TypeAdapter(Server).validate_python(stub.options(**options))
    return opened(server, None, Sampling(max_tokens=64), answers, out)


def test_a_request_is_as_the_protocol_has_it(stub: ChatStub, tmp_path: Path) -> None:
    reply = chats(stub, tmp_path, extra={"reasoning_effort": "low"}).ask(HELLO, 7)
    assert stub.requests == [
        {"model": "stub", "messages": HELLO, "max_tokens": 64, "temperature": 0.0, "seed": 7, "reasoning_effort": "low"}
    ]
    assert reply.text.endswith("The answer is 12.")
    assert reply.model == "stub"


def test_a_url_without_a_path_gets_v1(stub: ChatStub, tmp_path: Path) -> None:
    chats(stub, tmp_path, url=stub.url.removesuffix("/v1")).ask(HELLO, 1)
    assert len(stub.requests) == 1


def test_a_server_that_takes_no_seed_gets_none_and_still_answers_each_seed(stub: ChatStub, tmp_path: Path) -> None:
    asked = chats(stub, tmp_path, send_seed=False)
    assert asked.ask(HELLO, 1).prompt_id != asked.ask(HELLO, 2).prompt_id
    assert ["seed" in body for body in stub.requests] == [False, False]


def test_the_same_request_is_paid_for_once_also_by_another_process(stub: ChatStub, tmp_path: Path) -> None:
    first = chats(stub, tmp_path).ask(HELLO, 1)
    assert chats(stub, tmp_path).ask(HELLO, 1) == first
    assert chats(stub, tmp_path).ask(HELLO, 2) != first
    assert len(stub.requests) == 2


def test_an_answers_file_tells_prompt_model_parameters_usage_and_cost(stub: ChatStub, tmp_path: Path) -> None:
    reply = chats(stub, tmp_path, price_in=2.0, price_out=10.0).ask(HELLO, 7)
    (file,) = tmp_path.glob("answers/*/*.json")
    assert file.stem == reply.prompt_id
    told = json.loads(file.read_bytes())
    assert told["body"] == stub.requests[0]
    assert told["usage"] == {"prompt_tokens": 100, "completion_tokens": 20}
    assert told["answered_by"] == "stub-0001"
    assert told["cost"] == reply.cost == pytest.approx(0.0004)  # 100 * 2 + 20 * 10, per million


def test_answers_in_a_folder_of_the_users_serve_other_stages(stub: ChatStub, tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    for stage in ("one", "two"):
        (tmp_path / stage).mkdir()
        chats(stub, tmp_path / stage, answers=shared).ask(HELLO, 1)
    assert len(stub.requests) == 1


def test_a_file_that_broke_off_is_asked_for_again(stub: ChatStub, tmp_path: Path) -> None:
    reply = chats(stub, tmp_path).ask(HELLO, 1)
    (file,) = tmp_path.glob("answers/*/*.json")
    file.write_bytes(file.read_bytes()[:40])
    assert chats(stub, tmp_path).ask(HELLO, 1) == reply
    assert json.loads(file.read_bytes())["text"] == reply.text


def test_two_that_ask_the_same_at_once_settle_on_one_answer(stub: ChatStub, tmp_path: Path) -> None:
    count = iter(range(100))
    stub.answer, stub.seconds = lambda _: f"answer {next(count)}", 0.05
    asked = chats(stub, tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: asked.ask(HELLO, 1), range(8)))
    assert len(stub.requests) > 1
    texts = {asked.ask(HELLO, 1).text for _ in range(3)}
    assert len(texts) == 1
    assert [path.name for path in tmp_path.rglob(".*")] == []


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503, "body": "<html>overloaded</html>"},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"drop": True},
        {"body": "not JSON"},
        {"body": "[]"},
        {"body": '{"choices": []}'},
        {"body": '{"choices": [{"message": {"content": null}}]}'},
        {"body": '{"choices": [{"message": {"content": "  "}}]}'},
        {"missing": 10},
    ],
    ids=str,
)
def test_a_fault_that_may_pass_is_tried_again(stub: ChatStub, tmp_path: Path, fault: dict[str, Any]) -> None:
    stub.faults = [fault, fault]
    assert chats(stub, tmp_path, retries=2).ask(HELLO, 1).text
    assert len(stub.requests) == 3


def test_a_slow_answer_is_given_up_and_asked_for_again(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"seconds": 2.0}]
    assert chats(stub, tmp_path, timeout_seconds=0.5).ask(HELLO, 1).text
    assert len(stub.requests) > 1


def test_an_answer_that_drips_is_given_up_though_no_pause_is_long(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"drip": 0.02}]
    assert chats(stub, tmp_path, timeout_seconds=0.5).ask(HELLO, 1).text
    assert len(stub.requests) > 1


def test_after_all_attempts_the_record_is_unanswered(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"status": 500, "body": "out of luck"}] * 3
    with pytest.raises(Unanswered, match=r"status 500: out of luck \(3 attempts\)"):
        chats(stub, tmp_path, retries=2).ask(HELLO, 1)
    assert len(stub.requests) == 3


def test_a_request_that_is_refused_for_what_it_says_is_not_tried_again(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"status": 400, "body": "context too long"}]
    with pytest.raises(Unanswered, match="context too long"):
        chats(stub, tmp_path).ask(HELLO, 1)
    assert len(stub.requests) == 1


def test_retry_after_is_waited_for(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"status": 429, "headers": {"Retry-After": "0.4"}}]
    chats(stub, tmp_path).ask(HELLO, 1)
    assert stub.times[1] - stub.times[0] >= 0.4


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after("7") == 7
    assert 55 < (retry_after(formatdate(time.time() + 60, usegmt=True)) or 0) <= 61
    assert retry_after(formatdate(time.time() - 60, usegmt=True)) == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_a_pause_longer_than_allowed_stops_the_run(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"status": 429, "headers": {"Retry-After": "9999"}}]
    with pytest.raises(FineryError, match="asks to wait 9999 seconds"):
        chats(stub, tmp_path).ask(HELLO, 1)


def test_a_limit_that_does_not_lift_stops_the_run_and_loses_no_record(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"status": 429}] * 3
    with pytest.raises(FineryError, match="status 429"):
        chats(stub, tmp_path, retries=2).ask(HELLO, 1)


def test_nobody_at_the_address_stops_the_run(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(url=f"http://127.0.0.1:{free.getsockname()[1]}", model="m", retries=1, backoff_seconds=0)
    with pytest.raises(FineryError, match="no connection to 127"):
        opened(server, None, Sampling(), None, tmp_path).ask(HELLO, 1)


def test_pauses_double_up_to_a_minute_and_vary_by_a_hash() -> None:
    for tried in range(12):
        usual = min(0.5 * 2**tried, 60)
        drawn = [backoff(0.5, tried, str(name)) for name in range(50)]
        assert drawn == [backoff(0.5, tried, str(name)) for name in range(50)]
        assert usual * 0.5 <= min(drawn) < usual * 0.7
        assert usual * 1.3 < max(drawn) <= usual * 1.5


def test_pauses_are_waited_for(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"status": 500}] * 2
    chats(stub, tmp_path, backoff_seconds=0.1).ask(HELLO, 1)
    assert stub.times[1] - stub.times[0] >= 0.05
    assert stub.times[2] - stub.times[1] >= 0.1


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(
    stub: ChatStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.key = "tell-nobody"
    monkeypatch.setenv("STUB_KEY", "tell-nobody")
    asked = chats(stub, tmp_path, key="STUB_KEY")
    asked.ask(HELLO, 1)
    assert stub.headers[0]["authorization"] == "Bearer tell-nobody"
    monkeypatch.setenv("STUB_KEY", "the-wrong-one")
    with pytest.raises(FineryError, match="401") as refused:
        asked.ask(HELLO, 2)
    assert "the-wrong-one" not in str(refused.value)
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in written if "tell-nobody" in text or "wrong-one" in text]


def test_a_key_that_is_not_set_is_a_usage_error(stub: ChatStub, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NO_SUCH_KEY is not set"):
        chats(stub, tmp_path, key="NO_SUCH_KEY")


def test_a_redirect_to_another_host_is_refused(stub: ChatStub, tmp_path: Path) -> None:
    with ChatStub() as other:
        stub.faults = [{"status": 307, "headers": {"Location": f"{other.url}/chat/completions"}}]
        with pytest.raises(FineryError, match="redirects to"):
            chats(stub, tmp_path).ask(HELLO, 1)
        assert other.requests == []


def test_a_redirect_on_the_same_server_is_followed_with_the_request(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"status": 308, "headers": {"Location": "/v2/chat/completions"}}]
    chats(stub, tmp_path).ask(HELLO, 1)
    assert stub.requests[0] == stub.requests[1]


def test_a_response_that_is_too_long_is_refused(stub: ChatStub, tmp_path: Path) -> None:
    stub.answer = lambda _: "x" * 5000
    with pytest.raises(Unanswered, match="longer than max_response_bytes = 2048"):
        chats(stub, tmp_path, max_response_bytes=2048).ask(HELLO, 1)


def test_lone_surrogates_of_a_server_do_not_reach_the_data(stub: ChatStub, tmp_path: Path) -> None:
    stub.faults = [{"body": '{"choices": [{"message": {"content": "half \\ud83d"}}]}'}]
    assert chats(stub, tmp_path).ask(HELLO, 1).text == "half ?"


def spend(asked: Chats, times: int) -> None:
    for seed in range(times):
        asked.ask(HELLO, seed)


def test_a_cost_cap_stops_and_goes_on_when_it_is_raised(
    stub: ChatStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = {"price_in": 1000.0, "price_out": 5000.0, "max_cost": 0.5}  # 0.2 a request
    with pytest.raises(FineryError, match=r"reached max_cost = 0\.5: cost so far 0\.6"):
        spend(chats(stub, tmp_path, **prices), 6)
    assert len(stub.requests) == 3
    monkeypatch.setenv("FINERY_MAX_COST", "2")
    spend(chats(stub, tmp_path, **prices), 6)
    assert len(stub.requests) == 6


def test_a_cap_counts_what_other_workers_spent(stub: ChatStub, tmp_path: Path) -> None:
    spend(chats(stub, tmp_path), 3)
    with pytest.raises(FineryError, match="max_tokens_total = 360: tokens so far 360"):
        chats(stub, tmp_path, max_tokens_total=360).ask(HELLO, 99)


def test_a_cap_needs_a_server_that_tells_its_usage(stub: ChatStub, tmp_path: Path) -> None:
    stub.usage = None
    assert chats(stub, tmp_path).ask(HELLO, 1).cost == 0
    with pytest.raises(FineryError, match="does not say how many tokens"):
        chats(stub, tmp_path, max_tokens_total=1000).ask(HELLO, 2)


def test_requests_keep_the_pace_of_all_workers_together(stub: ChatStub, tmp_path: Path) -> None:
    workers = [chats(stub, tmp_path, requests_per_minute=600) for _ in range(2)]
    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda seed: workers[seed % 2].ask(HELLO, seed), range(6)))
    assert max(stub.times) - began >= 0.5  # the sixth turn of 0.1 s each
    assert list((tmp_path / "turns").iterdir()) == []


def test_as_many_requests_are_under_way_as_allowed(stub: ChatStub, tmp_path: Path) -> None:
    stub.seconds = 0.05
    asked = chats(stub, tmp_path, concurrency=4)
    asked.each(12, lambda seed: asked.ask(HELLO, seed))
    assert 1 < stub.most_under_way <= 4


def failing(asked: Chats, bad: dict[int, Exception]) -> Callable[[int], str]:
    def work(number: int) -> str:
        if number in bad:
            raise bad[number]
        return asked.ask(HELLO, number).text

    return work


def test_one_records_fault_is_raised_after_the_others_are_answered(stub: ChatStub, tmp_path: Path) -> None:
    asked = chats(stub, tmp_path, concurrency=2)
    with pytest.raises(Unanswered, match="just this"):
        asked.each(8, failing(asked, {0: Unanswered("just this")}))
    assert len(stub.requests) == 7


def test_a_fault_of_the_run_stops_those_that_wait(stub: ChatStub, tmp_path: Path) -> None:
    stub.seconds = 0.02
    asked = chats(stub, tmp_path, concurrency=1)
    with pytest.raises(UsageError, match="all of it"):
        asked.each(50, failing(asked, {0: Unanswered("just this"), 3: UsageError.at("x", "all of it", "mend")}))
    assert len(stub.requests) == 2


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"url": "ftp://host"}, "url"),
        ({"url": "http://user:secret@host"}, "url"),
        ({"key": "sk-abcdef"}, "key"),
        ({"max_cost": 5}, "max_cost needs prices"),
        ({"extra": {"messages": []}}, "extra may not set messages"),
        ({"concurency": 4}, "concurency"),
        ({"timeout_seconds": math.inf}, "timeout_seconds"),
    ],
)
def test_bad_options_are_refused_by_name(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        TypeAdapter(Server).validate_python({"url": "http://host", "model": "m", **options})
