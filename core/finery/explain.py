"""Why a stage runs again: compared with the last run of the same pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from finery.data.artifacts import Artifacts

if TYPE_CHECKING:
    from finery.plan import Step

NAMES = {
    "plugin": "another plugin",
    "digest": "the plugin's code changed",
    "content": "the input changed",
    "seed": "the seed changed",
    "prefer": "'prefer' changed",
    "earlier": "the index of an earlier run changed",
    "index": "'keep_index' changed",
    "order": "the order of the sources changed",
    "threads": "the number of threads changed",
    "model": "the model before it changed",
    "format": "Finery's file format changed",
    "api": "the plugin API changed",
}


def reason(
    artifacts: Artifacts,
    fingerprint: str,
    parts: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    behind: Mapping[str, Step],
    known: bool,
) -> str:
    """One line: what changed, what it stands behind, or how far an interrupted run came.

    `before` is what the stage was in the last run, `known` whether there was one.
    """
    done = finished_shards(artifacts, fingerprint, parts["hook"])
    if done is not None:
        return f"was interrupted; {done} finished shards are taken over" if done else "was interrupted"
    if before is None:
        return "new stage" if known else "first run"
    changes = own_changes(parts, before)
    if changes:
        return "; ".join(changes)
    gone = "its artifact is gone" if before.get("done") else "the last run did not come this far"
    return input_change(parts, before, behind) or gone


def finished_shards(artifacts: Artifacts, fingerprint: str, hook: str) -> int | None:
    """How many shards, or units of reading, an interrupted run left; None where there was none."""
    folder = artifacts.root / "artifacts" / f"{fingerprint}.partial"
    kind = "unit" if hook == "read" else "shard"
    return len(list(folder.glob(f"{kind}-*.json"))) if folder.is_dir() else None


def own_changes(parts: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """What changed in the stage itself."""
    if before.get("plugin") != parts["plugin"]:
        return [f"{NAMES['plugin']}: {before.get('plugin')} -> {parts['plugin']}"]
    changes = option_changes(parts["options"], before.get("options", {}))
    names = [name for name in NAMES if name not in ("plugin", "model") and parts.get(name) != before.get(name)]
    return changes + [NAMES[name] for name in names]


def option_changes(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Each option that changed, with both values."""
    names = [name for name in {**before, **now} if now.get(name) != before.get(name)]
    return [f"option {name}: {before.get(name)!r} -> {now.get(name)!r}" for name in names]


def input_change(parts: Mapping[str, Any], before: Mapping[str, Any], behind: Mapping[str, Step]) -> str:
    """Which stage before it changed what it sees, and the first cause."""
    for name, mark in parts["inputs"].items():
        step = behind.get(name)
        if before.get("inputs", {}).get(name) != mark and step is not None:
            if step.why:
                return (
                    step.why
                    if step.why.startswith("stands behind")
                    else f"stands behind '{step.stage.id}' ({step.why})"
                )
            return f"stands behind '{step.stage.id}', which changed since the last run"
    if before.get("inputs", {}).keys() != parts["inputs"].keys():
        return "it sees other sources"
    return NAMES["model"] if before.get("model") != parts.get("model") else ""
