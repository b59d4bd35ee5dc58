"""The container files: no engine here, so what can be checked without one is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings, variable

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return document


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def test_every_service_waits_for_what_it_needs(compose: dict[str, Any]):
    services = compose["services"]
    assert set(services) == {"db", "migrate", "api", "worker"}
    needs = {name: service.get("depends_on", {}) for name, service in services.items()}
    assert needs["migrate"] == {"db": {"condition": "service_healthy"}}
    for name in ("api", "worker"):
        assert needs[name] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["restart"] == "no"
    assert "healthcheck" in services["db"]


def test_secrets_come_from_outside_and_are_demanded(compose: dict[str, Any]):
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|SECRET|URL", name):
                assert re.search(r"\$\{\w+:\?\}", value), name


def test_the_environment_names_real_settings(compose: dict[str, Any], dockerfile: str):
    known = {variable(name) for name in Settings.model_fields}
    known |= {variable("server", name) for name in type(Settings().server).model_fields}
    used = set(re.findall(r"(CHENGGUAN_\w+)=", dockerfile))
    for name in ("migrate", "api", "worker"):
        used |= set(compose["services"][name]["environment"])
    assert used <= known


def test_the_services_run_commands_that_exist(compose: dict[str, Any]):
    from typer.main import get_command

    from app.cli import app

    group: Any = get_command(app)
    assert compose["services"]["migrate"]["command"] == ["chengguan", "db", "migrate"]
    assert "migrate" in group.commands["db"].commands
    assert compose["services"]["worker"]["command"] == ["chengguan", "worker"]
    assert {"worker", "serve"} <= set(group.commands)


def test_the_image_runs_as_nobody_in_particular_and_tells_its_health(dockerfile: str):
    final = dockerfile.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER [1-9]\d+$", final, re.M)
    assert "/health/live" in final
    assert "uv" not in re.findall(r"COPY --from=build (\S+)", final)
    assert "apt-get" not in dockerfile


def test_the_image_is_installed_by_the_same_steps_as_everywhere(dockerfile: str):
    """`scripts/environment`, which the Makefile runs and CI goes through, and the Dockerfile agree."""

    def steps(content: str, folder: str) -> list[str]:
        found = re.findall(r"(?:\"\$uv\"|\buv) (venv|pip (?:sync|install))([^\n&|]*)", content)
        return [
            f"{verb}{rest}".replace(folder, "FOLDER").replace('"$lock"', "requirements.lock").strip()
            for verb, rest in found
        ]

    script = (ROOT / "scripts" / "environment").read_text()
    assert steps(dockerfile, "/opt/venv") == steps(script, '"$folder"')


def test_both_locks_pin_the_same_versions():
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==[\w.+!-]+)", (ROOT / name).read_text(), re.M))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_the_uv_is_one_version_everywhere(dockerfile: str):
    versions = set(re.findall(r"ghcr.io/astral-sh/uv:([\d.]+)", dockerfile))
    versions |= set(re.findall(r"^UV_VERSION := ([\d.]+)", (ROOT / "Makefile").read_text(), re.M))
    versions |= set(re.findall(r"^uv==([\d.]+)", (ROOT / "requirements-uv.lock").read_text(), re.M))
    assert len(versions) == 1


def test_what_the_image_is_built_from_reaches_the_builder(dockerfile: str):
    sent = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.M))
    used = {
        path for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.M) for path in line.split()[:-1]
    }
    assert used == sent
    assert all((ROOT / path).exists() for path in used)


def test_make_tells_every_target_a_person_may_want():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("install", "demo", "test", "lint", "lock"):
        assert f"make {target}" in listed
    for script in ("scripts/system-packages", "scripts/environment", ".ci/run"):
        assert (ROOT / script).stat().st_mode & 0o111, script
        subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
