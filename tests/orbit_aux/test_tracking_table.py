"""Tracking as a table: both sets of columns, settings in comments, streams, and what is refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from orbit_aux.errors import OrbitError
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking
from orbit_aux.tracking_table import read_tracking_table, stream_tracking_table, write_tracking_table

EPOCH = Times.from_utc("1991-12-18T12:16:36.864")
OURS = """# doppler = mean
# light_time = yes
utc,interval_s,transmitter,receiver,value_ms,sigma_ms
1991-12-18T12:16:38.864,2,KRU,KRU,62.25,0.02
1991-12-18T12:16:36.864,2,KRU,AUS,154.5,0.03
"""
SECONDS = "t_start_s,Tc_s,tx,rx,v_geo_ms,v_meas_ms\n0,2,KRU,AUS,1.0,154.5\n2,2,KRU,KRU,1.0,62.25\n"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Tracking]:
    def call(content: str, epoch: Times | None = EPOCH, factor: str = "") -> Tracking:
        path = tmp_path / "made.csv"
        path.write_text(content, encoding="utf-8")
        return read_tracking_table(path, epoch, factor)

    return call


def test_our_columns(read: Callable[..., Tracking]) -> None:
    found = read(OURS, None)
    assert found.receiver.tolist() == ["AUS", "KRU"]
    np.testing.assert_allclose(found.stop - EPOCH, [2.0, 4.0])
    assert found.sigma is not None and found.sigma.tolist() == [0.03, 0.02]
    assert found.light_time is True


def test_seconds_from_the_epoch_of_the_state(read: Callable[..., Tracking], tmp_path: Path) -> None:
    found = read(SECONDS)
    np.testing.assert_allclose(found.start - EPOCH, [0.0, 2.0])
    assert found.value.tolist() == [154.5, 62.25] and found.light_time is None
    packed = tmp_path / "made.csv.gz"
    packed.write_bytes(gzip.compress(SECONDS.encode()))
    assert read_tracking_table(packed, EPOCH).value.tolist() == [154.5, 62.25]


def test_the_sum_of_the_legs_is_halved_with_its_deviation(read: Callable[..., Tracking]) -> None:
    found = read(OURS.replace("doppler = mean", "doppler = sum"), None)
    assert found.value.tolist() == [77.25, 31.125]
    assert found.sigma is not None and found.sigma.tolist() == [0.015, 0.01]
    assert read(OURS, None, "sum").value.tolist() == [77.25, 31.125]


def test_written_and_read_again(read: Callable[..., Tracking], tmp_path: Path) -> None:
    made = read(OURS, None)
    write_tracking_table(tmp_path / "again.csv", made)
    back = read_tracking_table(tmp_path / "again.csv")
    assert back.stop == made.stop and back.light_time is True
    assert back.value.tolist() == made.value.tolist() and back.receiver.tolist() == made.receiver.tolist()


def test_a_stream_gives_the_counts_as_they_come() -> None:
    lines = [*SECONDS.splitlines(), "2,2,KRU,AUS,1.0,150.0", "", "4,2,KRU,KRU,1.0,60.0"]
    parts = list(stream_tracking_table(lines, "stream", EPOCH))
    assert [part.value.tolist() for part in parts] == [[154.5], [62.25], [150.0], [60.0]]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("v_meas_ms\n", "v_other_ms\n", "column value_ms or v_meas_ms is missing"),
        ("Tc_s", "seconds", "column interval_s"),
        ("154.5", "nan", "not a number"),
        ("154.5", "154500", "so fast"),
        ("0,2,KRU", "0,0,KRU", "longer than 0 s"),
        ("0,2,KRU,AUS,1.0,154.5", "0,2,KRU,AUS,154.5", "a row of 5 values"),
        ("0,2,KRU", "0,2,", "name the transmitter"),
        ("v_geo_ms", "tx", "stands twice"),
    ],
)
def test_what_is_refused(read: Callable[..., Tracking], old: str, new: str, told: str) -> None:
    with pytest.raises(OrbitError) as refusal:
        read(SECONDS.replace(old, new, 1))
    assert told in str(refusal.value) and "made.csv, line " in str(refusal.value)


def test_seconds_without_an_epoch_and_empty_tables_are_refused(read: Callable[..., Tracking]) -> None:
    with pytest.raises(OrbitError, match="epoch"):
        read(SECONDS, None)
    with pytest.raises(OrbitError, match="no counts"):
        read(SECONDS.splitlines()[0] + "\n")
    with pytest.raises(OrbitError, match="light_time = yes or no"):
        read("# light_time = maybe\n" + SECONDS)


def test_the_reference_file(shared: Path) -> None:
    found = read_tracking_table(shared / "reference" / "orbit" / "burn_TC2A_DV1_j2_doppler_Tc2.csv.gz", EPOCH)
    assert len(found) == 6036 and set(found.receiver) == {"KRU", "AUS", "HBK"}
