"""The commands of the README do what it says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """The etalon commands of the README, without their comments, in order."""
    return [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("etalon ")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of the project that the commands name, in a folder of their own; one product per satellite keeps it quick."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "data_samples" / "orbits", folder / "data_samples" / "orbits")
    shutil.copytree(ROOT / "data_samples" / "conjunction", folder / "data_samples" / "conjunction")
    moons = sorted((ROOT / "data_samples" / "moon").glob("*_MOON_*[0-9]"))
    first = {path.name.split("_")[0]: path for path in reversed(moons)}
    for path in first.values():
        shutil.copytree(path, folder / "data_samples" / "moon" / path.name)
    return folder


def test_the_readme_s_commands_work_in_their_order(place: Path) -> None:
    key = ""
    assert len(commands()) == 23
    for command in commands():
        words = [sys.executable, "-m", "flows.cli", *shlex.split(command.replace("KEY", key))[1:]]
        if "moon" in words and "simulate" in words:
            words += ["--binning", "24", "--bands", "B4"]
        done = subprocess.run(
            words,
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
            env={**_environment(), "PYTHONPATH": str(ROOT)},
        )
        # a red alarm, as the README says
        expected = 3 if " daily " in command else 0
        assert done.returncode == expected, (command, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        if "list" in words:
            key = done.stdout.splitlines()[1].split()[0]
        if command.startswith("etalon plan "):
            assert "1 redo" in done.stdout


def _environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "ETALON"))}


def test_every_make_target_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"`?make ([a-z]+)`?", README)) <= targets
    for target in ("help", "env", "demo", "test", "check"):
        assert target in targets


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)
