"""What every test may lean on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference figures and genuine samples that stands beside the project; absent on most machines."""
    folder = Path(os.environ.get("ETALON_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no reference folder at {folder} (set ETALON_SHARED to its place)")
    return folder


#: how the reasons begin for which a test may skip even in CI
LAWFUL_SKIPS = ("no reference folder",)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a service that is absent is a fault of the set-up, not a reason to skip: an unlawful skip fails the run."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or not os.environ.get("CI"):
        return
    for report in terminal.stats.get("skipped", []):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(LAWFUL_SKIPS):
            terminal.write_line(f"skipped in CI: {report.nodeid}: {reason}", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
