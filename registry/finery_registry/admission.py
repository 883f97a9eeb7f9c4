"""The admission checks that need nothing run: an entry's release held against the wheel that it names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from finery import API, Fault, FineryError
from finery_registry.archive import archive_faults
from finery_registry.listing import Listing, Release, normalised
from finery_registry.sources import apis, defines, heavy_imports
from finery_registry.wheel import Wheel

OURS = frozenset({"finery", "finery_plugins", "finery_registry"})
GROUP = "finery."
PRIVATE = "finery.command.plugins"
"""The verbs of `finery plugins`: a plugin that had one could answer `install`."""


@dataclass(frozen=True)
class Candidate:
    """A wheel that wants in, and what is said of it."""

    listing: Listing
    release: Release
    wheel: Wheel
    plugins: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Hook and name of plugins that there are already, with the distribution that has them."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Top-level modules that there are already, with the distribution that has them."""


@dataclass(frozen=True)
class Check:
    """One claim, and the function that finds what speaks against it."""

    name: str
    find: Callable[[Candidate], Iterator[Fault]]


def examine(candidate: Candidate) -> tuple[list[str], list[Fault]]:
    """The names of the checks that a wheel passes, and its faults. A zip that is unsafe is looked at no further."""
    passed: list[str] = []
    faults: list[Fault] = []
    for check in CHECKS:
        found = [at_wheel(candidate.wheel, fault) for fault in findings(check, candidate)]
        faults += found
        passed += [] if found else [check.name]
        if found and check.name in ("hash", "archive"):
            break
    return passed, faults


def findings(check: Check, candidate: Candidate) -> list[Fault]:
    """What one check finds; a wheel that it cannot read is a fault."""
    try:
        return list(check.find(candidate))
    except FineryError as error:
        return list(error.faults)
    except (SyntaxError, RecursionError, ValueError) as error:
        return [Fault(getattr(error, "filename", "") or "", f"cannot be read: {error}", "does it run?")]


def at_wheel(wheel: Wheel, fault: Fault) -> Fault:
    """A fault with the wheel's name before its place."""
    place = fault.place.removeprefix(wheel.path.name).removeprefix(": ")
    return Fault(": ".join(part for part in (wheel.path.name, place) if part), fault.fault, fault.remedy)


def same_hash(candidate: Candidate) -> Iterator[Fault]:
    """The wheel is the one that the entry names."""
    found = candidate.wheel.sha256
    if found != candidate.release.sha256:
        fault = f"has the hash {found}, not {candidate.release.sha256} as its entry says"
        yield Fault("", fault, "do not install it, unless you have just built it yourself")


def safe_archive(candidate: Candidate) -> Iterator[Fault]:
    """The zip is what a wheel may be."""
    return archive_faults(candidate.wheel.archive)


def same_name(candidate: Candidate) -> Iterator[Fault]:
    """File name, `.dist-info` folder, metadata and entry agree on name and version."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from packaging.version import InvalidVersion, Version

    wheel, wanted = candidate.wheel, (candidate.listing.name, candidate.release.version)
    try:
        name, version, _, _ = parse_wheel_filename(wheel.path.name)
    except (InvalidWheelFilename, InvalidVersion) as error:
        yield Fault("", f"has no name of a wheel: {error}", "build it again")
        return
    folder = wheel.info.removesuffix(".dist-info").partition("-")
    for field_name in ("name", "version"):
        if len(wheel.metadata.get(field_name, [])) != 1:
            yield Fault("METADATA", f"has no {field_name.capitalize()}", "build it again")
            return
    said = {"file name": (name, str(version)), "folder": (folder[0], folder[2])}
    said["METADATA"] = (wheel.field("name"), wheel.field("version"))
    for where, (its_name, its_version) in said.items():
        try:
            same = (normalised(its_name), Version(its_version)) == (wanted[0], Version(wanted[1]))
        except InvalidVersion:
            same = False
        if not same:
            yield Fault(where, f"is {its_name} {its_version}, not {' '.join(wanted)}", "name the right wheel")


def same_licence(candidate: Candidate) -> Iterator[Fault]:
    """The wheel states the entry's licence."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    said = candidate.wheel.field("license-expression") or candidate.wheel.field("license")
    wanted = str(candidate.listing.data["licence"])
    if not said:
        yield Fault("METADATA", "states no licence", f'write license = "{wanted}" under [project]')
        return
    try:
        same = str(canonicalize_license_expression(said)) == wanted
    except InvalidLicenseExpression:
        same = False
    if not same:
        yield Fault("METADATA", f"states the licence {said!r:.80}, its entry {wanted}", "make them one")


def same_needs(candidate: Candidate) -> Iterator[Fault]:
    """The wheel needs what the entry says: dependencies, extras left out, and Python."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.specifiers import SpecifierSet

    try:
        found = [Requirement(line) for line in candidate.wheel.metadata.get("requires-dist", [])]
    except InvalidRequirement as error:
        yield Fault("METADATA", f"has a dependency that cannot be read: {error}", "build it again")
        return
    for one in found:
        if one.url:
            yield Fault("METADATA", f"depends on {one.name} by URL", "depend on a name and a version")
    plain = {one for one in found if "extra" not in str(one.marker or "")}
    wanted = {Requirement(line) for line in candidate.release.requires}
    for one in sorted(plain ^ wanted, key=str):
        yield Fault(
            "METADATA", f"{'needs' if one in plain else 'does not need'} {one}, unlike its entry", "make them one"
        )
    python = candidate.wheel.field("requires-python")
    if SpecifierSet(python) != SpecifierSet(candidate.release.python):
        yield Fault("METADATA", f"is for Python {python or 'of any version'}, its entry for {candidate.release.python}")


def same_plugins(candidate: Candidate) -> Iterator[Fault]:
    """The entry points are those that the entry provides, and lead to something in the wheel."""
    found: dict[tuple[str, str], str] = {}
    for group, points in candidate.wheel.points.items():
        if not group.startswith(GROUP) or group == PRIVATE:
            fault = f"has entry points in the group '{group}'"
            yield Fault("entry_points.txt", fault, "a plugin has those of finery's hooks and finery.command")
            continue
        found |= {(group.removeprefix(GROUP), name): target for name, target in points.items()}
    for hook, name in sorted(found.keys() ^ set(candidate.listing.provides)):
        fault = f"{hook} '{name}' stands in {'the wheel' if (hook, name) in found else 'the entry'} alone"
        yield Fault("entry_points.txt", fault, "make wheel and entry agree")
    for target in found.values():
        yield from target_faults(candidate.wheel, target)


def target_faults(wheel: Wheel, target: str) -> Iterator[Fault]:
    """Whether `module:Class` is in the wheel."""
    module, _, name = target.partition(":")
    base = module.strip().replace(".", "/")
    file = next((one for one in (f"{base}.py", f"{base}/__init__.py") if one in wheel.names), None)
    if file is None:
        yield Fault("entry_points.txt", f"'{target}' names a module that the wheel does not hold", "is it packaged?")
    elif not name.isidentifier() or not defines(wheel.text(file), name):
        yield Fault("entry_points.txt", f"'{target}' names nothing that {file} defines", "write 'module:Class'")


def own_files(candidate: Candidate) -> Iterator[Fault]:
    """Every file is in the distribution's own package, or in its `.dist-info`."""
    wheel = candidate.wheel
    own = own_modules(candidate)
    for name in wheel.names:
        top = name.partition("/")[0]
        if top == wheel.info or ("/" in name and top in own) or ("/" not in name and is_module(name, own)):
            continue
        yield Fault(name, "is outside the distribution's own package", f"it may hold {', '.join(sorted(own))}")
    for module in sorted(own):
        owner = candidate.modules.get(module)
        if module in OURS or module in sys.stdlib_module_names or owner not in (None, candidate.listing.name):
            yield Fault(module, f"is a module of {owner or 'Finery or of Python'}", "name the package otherwise")


def own_modules(candidate: Candidate) -> set[str]:
    """The top-level modules that a distribution may bring: those of its entry points, and the one of its name."""
    targets = [target for points in candidate.wheel.points.values() for target in points.values()]
    named = candidate.listing.name.replace("-", "_")
    return {target.partition(":")[0].partition(".")[0].strip() for target in targets} | {named}


def is_module(name: str, own: set[str]) -> bool:
    """Whether a file beside the packages is one of the own modules: `acme.py`, `acme.cpython-311-linux.so`."""
    return name.partition(".")[0] in own and name.endswith((".py", ".pyi", ".so", ".pyd"))


def whole_record(candidate: Candidate) -> Iterator[Fault]:
    """RECORD has every file with its hash."""
    wheel = candidate.wheel
    unsigned = {f"{wheel.info}/{name}" for name in ("RECORD", "RECORD.jws", "RECORD.p7s")}
    for name in sorted({*wheel.names, *wheel.record} - unsigned):
        if name not in wheel.names or name not in wheel.record:
            yield Fault(name, f"is missing from the {'wheel' if name in wheel.record else 'RECORD'}", "build it again")
        elif wheel.record[name] != wheel.digest(name):
            yield Fault(name, "is not what RECORD says", "build it again")


def free_names(candidate: Candidate) -> Iterator[Fault]:
    """The distribution is not called as Finery's own, and no other has a plugin of that name."""
    if candidate.listing.name.replace("-", "_") in OURS:
        yield Fault(candidate.listing.name, "is the name of Finery itself", "give the distribution another name")
    for hook, name in candidate.listing.provides:
        owner = candidate.plugins.get((hook, name))
        if owner is not None and owner != candidate.listing.name:
            yield Fault(f"{hook} '{name}'", f"is a plugin of {owner} already", "give it another name")


def known_api(candidate: Candidate) -> Iterator[Fault]:
    """The plugins are written for an API that there is, and that the entry names."""
    wanted = candidate.release.api
    if wanted > API:
        remedy = f"this Finery knows up to {API}: update it, or take an older release"
        yield Fault("", f"was written for plugin API {wanted}", remedy)
    for name, source in candidate.wheel.sources():
        for line, api in apis(source):
            if api != wanted:
                yield Fault(f"{name}:{line}", f"is for plugin API {api}, its entry says {wanted}", "make them one")


def light_imports(candidate: Candidate) -> Iterator[Fault]:
    """No module imports a heavy library while it is itself imported."""
    for name, source in candidate.wheel.sources():
        for line, library in heavy_imports(source):
            remedy = "import it inside the function that uses it: every light verb would wait for it"
            yield Fault(f"{name}:{line}", f"imports {library} at the top", remedy)


CHECKS = (
    Check("hash", same_hash),
    Check("archive", safe_archive),
    Check("name", same_name),
    Check("licence", same_licence),
    Check("needs", same_needs),
    Check("entry-points", same_plugins),
    Check("own-files", own_files),
    Check("record", whole_record),
    Check("names-free", free_names),
    Check("api", known_api),
    Check("imports", light_imports),
)
