"""The command line's way to the first administrator."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app as chengguan
from tests.identity.people import PASSWORD

CREATE = [
    "account",
    "create",
    "First.Admin",
    "--name",
    "管理员",
    "--role",
    "administrator",
    "--area",
    "440304",
]


@pytest.fixture
def runner(cloned_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("CHENGGUAN_DATABASE_URL", cloned_url)
    monkeypatch.setenv("CHENGGUAN_DATA", str(tmp_path))
    return CliRunner()


@pytest.mark.cloned
def test_an_account_is_made_and_listed(runner: CliRunner) -> None:
    made = runner.invoke(chengguan, [*CREATE, "--password-stdin"], input=f"{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    listed = runner.invoke(chengguan, ["account", "list"], env={"COLUMNS": "200"})
    assert "first.admin" in listed.output
    assert "管理员 (administrator)" in listed.output

    again = runner.invoke(chengguan, [*CREATE, "--password-stdin"], input=f"{PASSWORD}\n")
    assert again.exit_code == 1
    assert "taken" in again.output


@pytest.mark.cloned
def test_the_password_is_asked_for_twice(runner: CliRunner) -> None:
    made = runner.invoke(chengguan, CREATE, input=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output


@pytest.mark.cloned
def test_a_password_against_the_rules_makes_no_account(runner: CliRunner) -> None:
    refused = runner.invoke(chengguan, [*CREATE, "--password-stdin"], input="short\n")
    assert refused.exit_code == 1
    assert "10 to 256 characters" in refused.output
    assert "first.admin" not in runner.invoke(chengguan, ["account", "list"]).output


def test_no_password_is_taken_as_an_argument() -> None:
    refused = CliRunner().invoke(chengguan, [*CREATE, "--password", PASSWORD])
    assert refused.exit_code == 2
