"""The table of Earth orientation against astropy's reading of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orbit_aux.earth_orientation import packaged_earth_orientation, read_finals2000a
from orbit_aux.errors import OrbitError
from orbit_aux.time import Times


def test_values_are_those_astropy_reads() -> None:
    iers = pytest.importorskip("astropy.utils.iers")
    astropy_time = pytest.importorskip("astropy.time")
    iers_data = pytest.importorskip("astropy_iers_data")
    utc = ["1990-07-26T12:06:41.0", "2016-02-10T10:00:00.0", "2016-12-31T18:00:00.0", "2024-05-05T05:05:05.0"]
    table = iers.IERS_A.open(iers_data.IERS_A_FILE)
    with iers.conf.set_temp("auto_download", False):
        moment = astropy_time.Time(utc, scale="utc")
        x, y = (value.to_value("rad") for value in table.pm_xy(moment))
        dx, dy = (value.to_value("rad") for value in table.dcip_xy(moment))
        ut1_utc = table.ut1_utc(moment).to_value("s")
    times = Times.from_utc(utc)
    ours = packaged_earth_orientation().at(times)
    tai_utc = times - Times.from_labels(utc, "TAI")
    # 1e-12 rad is 6 µm on the ground; 1e-9 s of UT1 is 0.5 µm
    for value, reference in ((ours.x_pole_rad, x), (ours.y_pole_rad, y), (ours.dx_rad, dx), (ours.dy_rad, dy)):
        assert np.abs(value - reference).max() < 1e-12
    assert np.abs(ours.ut1_minus_tai_s + tai_utc - ut1_utc).max() < 1e-9
    # the day is longer than 86400 s by 0 to 4 ms
    assert ((ours.ut1_rate - 1) * 86400e3 > -4).all()
    assert ((ours.ut1_rate - 1) * 86400e3 < 1).all()


def test_past_its_end_the_last_value_holds_and_is_recorded() -> None:
    table = packaged_earth_orientation()
    last = Times(table.tai_ns[-1:])
    times = Times.concatenate([last + -100.0, last + 86400.0 * 400])
    assert table.at(times).ut1_minus_tai_s[1] == table.at(last).ut1_minus_tai_s[0]
    assert table.at(times).ut1_rate[1] == 1.0
    record = table.record(times)
    assert record["times_beyond"] == 1
    assert "finals2000A" in str(record["table"])
    assert len(str(record["sha256"])) == 64


def test_before_its_start_it_refuses() -> None:
    with pytest.raises(OrbitError, match=r"1972-06-01.*begins 1973-01-02"):
        packaged_earth_orientation().at(Times.from_utc("1972-06-01T00:00:00"))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"73 1 2 garbage" * 20, b"73 1 2 41684.00 I  0.120733"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "finals.txt"
    path.write_bytes(content)
    with pytest.raises(OrbitError, match=r"finals\.txt"):
        read_finals2000a(path, "test")
    with pytest.raises(OrbitError, match="absent"):
        read_finals2000a(tmp_path / "absent", "test")
