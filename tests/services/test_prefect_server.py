"""The Prefect engine against a server of the test's own, and with none; and that the locked versions of Prefect and its friends work together."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from archive_numbers import numbers, summaries
from campaigns import copy_products, write_request
from commands import Command, etalon, quiet_environment, wait_for
from prefect_server import artifacts, ask, flow_run, running_server, task_runs
from processes import command_line, environment_of, loud_program, processes_below, stop

pytestmark = pytest.mark.service

STEPS = {"sun direction", "lunar disk", "disk signal", "moon geometry", "lunar gain"}


@dataclass(frozen=True)
class Server:
    """Where a Prefect server answers, and the variables that lead a program to it."""

    address: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server") / "prefect") as (address, environment):
        yield Server(address, environment)


@pytest.fixture(scope="module")
def local(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a run by the local engine."""
    folder = tmp_path_factory.mktemp("local")
    ended = etalon("run", write_request(folder, small, folder / "archive"))
    assert ended.code == 0, ended.text
    return folder / "archive"


def subjects(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*_MOON_*") if path.suffix != ".truth")


def test_a_server_shows_a_run_its_reuse_and_its_failures(
    server: Server, small: Path, local: Path, tmp_path: Path
) -> None:
    archive, names = tmp_path / "archive", subjects(small)
    request = write_request(tmp_path, small, archive, engine="auto")
    for state in ("Completed", "Reused"):
        ended = etalon("run", request, env=server.environment)
        assert ended.code == 0, ended.text
        summary = summaries(archive)[-1]
        # the address in the environment is what "auto" looks for
        assert summary["engine"] == "prefect"
        run = flow_run(server.address, summary["run"])
        assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Completed")
        tasks = task_runs(server.address, summary["run"], 2 * len(STEPS))
        assert {task["name"] for task in tasks} == {f"{name} · {step}" for name in names for step in STEPS}
        assert {task["state_name"] for task in tasks} == {state}
        for task in tasks:
            assert set(task["tags"]) == {task["name"].split(" · ")[1].replace(" ", "_"), "venus", "moon"}
        told = artifacts(server.address, run["id"])
        assert told["progress"]["data"] == 100.0
        assert {row["acquisition"] for row in json.loads(told["table"]["data"])} == set(names)
        assert f"{archive}/runs/{summary['run']}/report.html" in told["markdown"]["data"]
        assert numbers(archive) == numbers(local)


def test_a_failing_acquisition_makes_the_run_partial(server: Server, small: Path, local: Path, tmp_path: Path) -> None:
    products = copy_products(small, tmp_path / "products")
    good, bad = subjects(products)
    # without a manifest the damage shows only when pixels are read
    (products / bad / "MANIFEST.json").unlink()
    image = products / bad / "B4.tif"
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    archive = tmp_path / "archive"
    ended = etalon("run", write_request(tmp_path, products, archive, engine="auto"), env=server.environment)
    assert ended.code == 3, ended.text
    (summary,) = summaries(archive)
    run = flow_run(server.address, summary["run"])
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Partial")
    assert run["state"]["message"] == "1 of 2 acquisitions failed"
    tasks = {task["name"]: task for task in task_runs(server.address, summary["run"], len(STEPS) + 2)}
    failed = tasks[f"{bad} · lunar disk"]
    assert failed["state_type"] == "FAILED" and str(image) in failed["state"]["message"]
    assert {task["state_name"] for name, task in tasks.items() if name.startswith(good)} == {"Completed"}
    assert "B4.tif" in artifacts(server.address, run["id"])["markdown"]["data"]
    made = {place: raw for place, raw in numbers(archive).items() if place[1] == good}
    assert made == {place: raw for place, raw in numbers(local).items() if place[1] == good}


def test_two_runs_at_once_with_no_server_use_a_quiet_one_of_their_own(small: Path, local: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    request = write_request(tmp_path, small, archive)
    # a home without profiles: a user who has never heard of Prefect
    environment = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_PROFILE": "ephemeral"}
    # the installed program, for Prefect stops its server as the interpreter ends
    both = [Command("run", request, "--engine", "prefect", env=environment, program=True) for _ in range(2)]
    (embedded,) = wait_for("the server of the first", lambda: processes_below(both[0].pid, "uvicorn")[-1:], 90.0, 0.1)
    told = environment_of(embedded)
    assert (told["DO_NOT_TRACK"], told["PREFECT_SERVER_ANALYTICS_ENABLED"].lower()) == ("1", "false")
    ends = [command.wait(240.0) for command in both]
    for ended in ends:
        assert ended.code == 0, ended.text
        # the run's own lines and no other: no telemetry that failed, no database that was locked
        assert all(line.startswith(("run ", "[")) for line in ended.err.splitlines()), ended.err
    assert not command_line(embedded)
    said = summaries(archive)
    assert {item["engine"] for item in said} == {"prefect"}
    assert sum(item["steps_computed"] for item in said) == sum(item["steps_reused"] for item in said) == 2 * len(STEPS)
    assert numbers(archive) == numbers(local)


def test_a_scheduled_run_fires_and_deployments_are_listed(server: Server, tmp_path: Path) -> None:
    ticks, log = tmp_path / "ticks", tmp_path / "log"
    environment = {**quiet_environment(), **server.environment}
    program = [sys.executable, str(Path(__file__).with_name("ticking_flow.py")), str(ticks)]
    serving = loud_program(program, log, environment, tmp_path)
    try:
        # with a wrong SQLAlchemy everything looks healthy and this never comes
        wait_for("a scheduled run", lambda: ticks.exists() or serving.poll() is not None, 90.0, 0.2)
        assert ticks.exists(), log.read_text(encoding="utf-8")
        runs = ask(server.address, "/flow_runs/filter", {"flows": {"name": {"any_": ["tick"]}}})
        assert any(run["auto_scheduled"] for run in runs)
        # with a wrong FastAPI this answers 422
        listed = subprocess.run(
            [sys.executable, "-m", "prefect", "deployment", "ls"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert listed.returncode == 0, listed.stdout + listed.stderr
        assert "tick/often" in listed.stdout
    finally:
        stop(serving)
