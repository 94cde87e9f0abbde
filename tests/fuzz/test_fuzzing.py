"""Coverage-guided fuzzing of every family of readers for a bounded time; `make bench` runs the 100 000 inputs of the issue."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FAMILIES = re.findall(r'^    "(\w+)": \w+,$', (HERE / "fuzz_families.py").read_text(encoding="utf-8"), re.MULTILINE)
#: a reader holds a header and its tree, no more: 0.2 GB seen, of which the interpreter with its libraries is most
MEMORY_MB = 1024


def fuzz(family: str, folder: Path, *options: str, timeout_s: float) -> int:
    """Inputs that were executed; fails with the offending input's traceback."""
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine")
    command = [
        # the peak of memory that a process is told begins with that of the process that became it: a shell between, and the tests' own does not count
        *("/bin/sh", "-c", '"$@"; exit $?', "sh"),
        sys.executable,
        str(HERE / "reader_fuzzer.py"),
        family,
        str(folder),
        f"-rss_limit_mb={MEMORY_MB}",
        *options,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=environment, cwd=folder)
    told = ended.stdout + ended.stderr
    left = sorted(path.name for path in folder.glob("crash-*")) + sorted(path.name for path in folder.glob("oom-*"))
    assert ended.returncode == 0 and not left, f"{family}: {left}\n{told[-4000:]}"
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", told)
    assert executed, told[-2000:]
    return int(executed[1])


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_untyped_comes_out(family: str, tmp_path: Path) -> None:
    count = fuzz(family, tmp_path, "-max_total_time=4", "-timeout=20", timeout_s=120)
    # below it, the fuzzer did not get anywhere
    assert count > 100


@pytest.mark.benchmark
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_hundred_thousand_inputs(family: str, tmp_path: Path) -> None:
    count = fuzz(family, tmp_path, "-runs=100000", "-timeout=60", timeout_s=3000)
    print(f"\n{family}: {count} inputs")
    assert count >= 100_000


def test_the_fuzzer_finds_what_is_wrong(tmp_path: Path) -> None:
    """A reader that lets an untyped exception out is caught."""
    (tmp_path / "fuzz_families.py").write_text(
        "from types import SimpleNamespace\n"
        "def broken(data):\n    float(data.split(b'<v>')[1].split(b'<')[0])\n"
        "FAMILIES = {'broken': lambda folder: SimpleNamespace(seeds=[b'<a><v>1</v></a>'], read=broken)}\n"
    )
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-P", str(HERE / "reader_fuzzer.py"), "broken", str(tmp_path), "-max_total_time=20"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment, cwd=tmp_path)
    assert ended.returncode != 0 and list(tmp_path.glob("crash-*"))
