"""`finery chat`: which model is meant, what it is asked, and how its answers are shown."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from workshop import Workshop

from finery.chat import speaker as speakers
from finery.chat.screen import shown
from finery.chat.speaker import Drawing, load
from finery.cli.chat import chat
from finery.errors import MissingExtra, UsageError
from finery.lineage.models import base_of, find

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + ' ' + m['content'] + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant ' }}{% endif %}"
)
WORDS = ["iron", "slag", "bloom", "forge", "anvil", "ember", "tongs", "quench"]


def tiny(folder: Path, template: str | None = TEMPLATE, seed: int = 0, positions: int = 64) -> Path:
    """A model that says words at random, in a folder."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|end|>", "<|im_start|>", "<|im_end|>", "<unk>"]
    known = {word: number for number, word in enumerate([*special, "user", "assistant", "system", *WORDS])}
    backend = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.add_special_tokens(special)
    words = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", pad_token="<|end|>")
    words.chat_template = template
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(known),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=positions,
        initializer_range=1.0,
        bos_token_id=None,
        eos_token_id=[0, 2],
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a template."""
    return tiny(tmp_path_factory.mktemp("talker"))


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One without."""
    return tiny(tmp_path_factory.mktemp("writer"), None, 1)


def ask(*words: Any, given: str = "", width: int = 100) -> tuple[str, str]:
    """What the verb writes to standard output and standard error. Raises what it raises."""
    done = CliRunner().invoke(
        chat, [str(word) for word in words], input=given, env={"COLUMNS": str(width)}, catch_exceptions=False,
        standalone_mode=False,
    )  # fmt: skip
    if done.exception is not None:
        raise done.exception
    return done.stdout, done.stderr


def test_one_prompt_is_answered_with_the_models_own_template(talker: Path) -> None:
    out, err = ask(talker, "--prompt", "iron slag", "--temperature", "0", "--max-tokens", "6")
    network = load("talker", str(talker), False)
    asked = network.spelled([{"role": "user", "content": "iron slag"}])
    rendered = "<|im_start|> user iron slag <|im_end|> <|im_start|> assistant"
    assert network.tokenizer.decode(asked[0]).split() == rendered.split()
    made = network.network.generate(asked, max_new_tokens=6, do_sample=False)
    assert out.strip() == network.tokenizer.decode(made[0, asked.shape[1] :], skip_special_tokens=True).strip()
    assert err == ""


def test_a_system_message_comes_first(talker: Path) -> None:
    network = load("talker", str(talker), False)
    said = network.spelled([{"role": "system", "content": "ember"}, {"role": "user", "content": "iron"}])
    assert network.tokenizer.decode(said[0]).startswith("<|im_start|> system ember")
    out, _ = ask(talker, "--prompt", "iron", "--system", "ember", "--json")
    assert json.loads(out)["prompt"] == "iron"


def test_equal_seeds_draw_equally_and_others_do_not(talker: Path) -> None:
    def said(seed: int) -> str:
        return ask(talker, "--prompt", "iron", "--seed", seed, "--temperature", "2", "--max-tokens", "20")[0]

    assert said(3) == said(3)
    assert len({said(seed) for seed in range(4)}) > 1


def test_every_line_of_standard_input_is_a_prompt_of_its_own(talker: Path) -> None:
    out, _ = ask(talker, "--json", "--temperature", "0", given="iron\n\nslag bloom\niron\n")
    found = [json.loads(line) for line in out.splitlines()]
    assert [line["prompt"] for line in found] == ["iron", "slag bloom", "iron"]
    assert found[0]["answers"][0]["text"] == found[2]["answers"][0]["text"]
    assert {"model", "text", "tokens", "seconds", "tokens_per_second", "finish"} == set(found[0]["answers"][0])
    assert all(0 < line["answers"][0]["tokens"] <= 64 for line in found)


def test_a_model_without_a_template_continues_the_text_and_says_so(writer: Path) -> None:
    out, err = ask(writer, "--prompt", "iron", "--temperature", "0", "--max-tokens", "4")
    assert "has no chat template: it continues what you write" in err
    network = load("writer", str(writer), False)
    made = network.network.generate(
        network.tokenizer("iron", return_tensors="pt")["input_ids"], max_new_tokens=4, do_sample=False
    )
    assert out.split() == network.tokenizer.decode(made[0, 1:], skip_special_tokens=True).split()
    with pytest.raises(UsageError, match="no place for --system: leave --system out"):
        ask(writer, "--prompt", "iron", "--system", "ember")


def test_raw_passes_the_template_by(talker: Path) -> None:
    assert load("talker", str(talker), True).spelled([{"role": "user", "content": "iron"}]).tolist() == [[7]]
    _, err = ask(talker, "--raw", "--prompt", "iron")
    assert err == ""


@pytest.mark.parametrize("width", [60, 100, 200])
def test_two_models_answer_side_by_side(talker: Path, writer: Path, width: int) -> None:
    out, _ = ask(talker, "--compare", writer, "--prompt", "iron", "--max-tokens", "8", width=width)
    rows = out.splitlines()
    assert max(map(len, rows)) <= width
    assert sum(row.count("tokens/s") for row in rows) == 2
    answers = json.loads(ask(talker, "--compare", writer, "--prompt", "iron", "--max-tokens", "8", "--json")[0])[
        "answers"
    ]
    assert [Path(answer["model"]) for answer in answers] == [talker, writer]
    for answer in answers:
        assert set(answer["text"].split()) <= set(out.split())


def test_an_answer_stops_at_its_length_or_of_itself(talker: Path) -> None:
    network, ends = load("talker", str(talker), False), set()
    for turn in range(40):
        answer = network.answer([{"role": "user", "content": "iron"}], Drawing(8, 3.0), turn, lambda _: None)
        ends.add(answer.finish)
        assert answer.tokens == 8 or answer.finish == "stop"
    assert ends == {"stop", "length"}


def test_an_interrupted_answer_keeps_what_was_said(talker: Path) -> None:
    heard: list[str] = []

    def stop(text: str) -> None:
        heard.append(text)
        if len(heard) == 3:
            raise KeyboardInterrupt

    network = load("talker", str(talker), True)
    answer = network.answer([{"role": "user", "content": "iron"}], Drawing(40, 0), 0, stop)
    assert (answer.finish, answer.tokens, answer.text) == ("interrupted", 3, heard[-1])


def test_a_conversation_that_is_too_long_says_what_to_do(talker: Path) -> None:
    with pytest.raises(UsageError, match=r"80 tokens were said, and .* knows 64: say less, or begin anew with /new"):
        ask(talker, "--raw", "--prompt", "iron " * 80)


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    assert shown("a\x1b[31mb\r\tc\nd") == "a [31mb     c\nd"


class Terminal:
    """The verb on a terminal of its own."""

    def __init__(self, *words: Any) -> None:
        code = "import sys; from finery.cli.chat import chat; chat(sys.argv[1:])"
        mine, theirs = pty.openpty()
        self.file, self.seen = mine, ""
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, words)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)

    def until(self, text: str, seconds: float = 180) -> str:
        """What was written until a text came; it and all before it are forgotten."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.file], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"waited for {text!r} in {self.seen!r}"
            try:
                self.seen += os.read(self.file, 65536).decode()
            except OSError:
                break
        before, found, self.seen = self.seen.partition(text)
        assert found, f"{text!r} is not in {before!r}"
        return before

    def say(self, text: str) -> None:
        """Write to it."""
        os.write(self.file, text.encode())


@pytest.mark.slow
def test_on_a_terminal_turns_go_on_until_ctrl_d_and_ctrl_c_stops_an_answer(tmp_path: Path) -> None:
    tiny(tmp_path / "long", positions=100_000)
    config = tmp_path / "long" / "generation_config.json"
    config.write_text(json.dumps({"eos_token_id": 10_000, "pad_token_id": 0}))
    terminal = Terminal(tmp_path / "long", "--max-tokens", "90000", "--temperature", "0")
    try:
        terminal.until("Ctrl-D leaves")
        terminal.until("> ")
        terminal.say("iron\n")
        terminal.until(" ")
        time.sleep(0.5)
        os.kill(terminal.process.pid, signal.SIGINT)
        terminal.until("tokens/s, interrupted")
        terminal.until("> ")
        terminal.say("/new\n")
        terminal.until("> ")
        terminal.say("\x04")
        assert terminal.process.wait(30) == 0
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.file)


def test_options_are_checked_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom finery.cli.chat import chat\nfrom finery.errors import UsageError\n"
        "for words in (['--raw', '--system', 'x'], ['--prompt', ' '], ['nothing here']):\n"
        "    try: chat(words, standalone_mode=False)\n"
        "    except UsageError as error: print(error)\n"
        "print(sorted({'torch', 'transformers', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "finery chat: --raw has no place for --system: leave one of them out",
        "finery chat: --prompt is empty: write something in it",
        "model 'nothing here': there is none of that name: name a stage, a run, a folder or an owner/name on the hub; "
        "no stage has trained one here",
        "[]",
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"architectures": ["LlamaForSequenceClassification"]},
            "does not continue text: its architecture is Llama",
        ),
        ({"model_type": "no-such-model"}, "cannot be loaded from"),
    ],
)
def test_what_does_not_continue_text_is_refused(talker: Path, tmp_path: Path, change: dict, fault: str) -> None:
    for path in talker.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((talker / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(UsageError, match=fault):
        load("odd", str(tmp_path), False)


def test_pickled_weights_are_not_opened(talker: Path, tmp_path: Path) -> None:
    for path in talker.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n")
    with pytest.raises(UsageError, match="cannot be loaded"):
        load("pickled", str(tmp_path), False)


def test_a_missing_library_names_its_extra(talker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match="pip install 'finery\\[train\\]'"):
        speakers.load("talker", str(talker), False)


def test_a_name_means_a_stage_then_a_folder_then_a_run_then_a_hubs_model(workshop: Workshop, talker: Path) -> None:
    root = workshop.root
    stage = find(root, "toy")
    assert (stage.name, stage.run.id, Path(stage.place).name) == ("toy", workshop.second, "out")
    assert find(root, str(talker)).place == str(talker)
    assert find(root, workshop.first).run.id == workshop.first
    assert find(root, "last").stage.id == "toy"
    assert find(root, workshop.first, "toy").stage.artifact != stage.stage.artifact
    assert find(root, "owner/name").place == "owner/name"


@pytest.mark.parametrize(
    ("name", "stage", "fault"),
    [
        ("toyy", None, r"none of that name \(did you mean 'toy'\?\).*trained in the last run: toy"),
        ("last", "short", "stage 'short' trains no model: trained stages are toy"),
        ("last", "shrt", "did you mean 'short'"),
    ],
)
def test_a_name_that_means_no_model_is_a_usage_error(
    workshop: Workshop, name: str, stage: str | None, fault: str
) -> None:
    with pytest.raises(UsageError, match=fault):
        find(workshop.root, name, stage)


def test_what_was_trained_from_nothing_has_no_base(workshop: Workshop, talker: Path) -> None:
    with pytest.raises(UsageError, match="was trained from nothing"):
        base_of(workshop.root, find(workshop.root, "toy"))
    with pytest.raises(UsageError, match="it is not known what it was trained from"):
        base_of(workshop.root, find(workshop.root, str(talker)))
