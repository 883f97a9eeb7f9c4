"""The files that bring real clusters up parse, and say what the code and each other need."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Group

from finery import __version__
from finery.cli.main import finery, verbs

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "cluster"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")


def documents(name: str) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    return [document for document in yaml.safe_load_all((EXAMPLE / name).read_text(encoding="utf-8")) if document]


def pinned(name: str) -> str:
    """The tested version of a library."""
    (found,) = re.findall(rf"^{name}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return str(found)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file."""
    (found,) = documents("compose.yaml")
    return found


@pytest.fixture(scope="module")
def kuberay() -> dict[str, Any]:
    """The cluster of the manifest."""
    return next(one for one in documents("kuberay.yaml") if one["kind"] == "RayCluster")


def containers(kuberay: dict[str, Any]) -> list[dict[str, Any]]:
    """The containers of the head and of the workers."""
    groups = [kuberay["spec"]["headGroupSpec"], *kuberay["spec"]["workerGroupSpecs"]]
    return [container for group in groups for container in group["template"]["spec"]["containers"]]


def test_every_node_is_of_one_image_with_this_finery_and_the_tested_ray(
    compose: dict[str, Any], kuberay: dict[str, Any]
) -> None:
    images = {service["image"] for service in compose["services"].values()}
    images |= {container["image"] for container in containers(kuberay)}
    assert images == {f"finery-ray:{__version__}"}
    dockerfile = (EXAMPLE / "Dockerfile").read_text()
    assert f"ARG RAY={pinned('ray')}\n" in dockerfile and kuberay["spec"]["rayVersion"] == pinned("ray")


def test_the_image_installs_extras_that_there_are_from_the_checkout(compose: dict[str, Any]) -> None:
    build = compose["services"]["head"]["build"]
    assert (EXAMPLE / build["context"]).resolve() == ROOT and (ROOT / build["dockerfile"]).is_file()
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", (EXAMPLE / "Dockerfile").read_text())
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras.split(",")) <= set(known)


def test_nodes_of_compose_share_a_folder_a_token_and_the_heads_address(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        assert service["volumes"] == ["data:/data"] and service["environment"]["RAY_AUTH_MODE"] == "token"
        assert service["environment"]["RAY_AUTH_TOKEN_PATH"] == f"/run/secrets/{service['secrets'][0]}"
    head, worker = (shlex.split(services[name]["command"]) for name in ("head", "worker"))
    assert {"--head", "--port=6379", "--dashboard-port=8265", "--dashboard-host=0.0.0.0"} <= set(head)
    assert "--address=head:6379" in worker and services["head"]["ports"] == ["127.0.0.1:8265:8265"]


def test_options_of_ray_start_are_options_that_it_has(compose: dict[str, Any], kuberay: dict[str, Any]) -> None:
    from ray.scripts.scripts import start

    known = {option for parameter in start.params for option in parameter.opts}
    for service in compose["services"].values():
        words = shlex.split(service["command"])
        assert words[:2] == ["ray", "start"]
        assert {word.partition("=")[0] for word in words[2:]} <= known
    parameters = kuberay["spec"]["headGroupSpec"]["rayStartParams"]
    assert {f"--{name}" for name in parameters} <= known


def test_nodes_of_the_manifest_share_a_disk_and_a_secret_that_the_readme_makes(kuberay: dict[str, Any]) -> None:
    claim = next(one for one in documents("kuberay.yaml") if one["kind"] == "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for group in (kuberay["spec"]["headGroupSpec"], *kuberay["spec"]["workerGroupSpecs"]):
        (volume,) = group["template"]["spec"]["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    for container in containers(kuberay):
        assert {"name": "RAY_AUTH_MODE", "value": "token"} in container["env"]
        secret = container["env"][1]["valueFrom"]["secretKeyRef"]
        assert f"secret generic {secret['name']} --from-literal={secret['key']}=" in README


def test_the_job_manifest_starts_a_driver_that_there_is_on_that_cluster(kuberay: dict[str, Any]) -> None:
    (job,) = documents("rayjob.yaml")
    assert job["spec"]["clusterSelector"] == {"ray.io/cluster": kuberay["metadata"]["name"]}
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:2] == ["python", "-m"] and importlib.util.find_spec(words[2])
    run = finery.get_command(None, words[3])  # type: ignore[arg-type]
    context = run.make_context("run", words[4:], resilient_parsing=False) if run else None
    assert context and context.params["settings"] == ("run.executor=ray", "run.address=auto")
    assert set(yaml.safe_load(job["spec"]["runtimeEnvYAML"])["env_vars"]) >= {"FINERY_HOME"}


def test_the_readme_calls_verbs_options_and_files_that_there_are() -> None:
    for line in re.findall(r"(?:^|`)finery ([a-z][^`\n]*)", README, re.MULTILINE):
        words = shlex.split(line.partition("  ")[0].replace("...", ""))
        verb = finery.get_command(None, words[0])  # type: ignore[arg-type]
        assert verb is not None and words[0] in verbs(), line
        if isinstance(verb, Group):
            verb = verb.commands[words[1]]
        known = {option for parameter in verb.params for option in parameter.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, line
    for name in ("local.py", "compose.yaml", "kuberay.yaml", "rayjob.yaml", "Dockerfile"):
        assert name in README and (EXAMPLE / name).is_file()
    assert len(README.splitlines()) <= 120
