"""What a run survives: kill -9 at many points of its life, two runs at once, spoiled inputs, full and forbidden disks. Never a traceback."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from archive_numbers import numbers, summaries, unfinished_journal
from campaigns import copy_products, write_request
from commands import Command, Ended, etalon, wait_for

STEPS = 5


@pytest.fixture(scope="module")
def undisturbed(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a run over both Moons that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ended = etalon("run", write_request(folder, small, folder / "archive"))
    assert ended.code == 0, ended.text
    return folder / "archive"


@pytest.fixture(scope="module")
def first_done(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a run over the first Moon only."""
    folder = tmp_path_factory.mktemp("first")
    ended = etalon("run", write_request(folder, small, folder / "archive", acquisitions=[str(products_of(small)[0])]))
    assert ended.code == 0, ended.text
    return folder / "archive"


def products_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*_MOON_*") if path.suffix != ".truth")


def in_order(archive: Path) -> None:
    ended = etalon("archive", "verify", "--archive", archive)
    assert (ended.code, ended.out) == (0, f"{archive}: in order\n"), ended.text


def nothing_left(archive: Path) -> None:
    assert not list(archive.rglob(".part-*"))
    assert not list(archive.glob("locks/" + "?" * 64 + ".lock"))


def steps_ended(archive: Path) -> int:
    return sum(event["event"] == "step" for event in unfinished_journal(archive))


# -- kill -9


def kill_when(command: Command, archive: Path, condition: Callable[[], object]) -> Counter[str]:
    """Kill a run when `condition()` holds; the steps that its journal calls computed."""
    wait_for("the moment of the kill", condition)
    assert command.running
    assert command.kill().code == -9
    return Counter(event["step"] for event in unfinished_journal(archive) if event.get("state") == "computed")


def test_killed_after_each_step_and_before_the_report_it_goes_on_where_it_was(
    small: Path, undisturbed: Path, tmp_path: Path
) -> None:
    archive, subject = tmp_path / "archive", products_of(small)[0].name
    request = write_request(tmp_path, small, archive, acquisitions=[str(small / subject)])
    computed: Counter[str] = Counter()
    for done in range(STEPS + 1):
        # the first is the installed program, whose start takes seconds
        command = Command("run", request, program=done == 0)

        def reached(done: int = done) -> bool:
            return bool(unfinished_journal(archive)) and steps_ended(archive) >= done

        computed += kill_when(command, archive, reached)
        assert len(numbers(archive)) == 0 or done > 0
        in_order(archive)
    ended = etalon("run", request, program=True)
    assert ended.code == 0, ended.text
    (summary,) = summaries(archive)
    computed += Counter(step for step, state in summary["acquisitions"][0]["states"].items() if state == "computed")
    assert max(computed.values()) == 1, computed
    # each of the killed runs but the first left at least one more step
    assert summary["steps_reused"] == STEPS
    assert numbers(archive) == {place: raw for place, raw in numbers(undisturbed).items() if place[1] == subject}
    in_order(archive)
    nothing_left(archive)


def test_killed_at_any_time_the_same_command_ends_with_the_same_numbers(
    small: Path, undisturbed: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    request = write_request(tmp_path, small, archive)
    kills, chance = 0, random.Random(5)
    while kills < 6:
        # later kills come later in a life, for most of it is reused by then
        command, until = Command("run", request), time.monotonic() + chance.uniform(0.02, 0.5 + 0.4 * kills)
        while command.running and time.monotonic() < until:
            time.sleep(0.005)
        kills += 1
        assert (command.kill() if command.running else command.wait()).code in (-9, 0)
        if (archive / "etalon-archive.json").exists():
            in_order(archive)
    ended = etalon("run", request)
    assert ended.code == 0, ended.text
    assert numbers(archive) == numbers(undisturbed)
    in_order(archive)
    nothing_left(archive)


def test_of_two_runs_at_the_same_time_each_result_is_computed_once(
    small: Path, undisturbed: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    request = write_request(tmp_path, small, archive)
    both = [Command("run", request), Command("run", request)]
    for ended in [command.wait() for command in both]:
        assert ended.code == 0, ended.text
    said = summaries(archive)
    assert sum(item["steps_computed"] for item in said) == sum(item["steps_reused"] for item in said) == 2 * STEPS
    assert numbers(archive) == numbers(undisturbed)
    in_order(archive)
    nothing_left(archive)


# -- inputs


def edit(product: Path, **changes: object) -> None:
    """Change keys of acquisition.yaml; the manifest, which would notice, goes."""
    path = product / "acquisition.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    (product / "MANIFEST.json").unlink(missing_ok=True)
    path.write_text(yaml.safe_dump({**content, **changes}, sort_keys=False), encoding="utf-8")


def with_first_line(product: Path, value: object) -> None:
    content = yaml.safe_load((product / "acquisition.yaml").read_text(encoding="utf-8"))
    edit(product, bands={"B4": {**content["bands"]["B4"], "first_line_utc": value}})


def truncate(product: Path) -> None:
    image = product / "B4.tif"
    with image.open("rb+") as stream:
        stream.truncate(image.stat().st_size // 2)


def truncate_without_manifest(product: Path) -> None:
    edit(product)
    truncate(product)


def earlier(product: Path) -> None:
    """Two days before the first record of the orbit."""
    text = (product / "acquisition.yaml").read_text(encoding="utf-8").replace("2019-01-18T", "2019-01-16T")
    (product / "acquisition.yaml").write_text(text, encoding="utf-8")


#: what is done to a product; what its line must say: the file, the fault, the remedy
FAULTS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "truncated": (truncate, ("truncated/B4.tif: ", "bytes where the manifest says", "fetch the product again")),
    "unreadable": (truncate_without_manifest, ("lunar disk: ", "unreadable/B4.tif: ", "fetch ")),
    "bandless": (lambda product: (product / "B4.tif").unlink(), ("bandless/B4.tif: ", "missing", "fetch the product")),
    "nan": (
        lambda product: with_first_line(product, float("nan")),
        ("nan/acquisition.yaml: ", "first_line_utc", "write it as 2020-03-05T10:00:00.5Z"),
    ),
    "garbage": (
        lambda product: with_first_line(product, "soon"),
        ("garbage/acquisition.yaml: ", "'soon' is not a date in UTC", "write it as 2020-03-05T10:00:00.5Z"),
    ),
    "uncovered": (earlier, ("uncovered", "VENUS.oem", "2019-01-16T")),
    "orbitless": (
        lambda product: edit(product, sensor="phr1a", versions={}),
        ("orbitless", "no orbit file is for PHR1A", "add one to 'orbits'"),
    ),
}


@pytest.fixture(scope="module")
def spoiled(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good Moon, and a copy of it for each fault, named after it."""
    folder = tmp_path_factory.mktemp("spoiled")
    copy_products(small / "orbits", folder / "orbits")
    good = products_of(small)[0]
    copy_products(good, folder / "good_MOON_")
    for name, (spoil, _) in FAULTS.items():
        product = copy_products(good, folder / f"{name}")
        if name not in ("truncated", "bandless"):
            edit(product, name=name)
        spoil(product)
    return folder


def failures(ended: Ended) -> dict[str, str]:
    """The reasons that a run printed, by acquisition."""
    lines = [line.removeprefix("failed").strip() for line in ended.out.splitlines() if line.startswith("failed")]
    return dict(line.split(": ", 1) for line in lines)  # type: ignore[misc]


def test_each_spoiled_product_has_its_line_and_the_others_go_on(
    spoiled: Path, undisturbed: Path, tmp_path: Path
) -> None:
    archive, places = tmp_path / "archive", [spoiled / name for name in ("good_MOON_", *FAULTS)]
    request = write_request(tmp_path, spoiled, archive, acquisitions=[str(place) for place in places])
    ended = etalon("run", request)
    assert ended.code == 3, ended.text
    reasons = failures(ended)
    assert sorted(reasons) == sorted(FAULTS)
    for name, (_, words) in FAULTS.items():
        assert all(word in reasons[name] for word in words), f"{name}: {reasons[name]}"
    good = yaml.safe_load((spoiled / "good_MOON_" / "acquisition.yaml").read_text(encoding="utf-8"))["name"]
    made = {place: raw for place, raw in numbers(archive).items() if place[1] == good}
    assert made == {place: raw for place, raw in numbers(undisturbed).items() if place[1] == good}
    (summary,) = summaries(archive)
    assert {item["acquisition"]: item["reason"] for item in summary["acquisitions"] if not item["done"]} == reasons
    in_order(archive)


def test_when_every_product_is_spoiled_the_run_has_failed(spoiled: Path, tmp_path: Path) -> None:
    faulty = [str(spoiled / "nan"), str(spoiled / "bandless")]
    ended = etalon("run", write_request(tmp_path, spoiled, tmp_path / "archive", acquisitions=faulty))
    assert ended.code == 1
    assert sorted(failures(ended)) == ["bandless", "nan"]


def test_check_names_the_spoiled_products_without_computing(spoiled: Path, tmp_path: Path) -> None:
    places = [str(spoiled / name) for name in ("good_MOON_", "nan", "uncovered")]
    ended = etalon("check", write_request(tmp_path, spoiled, tmp_path / "archive", acquisitions=places))
    assert ended.code == 2
    assert "1 acquisitions can be run, 2 cannot" in ended.out
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize("content", [b"\x00\xff\x12garbage", b"CCSDS_OEM_VERS = 2.0\nMETA_START\n", b""])
def test_an_orbit_file_that_is_none_is_a_bad_request(content: bytes, small: Path, tmp_path: Path) -> None:
    orbit = tmp_path / "broken.oem"
    orbit.write_bytes(content)
    ended = etalon("run", write_request(tmp_path, small, tmp_path / "archive", orbits=[str(orbit)]))
    assert ended.code == 2, ended.text
    (line,) = ended.err.splitlines()
    assert str(orbit) in line
    assert not (tmp_path / "archive").exists()


# -- disks


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 2 MiB, in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"root may not mount here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def leave_free(disk: Path, free_bytes: int) -> Path:
    """A file that fills a disk up to some room."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - free_bytes))
    return filler


def test_on_a_full_disk_what_is_there_is_kept_and_the_rest_says_so(
    small: Path, undisturbed: Path, first_done: Path, disk: Path, tmp_path: Path
) -> None:
    archive = copy_products(first_done, disk / "archive")
    # room for a report, not for results
    filler = leave_free(disk, 496 * 1024)
    both = write_request(tmp_path, small, archive)
    ended = etalon("run", both)
    assert ended.code == 3, ended.text
    ((name, reason),) = failures(ended).items()
    assert name == products_of(small)[1].name
    assert str(archive) in reason and "the disk is full" in reason and "free some space" in reason
    in_order(archive)
    filler.unlink()
    assert etalon("run", both).code == 0
    assert numbers(archive) == numbers(undisturbed)
    nothing_left(archive)


@pytest.mark.parametrize("free_bytes", [0, 8 * 1024, 40 * 1024])
def test_on_a_disk_too_full_for_a_report_one_line_says_so(
    free_bytes: int, small: Path, first_done: Path, disk: Path, tmp_path: Path
) -> None:
    archive = copy_products(first_done, disk / "archive")
    request = write_request(tmp_path, small, archive, acquisitions=[str(products_of(small)[0])])
    filler = leave_free(disk, free_bytes)
    ended = etalon("run", request)
    assert ended.code == 1, ended.text
    said = [line for line in ended.err.splitlines() if line.startswith("etalon: ")]
    assert len(said) == 1 and str(archive) in said[0] and "full" in said[0], ended.text
    filler.unlink()
    in_order(archive)
    assert etalon("run", request).code == 0
    nothing_left(archive)


def refused(ended: Ended, archive: Path) -> None:
    """A run that could not open its archive said so in one line with a remedy."""
    assert ended.code == 1, ended.text
    (line,) = ended.err.splitlines()
    assert str(archive) in line and "give user" in line and "write permission" in line


def test_an_archive_on_a_read_only_mount_is_refused_and_can_be_looked_at(
    small: Path, undisturbed: Path, disk: Path, tmp_path: Path
) -> None:
    archive = copy_products(undisturbed, disk / "archive")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    refused(etalon("run", write_request(tmp_path, small, archive)), archive)
    refused(etalon("run", write_request(tmp_path, small, disk / "new")), disk / "new")
    in_order(archive)
    assert f"{2 * STEPS} results" in etalon("archive", "list", "--archive", archive).out


def test_an_archive_without_permission_is_refused_and_left_as_it_was(
    small: Path, undisturbed: Path, tmp_path: Path
) -> None:
    archive = copy_products(undisturbed, tmp_path / "archive")
    for path in (archive, *(path for path in archive.rglob("*") if path.is_dir())):
        path.chmod(0o555)
    # root passes every permission unless it gives up the right to
    bounded = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner")
    request = write_request(tmp_path, small, archive)
    refused(etalon("run", request, prefix=bounded if os.geteuid() == 0 else ()), archive)
    assert numbers(archive) == numbers(undisturbed)
    for path in (archive, *(path for path in archive.rglob("*") if path.is_dir())):
        path.chmod(0o755)
