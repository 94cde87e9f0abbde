"""What each type of file holds, read back from synthetic files whose numbers are known; the traps of formats.md one by one."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import erfa
import numpy as np
import parameter_samples as known
import pytest
import xarray as xr
from astropy.time import Time

from calib.errors import InputError, RequestError
from calib.products.venus_parameters import official_gains, open_parameters
from calib.products.venus_parameters.names import BANDS
from calib.products.venus_parameters.spectral import ReflectanceConstants, SpectralSensitivities
from calib.products.venus_parameters.straylight import Straylight
from calib.sensor import GainHistory
from calib.simulate.products import venus_parameters as simulate
from calib.simulate.products.venus_parameters import Identity

Altered = Callable[[str, str, str], Path]


def content(path: Path) -> Any:
    return open_parameters(path).content


@pytest.fixture
def altered(files: dict[str, Path], tmp_path: Path) -> Altered:
    """A copy of a file with one text in the place of another."""

    def alter(file_type: str, old: str, new: str) -> Path:
        text = files[file_type].read_text("utf-8")
        assert old in text
        path = tmp_path / files[file_type].name
        path.write_text(text.replace(old, new, 1), "utf-8")
        return path

    return alter


def test_every_variable_has_a_unit_and_the_file_no_warning(files: dict[str, Path]) -> None:
    for path in files.values():
        file = open_parameters(path)
        assert file.warnings == ()
        if isinstance(file.content, xr.Dataset):
            assert all(variable.attrs["units"] for variable in file.content.data_vars.values()), path.name


def test_physical_gains(files: dict[str, Path]) -> None:
    table = content(files["GIP_PHGAIN"])
    assert table.band.values.tolist() == list(BANDS), "B1, B2 ... B12: not in alphabetic order"
    assert {band: float(table.gain.sel(band=band, tdi=8)) for band in BANDS} == known.GAINS
    assert table.gain.attrs["units"] == "DN / (W m-2 sr-1 um-1)"


def test_official_gains_join_a_history(files: dict[str, Path]) -> None:
    version = official_gains(open_parameters(files["GIP_PHGAIN"]))
    history = GainHistory(sensor="venus", unit="DN / (W m-2 sr-1 um-1)", versions=[version])
    gains = history.in_force(np.datetime64("2019-02-04"))
    assert gains.version == "00007" and gains.gains == known.GAINS and files["GIP_PHGAIN"].name in version.source


def test_official_gains_of_a_configuration(files: dict[str, Path], tmp_path: Path) -> None:
    stop = np.datetime64("2019-06-01T12:00:00", "s")
    values = {"B1": {8: 1.0, 16: 2.0}, "B2": {8: 3.0, 16: 4.0}}
    file = open_parameters(simulate.write_gains(tmp_path, Identity(stop=stop), values))
    assert official_gains(file, 16).gains == {"B1": 2.0, "B2": 4.0}
    assert official_gains(file, {"B1": 8, "B2": 16}).gains == {"B1": 1.0, "B2": 4.0}
    assert str(official_gains(file, 8).stop) == "2019-06-02", "the day of the stop still counts"
    with pytest.raises(RequestError, match=r"depends on the TDI configuration; name one of 8 16"):
        official_gains(file)
    with pytest.raises(InputError, match="no positive gain for band B1, B2 at TDI 32"):
        official_gains(file, 32)
    with pytest.raises(RequestError, match="TDI of band B2 is None"):
        official_gains(file, {"B1": 8})
    with pytest.raises(RequestError, match="official gains stand in a GIP_PHGAIN"):
        official_gains(open_parameters(files["GIP_NOISMO"]))


def test_noise_model(files: dict[str, Path]) -> None:
    table = content(files["GIP_NOISMO"])
    assert float(table.a.sel(band="B3", tdi=1)) == known.NOISE_A["B3"]
    assert float(table.b.sel(band="B3", tdi=16)) == known.NOISE_B["B3"][16]


def test_tables_over_columns(files: dict[str, Path]) -> None:
    sensitivities = content(files["GIP_RELSEN"])
    assert sensitivities.tdi.values.tolist() == [4, 8] and sensitivities.band.item() == "B3"
    assert np.array_equal(sensitivities.knee.sel(tdi=8), known.SENSITIVITIES[:, 2])
    assert np.array_equal(sensitivities.a2.sel(tdi=4), known.SENSITIVITIES[:, 1])
    directions = content(files["GIP_VIEDIR"])
    assert np.array_equal(directions.tan_psi_x.sel(tdi=1), known.TANGENTS[:, 0])
    assert np.array_equal(directions.tan_psi_y.sel(tdi=1), known.TANGENTS[:, 1])


def test_dark_currents_and_spikes(files: dict[str, Path]) -> None:
    table = content(files["GIP_DARKCU"])
    assert np.array_equal(table.dark.sel(tdi=32), known.DARK) and table.band.item() == "B10"
    assert table.spike_position.values.tolist() == [0, 17] and table.spike_position.attrs["column_base"] == "0"
    assert table.spike_polynomial.values.tolist()[0] == [1.0, 2.0, 3.0, 4.0]


def test_dark_currents_of_before_the_spikes(altered: Altered, files: dict[str, Path]) -> None:
    text = files["GIP_DARKCU"].read_text("utf-8")
    first, last = text.index("<List_of_Spike"), text.index("</List_of_Spike_Characterization>") + 33
    table = content(altered("GIP_DARKCU", text[first:last], ""))
    assert table.sizes["spike"] == 0 and table.spike_position.attrs["column_base"] == "unknown"


def test_defects_count_columns_from_one_in_the_file(files: dict[str, Path]) -> None:
    text = files["GIP_OUTORD"].read_text("utf-8")
    assert "<First>1</First>" in text and "<Last>5200</Last>" in text
    defect = content(files["GIP_OUTORD"]).defect
    assert np.flatnonzero(defect.sel(tdi=16)).tolist() == [0, 1, 2, 5199]
    assert defect.sel(tdi=16).values[[0, 2, 5199]].tolist() == [1, 1 | 2, 4]
    assert not defect.sel(tdi=8).any() and defect.tdi.values.tolist() == [8, 16]


def test_straylight_counts_columns_from_zero_in_the_file(files: dict[str, Path]) -> None:
    assert "<First>0</First>" in files["GIP_STRLGT"].read_text("utf-8")
    read = content(files["GIP_STRLGT"])
    assert isinstance(read, Straylight) and read == known.STRAYLIGHT
    assert read.crosstalks[0].source == "B1" and read.crosstalks[0].strips[1].factor == 1 / 300
    assert read.ghosts[1].filter.kernel[0, 6] == np.float32(-0.0123) * 2


def test_responses_by_column_range_in_nanometres(files: dict[str, Path]) -> None:
    text = files["GIP_SPECSE"].read_text("utf-8")
    assert "<First_Column>1<" in text and "<Last_Column>5200<" in text and "<First_Wavelength_Value>0.4<" in text
    read = content(files["GIP_SPECSE"])
    assert isinstance(read, SpectralSensitivities)
    assert float(read.solar_irradiance.sel(band="B12")) == 1010.0
    left, right = read.response("B7", 2599), read.response("B7", 2600)
    assert np.array_equal(left.wavelength, known.WAVELENGTH) and left.wavelength.attrs["units"] == "nm"
    assert np.array_equal(right.wavelength, known.WAVELENGTH + 5.0) and np.array_equal(right, known.RESPONSE)
    with pytest.raises(InputError, match="no spectral response for band B7, column 5200"):
        read.response("B7", 5200)


@pytest.mark.parametrize("date", ["2018-01-03", "2019-04-04", "2020-07-04", "2023-10-01"])
def test_distance_of_the_sun(files: dict[str, Path], date: str) -> None:
    read = content(files["GIP_REFLEC"])
    assert isinstance(read, ReflectanceConstants) and read.maximum_reflectance == 1.2
    earth = erfa.epv00(Time(date, scale="utc").tt.jd, 0.0)[0]["p"]
    # two terms of the orbit, the Moon's pull and seventy years of a rate of three digits left out
    assert read.sun_distance_au(np.datetime64(date)) == pytest.approx(float(np.linalg.norm(earth)), abs=1.2e-3)


def test_line_dates(files: dict[str, Path]) -> None:
    table = content(files["TEC_LINDAT"])
    assert np.array_equal(table.time, known.TIMES), "to the microsecond of the file"
    assert table.line.values[0] == 0 and table.band.item() == "B4"
    # an integer of the file against astropy: UTC days since 2000-01-01T12:00, no leap second since 2017 in between
    text = files["TEC_LINDAT"].read_text("utf-8")
    first = int(text[text.index("MJD=") + 4 :].split("<")[0])
    days = (Time("2019-02-04T08:34:37.125", scale="utc").mjd - Time("2000-01-01T12:00:00", scale="utc").mjd) * 86400e6
    assert first == pytest.approx(days, abs=10)  # a Julian date in one double: microseconds


def test_positions(files: dict[str, Path]) -> None:
    orbit = content(files["AUX_GPSDTA"])
    assert np.array_equal(orbit.time, known.SECONDS) and orbit.attrs["frame"] == "ITRF"
    assert np.array_equal(orbit.position, known.POSITION) and orbit.position.attrs["units"] == "m"
    assert np.array_equal(orbit.velocity, known.VELOCITY) and int(orbit.satellites[0]) == 8


def test_gps_time_against_astropy(altered: Altered) -> None:
    gps = Time("2019-02-04T08:34:37", scale="utc").gps
    week, seconds = int(gps // 604800), gps % 604800
    path = altered("AUX_GPSDTA", "<GPS_Time>117295.0<", f"<GPS_Time>{float(seconds)!r}<")
    assert f"<GPS_Week>{week}<" in path.read_text("utf-8")
    assert content(path).time.values[0] == np.datetime64("2019-02-04T08:34:37")


@pytest.mark.parametrize("epoch", ["1981-01-06", "1999-08-22", "2019-04-07"])
def test_weeks_from_another_epoch_are_told(files: dict[str, Path], tmp_path: Path, epoch: str) -> None:
    shift = np.datetime64(epoch, "D") - np.datetime64("1980-01-06", "D")
    text = files["AUX_GPSDTA"].read_text("utf-8")
    for second in ("37", "38", "39", "40"):
        moved = np.datetime64(f"2019-02-04T08:34:{second}", "s") + shift
        text = text.replace(f"UTC=2019-02-04T08:34:{second}", f"UTC={moved}")
    path = tmp_path / files["AUX_GPSDTA"].name
    path.write_text(text, "utf-8")
    file = open_parameters(path)
    assert any(epoch in warning and "only if" in warning for warning in file.warnings)
    assert isinstance(file.content, xr.Dataset) and file.content.time.values[0] == known.SECONDS[0] + shift


def test_dates_that_no_epoch_explains(altered: Altered) -> None:
    with pytest.raises(InputError, match=r"GPS_Week: first date .* lies outside the validity"):
        content(altered("AUX_GPSDTA", "<GPS_Week>2039<", "<GPS_Week>1700<"))


def test_leap_seconds_missed_are_told(altered: Altered, files: dict[str, Path], tmp_path: Path) -> None:
    path = altered("AUX_GPSDTA", "<UTC_Offset>18<", "<UTC_Offset>0<")
    found = " | ".join(open_parameters(path).warnings)
    assert "UTC_Offset is 0, 18 s where leap seconds make it 18 s" in found and "16.0 s outside the validity" in found


def test_attitude(files: dict[str, Path]) -> None:
    body = content(files["AUX_AOCDTA"])
    # a double of days resolves 0.1 us
    assert np.abs(body.time.values - known.TIMES).max() <= np.timedelta64(1, "us")
    assert np.allclose(body.quaternion, known.QUATERNION, atol=1e-15)
    assert np.array_equal(body.rate, known.RATE) and body.rate.attrs["units"] == "rad s-1"
    assert body.attitude_variance.values[0] == 1e-8 and body.thermistor.values[0].tolist() == [2000, 2001, 2002, 2003]


def test_scalar_last_by_a_known_rotation(altered: Altered, files: dict[str, Path]) -> None:
    text = files["AUX_AOCDTA"].read_text("utf-8")
    old = text[text.index("<Estimated_Attitudes>") :].split("<", 2)[1]
    # a quarter turn about z as the schema writes it: i, j, k, 1
    body = content(altered("AUX_AOCDTA", f"<{old}<", "<Estimated_Attitudes>0 0 0.7071067811865476 0.7071067811865476<"))
    q0, q1, q2, q3 = body.quaternion.values[0]
    turned = np.array([1 - 2 * (q2**2 + q3**2), 2 * (q1 * q2 + q0 * q3), 2 * (q1 * q3 - q0 * q2)])
    assert np.allclose(turned, [0.0, 1.0, 0.0], atol=1e-12), "the x axis goes to y"


def test_no_star_tracker_no_measured_attitude(altered: Altered) -> None:
    body = content(altered("AUX_AOCDTA", "<Str_Valid_Flag>3<", "<Str_Valid_Flag>0<"))
    assert np.isnan(body.measured_quaternion[0]).all() and np.isfinite(body.measured_quaternion[1]).all()


@pytest.mark.parametrize("shift_days", [0.5, 18262.5, 51544.5])
def test_days_from_another_epoch_are_told(files: dict[str, Path], tmp_path: Path, shift_days: float) -> None:
    text = files["AUX_AOCDTA"].read_text("utf-8")
    path = tmp_path / files["AUX_AOCDTA"].name
    path.write_text(
        re.sub(r"<MJD_Time>([^<]*)<", lambda found: f"<MJD_Time>{float(found[1]) + shift_days:.12f}<", text), "utf-8"
    )
    file = open_parameters(path)
    assert len(file.warnings) == 1 and "only if they count from" in file.warnings[0]
    # at 58000 days a double resolves 0.6 us
    assert isinstance(file.content, xr.Dataset)
    assert np.abs(file.content.time.values - known.TIMES).max() <= np.timedelta64(2, "us")


@pytest.mark.parametrize(
    ("file_type", "old", "new", "factor", "variable"),
    [
        ("AUX_GPSDTA", "<Position_Unit>m<", "<Position_Unit>km<", 1e3, "position_quality"),
        ("AUX_AOCDTA", "<Velocity_Unit>rad/s<", "<Velocity_Unit>deg/s<", np.pi / 180, "rate"),
    ],
)
def test_units_are_read(
    altered: Altered, files: dict[str, Path], file_type: str, old: str, new: str, factor: float, variable: str
) -> None:
    path = altered(file_type, old, new)
    if file_type == "AUX_GPSDTA":
        path.write_text(
            path.read_text("utf-8").replace("7000000.0 100000.0 -300000.0", "7000.0 100.0 -300.0")
            .replace("6999990.0 107000.0 -299000.0", "6999.99 107.0 -299.0"), "utf-8"
        )  # fmt: skip
    expected = content(files[file_type])[variable] * factor
    assert np.allclose(content(path)[variable], expected, rtol=1e-12, atol=0)


REFUSED = [
    ("GIP_PHGAIN", 'List_of_Band_Physical_Gains count="12"', 'List_of_Band_Physical_Gains count="11"', "count says 11, 12"),
    ("GIP_PHGAIN", "<Band_Code>B02<", "<Band_Code>B01<", "band B1 appears twice"),
    ("GIP_PHGAIN", "<Band_Code>B02<", "<Band_Code>B13<", "no band code"),
    ("GIP_PHGAIN", "<Physical_Gain>0.1<", "<Physical_Gain>nan<", "no finite number"),
    ("GIP_PHGAIN", "<Physical_Gain>0.1<", "<Physical_Gain>-1<", "does not lie between 0"),
    ("GIP_PHGAIN", "01 04 08 16 32", "01 02", "no list of TDI configurations"),
    ("GIP_PHGAIN", "GIP_PHGAIN</File_Type>", "GIP_CLOUDD</File_Type>", "is not read; accepted"),
    ("GIP_RELSEN", 'sn="17"', 'sn="16"', "each once"),
    ("GIP_RELSEN", '<Relative_Sensitivity sn="1">1.0 ', '<Relative_Sensitivity sn="1">', "holds 2 numbers where 3"),
    ("GIP_RELSEN", '<Relative_Sensitivity sn="1">1.0 ', '<Relative_Sensitivity sn="1">1_0 ', "no number"),
    ("GIP_RELSEN", '<Relative_Sensitivity sn="1">1.0 ', '<Relative_Sensitivity sn="1">inf ', "not finite"),
    ("GIP_DARKCU", '<Dark_Current sn="1">20.0', '<Dark_Current sn="1">-20.0', "is negative"),
    ("GIP_DARKCU", "<Pixel_Position>17<", "<Pixel_Position>5201<", "whole number from 0 to 5200"),
    ("GIP_OUTORD", "<First>1<", "<First>0<", "does not lie between 1"),
    ("GIP_OUTORD", "<Last>3<", "<Last>5201<", "does not lie between 1"),
    ("GIP_OUTORD", "BLIND", "BLINK", "is not known"),
    ("GIP_STRLGT", "<First>0<", "<First>-1<", "does not lie between 0"),
    ("GIP_STRLGT", "<Last>5199<", "<Last>5200<", "does not lie between 0"),
    ("GIP_STRLGT", "<CrossTalk_Source_Band>B01<", "<CrossTalk_Source_Band>B02<", "sources are other bands"),
    ("GIP_SPECSE", "<First_Column>1<", "<First_Column>0<", "does not lie between 1"),
    ("GIP_SPECSE", "<First_Column>2601<", "<First_Column>2600<", "overlap"),
    ("GIP_SPECSE", "<Wavelength_Step>0.0025<", "<Wavelength_Step>2.5<", "no step in micrometres"),
    ("GIP_REFLEC", 'unit="rad/day"', 'unit="deg/day"', "expected rad/day"),
    ("TEC_LINDAT", 'unit="10-6s"', 'unit="s"', "expected 10-6s"),
    ("TEC_LINDAT", ">MJD=", ">MJD=-", "expected MJD="),
    ("TEC_LINDAT", 'sk="0"', 'sk="20"', "each once"),
    ("AUX_GPSDTA", "<Position_Unit>m<", "<Position_Unit>ft<", "accepted: m, km"),
    ("AUX_GPSDTA", "<GPS_Coordinate_System>ECEF<", "<GPS_Coordinate_System>ECI<", "only ECEF"),
    ("AUX_GPSDTA", "<GPS_Week>2039<", "<GPS_Week>65535<", "from 0 to 8191"),
    ("AUX_AOCDTA", "<Str_Valid_Flag>3<", "<Str_Valid_Flag>4<", "from 0 to 3"),
    ("AUX_AOCDTA", "<Reference_Voltage>3000</Reference_Voltage>", "", "holds 0 numbers where 1"),
]  # fmt: skip


@pytest.mark.parametrize(("file_type", "old", "new", "match"), REFUSED)
def test_refusals_name_file_and_element(
    altered: Altered, files: dict[str, Path], tmp_path: Path, file_type: str, old: str, new: str, match: str
) -> None:
    path = altered(file_type, old, new)
    folder = files[file_type].with_suffix(".DBL.DIR")
    if folder.is_dir():
        shutil.copytree(folder, tmp_path / folder.name)
    with pytest.raises(InputError, match=match) as caught:
        open_parameters(path)
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_filters_that_are_not_what_the_header_says(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / files["GIP_STRLGT"].name
    path.write_bytes(files["GIP_STRLGT"].read_bytes())
    with pytest.raises(InputError, match="missing"):
        open_parameters(path)
    folder = files["GIP_STRLGT"].with_suffix(".DBL.DIR")
    (tmp_path / folder.name).symlink_to(folder)
    with pytest.raises(InputError, match="leads out of the product"):
        open_parameters(path)
    (tmp_path / folder.name).unlink()
    shutil.copytree(folder, tmp_path / folder.name)
    path.write_text(path.read_text("utf-8").replace("<Nb_of_Rows>5<", "<Nb_of_Rows>6<"), "utf-8")
    with pytest.raises(InputError, match="where the metadata says 6"):
        open_parameters(path)
    path.write_text(path.read_text("utf-8").replace("<Nb_of_Rows>6<", "<Nb_of_Rows>1000000<")
                    .replace("<Nb_of_Cols>7<", "<Nb_of_Cols>1000000<"), "utf-8")  # fmt: skip
    with pytest.raises(InputError, match="samples together"):
        open_parameters(path)


def test_long_files_are_read_in_time(files: dict[str, Path], tmp_path: Path) -> None:
    began = time.process_time()
    for _ in range(6):
        open_parameters(files["GIP_RELSEN"])
    # asked 0.3 s; twice that for a slow machine
    assert time.process_time() - began < 0.6
    count = 20_000
    text = files["AUX_AOCDTA"].read_text("utf-8")
    first, last = text.index("<AOCS_Data sn="), text.index("</List_of_AOCS_Data>")
    record = re.sub(r"<MJD_Time>[^<]*<", "<MJD_Time>{}<", text[first : text.index("</AOCS_Data>")]) + "</AOCS_Data>"
    record = record.replace('sn="1"', 'sn="{}"')
    # ten per second from 08:34:37.125, within the hours that a validity may be off by
    days = 6973.857374131944 + np.arange(count) / 864000.0
    records = "".join(record.format(number, day) for number, day in enumerate(days, 1))
    path = tmp_path / files["AUX_AOCDTA"].name
    path.write_text(text[:first].replace('count="20"', f'count="{count}"') + records + text[last:], "utf-8")
    began = time.process_time()
    body = content(path)
    elapsed = time.process_time() - began
    assert body.sizes["time"] == count and elapsed < 2.0  # asked 3 s for 60 000, likewise
