"""The verbs: search, show, list, install, update, remove, check, doctor and verify, on real environments."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from forge import METADATA, PLUGIN, SOUND, Dist

from finery import UsageError
from finery.cli.plugins import plugins as group
from finery_registry import doctor
from finery_registry.cli.check import check
from finery_registry.cli.install import install
from finery_registry.cli.listing import listing
from finery_registry.cli.remove import remove
from finery_registry.cli.search import search
from finery_registry.cli.show import show
from finery_registry.cli.update import update
from finery_registry.cli.verify import verify
from finery_registry.environment import Environment
from finery_registry.index import read_file
from finery_registry.listing import HOOKS
from finery_registry.trial import made


def asked(verb: click.Command, *words: str) -> Any:
    """What a verb returns, below the group that has it."""
    with click.Context(group) as parent:
        return verb.main([str(word) for word in words], parent=parent, standalone_mode=False)


@pytest.fixture
def own(tmp_path: Path) -> str:
    """The Python of an environment that a test may change."""
    return made(tmp_path / "env")


def released(folder: Path, *dists: Dist) -> Path:
    """An index of one distribution with several releases, their wheels below it."""
    texts = [dist.listed(folder, dist.wheel(folder / "w")).read_text(encoding="utf-8") for dist in dists]
    more = [text[text.index("[[release]]") :] for text in texts[:-1]]
    (folder / f"{dists[-1].name}.toml").write_text("\n".join([texts[-1], *more]), encoding="utf-8")
    return folder


def words(place: Path, python: str) -> list[str]:
    """The options of an installation."""
    return ["--index", str(place), "--from-wheels", str(place / "w"), "--python", python, "--yes"]


def versions(python: str) -> dict[str, str]:
    """The distributions of ours that are there."""
    return {name: dist.version for name, dist in Environment(python).installed.items() if name.startswith("acme-")}


def names(*words: str) -> list[str]:
    """The distributions that a search finds."""
    rows, _, _ = asked(search, *words)
    return [row["name"] for row in rows]


def test_a_search_is_by_words_hook_and_licence(tmp_path: Path) -> None:
    gpl = SOUND.but(name="acme-gpl", entry={"licence": '"GPL-3.0-only"', "provides.hook": '"score"'})
    for dist in (SOUND, gpl):
        dist.listed(tmp_path, dist.wheel(tmp_path / "w"))
    index = ["--index", str(tmp_path)]
    assert names("DROPS", "short", *index) == ["acme-gpl", "acme-short"]
    assert names("short", "--hook", "score", *index) == ["acme-gpl"]
    assert names("short", "--licence", "apache", *index) == ["acme-short"]
    assert names("short", "nothing-like-it", *index) == []
    with pytest.raises(UsageError, match="did you mean 'filter'"):
        names("--hook", "fliter", *index)


def test_a_distribution_that_is_not_installed_is_shown_with_its_recorded_options(capsys: Any) -> None:
    rows, columns, as_json = asked(show, "letters")
    card = capsys.readouterr().out
    assert "acme-letters 1.0.0: A Finery filter" in card
    assert "installed:  no" in card
    assert "not reviewed for safety" in card
    (row,) = rows
    assert (row["option"], row["default"], row["bounds"]) == ("minimum", "0.6", ">= 0, <= 1")
    assert not as_json
    assert "what it does" in columns


def test_a_built_in_is_shown_as_before_and_an_unknown_name_is_asked_about(capsys: Any) -> None:
    assert asked(show, "ratio") is None
    assert "mix ratio" in capsys.readouterr().out
    with pytest.raises(UsageError, match="did you mean 'ratio'"):
        asked(show, "ration")


def test_the_list_has_tiers_and_says_what_loads() -> None:
    rows, columns, _ = asked(listing, "--hook", "mix", "--load")
    assert {row["tier"] for row in rows} == {"built-in"}
    assert {row["loads"] for row in rows} == {"yes"}
    assert columns[-2:] == ["tier", "loads"]


def test_a_plugin_is_installed_updated_and_removed(tmp_path: Path, own: str, capsys: Any) -> None:
    longer = PLUGIN.replace("class Short:", "class Long:")
    second = SOUND.but(
        version="2.0.0",
        points="[finery.filter]\nshort = acme_short:Long\n",
        code=longer,
        metadata=METADATA + "Requires-Dist: click>=8\n",
        entry={"release.requires": '["finery>=0.1", "click>=8"]'},
    )
    place = released(tmp_path / "index", SOUND, second)
    asked(install, "short==1.0.0", *words(place, own))
    assert versions(own) == {"acme-short": "1.0.0"}
    asked(install, "short==1.0.0", *words(place, own))
    assert "is installed already" in capsys.readouterr().out
    asked(update, *words(place, own))
    said = capsys.readouterr().out
    assert "acme-short 1.0.0 -> 2.0.0\n  depends on click>=8" in said
    assert versions(own) == {"acme-short": "2.0.0"}
    asked(update, *words(place, own))
    assert "as new as the index has it" in capsys.readouterr().out
    asked(remove, "short", "--python", own, "--yes")
    assert versions(own) == {}


def test_a_dependency_comes_from_the_folder_of_wheels_and_is_told_first(tmp_path: Path, own: str, capsys: Any) -> None:
    helper = Dist(name="acme-helper", points="", code="", metadata=METADATA.replace("Requires-Dist: finery>=0.1\n", ""))
    user = SOUND.but(
        metadata=METADATA + "Requires-Dist: acme-helper\n",
        entry={"release.requires": '["finery>=0.1", "acme-helper"]'},
    )
    place = released(tmp_path / "index", user)
    helper.wheel(place / "w")
    asked(install, "acme-short", *words(place, own))
    assert "  acme-helper 1.0.0\n" in capsys.readouterr().out
    assert versions(own) == {"acme-short": "1.0.0", "acme-helper": "1.0.0"}
    with pytest.raises(UsageError, match="brings no plugin"):
        asked(remove, "acme-helper", "--python", own, "--yes")


def test_finery_itself_and_what_is_not_there_are_not_removed(own: str) -> None:
    for name, reason in (("finery", "is Finery itself"), ("nothing", "is not installed")):
        with pytest.raises(UsageError, match=reason):
            asked(remove, name, "--python", own, "--yes")


def test_a_withdrawn_or_unknown_release_is_refused(tmp_path: Path, own: str) -> None:
    place = released(tmp_path, SOUND.but(entry={"release.api": '1\nyanked = "loses records"'}))
    with pytest.raises(UsageError, match="is withdrawn: loses records"):
        asked(install, "acme-short==1.0.0", *words(place, own))
    with pytest.raises(UsageError, match="has no release 3"):
        asked(install, "acme-short==3", *words(place, own))


def test_another_python_that_does_not_run_is_told(tmp_path: Path) -> None:
    place = released(tmp_path, SOUND)
    with pytest.raises(UsageError, match="is no Python that runs"):
        asked(install, "acme-short", *words(place, str(tmp_path / "python")))


def test_a_file_that_was_changed_by_hand_is_found_and_put_back(tmp_path: Path, own: str) -> None:
    place = released(tmp_path / "index", SOUND)
    asked(install, "acme-short", *words(place, own))
    file = next(Path(name) for name in Environment(own).installed["acme-short"].files if name.endswith("acme_short.py"))
    file.write_text(file.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    faults = [str(fault) for fault in doctor.ailments(Environment(own), {}, lambda hook, name: None)]
    assert [fault for fault in faults if "acme" in fault] == [
        f"acme-short 1.0.0: {file} was changed after it was installed: finery plugins install acme-short==1.0.0 --again"
    ]
    asked(install, "acme-short==1.0.0", "--again", *words(place, own))
    assert file.read_text(encoding="utf-8") == PLUGIN


def test_two_distributions_that_claim_a_name_are_found_and_the_second_is_refused(tmp_path: Path, own: str) -> None:
    other = SOUND.but(name="acme-other", points="[finery.filter]\nshort = acme_other:Short\n")
    for dist in (SOUND, other):
        dist.listed(tmp_path / "index", dist.wheel(tmp_path / "index" / "w"))
    asked(install, "acme-short", *words(tmp_path / "index", own))
    with pytest.raises(UsageError, match="filter 'short': is a plugin of acme-short already"):
        asked(install, "acme-other", *words(tmp_path / "index", own))
    there = Environment(own).installed
    twice = {"acme-short": there["acme-short"], "acme-other": there["acme-short"]}
    (fault,) = doctor.clashes(twice)
    assert str(fault) == "filter 'short': is claimed by acme-short 1.0.0 and acme-short 1.0.0: remove one"


def test_the_doctor_knows_finery_s_own_entry_points_and_asks_about_those_of_others() -> None:
    def page(hook: str, name: str) -> None:
        raise UsageError.at(f"--hook {hook}", "no such hook")

    finery = Environment(sys.executable).installed["finery"]
    assert {"command", "command.plugins", "wheels"} <= {hook for hook, _, _ in finery.points}
    own = replace(finery, points=tuple(point for point in finery.points if point[0] not in HOOKS))
    assert list(doctor.loading(own, page)) == []
    other = replace(own, name="acme-short", points=(("fliter", "short", "acme_short:Short"),))
    (fault,) = doctor.loading(other, page)
    assert str(fault).startswith("fliter 'short' (acme-short")


def test_the_doctor_tells_what_is_lacking(tmp_path: Path, own: str) -> None:
    place = released(tmp_path / "index", SOUND)
    asked(install, "acme-short", *words(place, own))
    there = Environment(own)
    file = next(Path(name) for name in there.installed["acme-short"].files if name.endswith("METADATA"))
    text = file.read_text(encoding="utf-8") + "Requires-Dist: no-such-thing>=2\nRequires-Dist: click<1\n"
    file.write_text(text, encoding="utf-8")
    dist = Environment(own).installed["acme-short"]
    found = [fault.fault for fault in doctor.unmet(dist, there)]
    assert found[0] == "lacks no-such-thing, needs no-such-thing>=2"
    assert found[1].startswith("has click 8")


def test_a_plugin_beside_is_checked_by_file_folder_and_name(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "shortest.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[project.entry-points."finery.filter"]\nshort = "shortest:Short"\n')
    asked(check, str(tmp_path / "shortest.py"))
    assert "checks passed" in capsys.readouterr().out
    asked(check, str(tmp_path), "--json", "--set", "least=5")
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["plugin"], report["failed"]) == ("filter short", [])
    with pytest.raises(UsageError, match="is no plugin"):
        asked(check, str(tmp_path / "nowhere"))


def test_a_plugin_with_faults_is_told_by_the_exit_code(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "faulty.py").write_text(PLUGIN.replace('"""Fewest characters."""', ""), encoding="utf-8")
    assert asked(check, str(tmp_path / "faulty.py")) == 1
    assert "failed  options-documented" in capsys.readouterr().out


def test_a_sound_wheel_is_verified_and_the_entry_says_so_twice_over(tmp_path: Path, capsys: Any) -> None:
    wheel = SOUND.wheel(tmp_path / "w")
    entry = SOUND.listed(tmp_path / "entries", wheel)
    entry.write_text(f"# by its author\n{entry.read_text(encoding='utf-8')}# the end\n", encoding="utf-8")
    for _ in range(2):
        assert not asked(verify, str(entry), str(wheel), "--from-wheels", str(tmp_path / "w"))
        read = read_file(entry)
        assert read["faults"] == []
        (release,) = read["entry"]["release"]
        assert release["checked"]["passed"][-1] == "conformance"
        assert release["checked"]["plugins"][0]["options"][0]["option"] == "least"
        assert entry.read_text(encoding="utf-8").count("[release.checked]") == 1
        assert entry.read_text(encoding="utf-8").startswith("# by its author\n")
    assert "network: " in capsys.readouterr().out


def test_a_name_that_another_entry_has_is_not_verified(tmp_path: Path, capsys: Any) -> None:
    second = SOUND.but(name="acme-second", points="[finery.filter]\nshort = acme_second:Short\n")
    SOUND.listed(tmp_path / "entries", SOUND.wheel(tmp_path / "w"))
    wheel = second.wheel(tmp_path / "w")
    entry = second.listed(tmp_path / "entries", wheel)
    assert asked(verify, str(entry), str(wheel), "--static", "--index", str(tmp_path / "entries")) == 1
    assert "filter 'short': is a plugin of acme-short already" in capsys.readouterr().err


def test_a_long_table_is_cut_and_says_so(tmp_path: Path, capsys: Any) -> None:
    for number in range(60):
        (tmp_path / f"acme-{number}.toml").write_text(SOUND.but(name=f"acme-{number}").text("0" * 64), encoding="utf-8")
    rows, _, _ = asked(search, "drops", "short", "--index", str(tmp_path))
    assert len(rows) == 50
    assert "the first 50 of 60" in capsys.readouterr().err
    assert len(asked(search, "drops", "short", "--index", str(tmp_path), "--json")[0]) == 60
