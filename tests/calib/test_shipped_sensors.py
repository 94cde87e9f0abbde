"""Every shipped sensor and gain table loads, and says what the published figures say."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from calib.config import CONFIGS
from calib.sensor import load_gains, load_sensor

SENSORS = sorted(path.stem for path in (CONFIGS / "sensors").glob("*.yaml"))
#: centroids of the public responses, nm
VENUS_CENTRES = (423.9, 446.9, 491.9, 555.0, 619.7, 619.5, 666.2, 702.0, 741.0, 782.1, 861.1, 908.7)
PLEIADES_CENTRES = {"phr1a": (657.4, 500.8, 561.2, 650.0, 835.3), "phr1b": (660.5, 504.9, 558.2, 662.7, 844.0)}


def centroids(name: str) -> np.ndarray:
    response = load_sensor(name).response
    nm = response["wavelength"].values
    return np.array([np.trapezoid(row * nm, nm) / np.trapezoid(row, nm) for row in response.values])


def test_the_five_sensors_are_shipped() -> None:
    assert SENSORS == ["phr1a", "phr1b", "pneo3", "pneo4", "venus"]
    assert sorted(path.stem for path in (CONFIGS / "po").glob("*.yaml")) == SENSORS


@pytest.mark.parametrize("name", SENSORS)
def test_sensor_is_consistent(name: str) -> None:
    sensor = load_sensor(name)
    assert sensor.name == name and sensor.platform == name.upper()
    assert sensor.response["band"].values.tolist() == list(sensor.bands)
    # `centre` is the centroid of the response, rounded to 0.1 nm (Venus B8: 701.95)
    assert [band.centre for band in sensor.bands.values()] == pytest.approx(centroids(name), abs=0.11)
    assert sensor.saturation == 2**sensor.bits - 1 and sensor.dark_level < 0.1 * sensor.saturation
    for item in sensor.provenance.values():
        assert item.source
    ends = [(phase.start, phase.stop) for phase in sensor.phases]
    for (_, stop), (start, _) in pairwise(ends):
        assert stop is not None and stop <= start
    # what is guessed is said: no noise table, no dark table is public for any of them
    for key in ("bands.*.noise_floor", "bands.*.noise_slope", "dark_level"):
        assert sensor.provenance[key].status == "default"


@pytest.mark.parametrize("name", SENSORS)
def test_the_moon_fits_and_does_not_saturate(name: str) -> None:
    sensor, date = load_sensor(name), np.datetime64("2023-06-01")
    gains = load_gains(name).in_force(date).gain(list(sensor.bands))
    # largest disk 9.75 mrad, in one pass everywhere
    assert 9.75e-3 / sensor.pixel_angle_across < sensor.columns
    # a highland near full Moon: reflectance below 0.2 under 2.1 kW m-2 um-1 of Sun
    assert float(gains.max()) * 0.2 * 2100 / np.pi + sensor.dark_level < sensor.saturation


@pytest.mark.parametrize("name", SENSORS)
def test_gains_cover_every_band_without_overlap(name: str) -> None:
    history, bands = load_gains(name), list(load_sensor(name).bands)
    assert history.sensor == name
    for version in history.versions:
        assert list(version.gains) == bands and version.source.startswith(("published", "default"))
    for one, following in pairwise(history.versions):
        assert one.stop == following.start
    assert history.versions[-1].stop is None


def test_venus_responses_have_the_published_centroids() -> None:
    assert centroids("venus") == pytest.approx(VENUS_CENTRES, abs=0.1)


@pytest.mark.parametrize("name", PLEIADES_CENTRES)
def test_pleiades_responses_have_the_published_centroids(name: str) -> None:
    assert centroids(name) == pytest.approx(PLEIADES_CENTRES[name], abs=0.1)


@pytest.mark.parametrize(("name", "table"), [("venus", "venus_1nm"), ("phr1a", "PHR1A"), ("phr1b", "PHR1B")])
def test_responses_equal_the_public_tables(shared: Path, name: str, table: str) -> None:
    path = shared / "reference" / "srf" / f"{table}.csv"
    names = path.read_text().splitlines()[0].split(",")
    numbers = np.loadtxt(path, delimiter=",", skiprows=1)
    response = load_sensor(name).response
    assert np.array_equal(response["wavelength"].values, numbers[:, 0])
    for band, row in zip(response["band"].values, response.values, strict=True):
        public = numbers[:, names.index(band)]
        assert row == pytest.approx(public / public.max(), abs=1e-12)


def test_venus_camera_is_four_units_of_three_arrays() -> None:
    sensor = load_sensor("venus")
    assert [band.detector for band in sensor.bands.values()] == [1, 1, 4, 4, 1, 4, 3, 3, 3, 2, 2, 2]
    places = {(band.detector, band.array) for band in sensor.bands.values()}
    assert places == {(unit, array) for unit in (1, 2, 3, 4) for array in (1, 2, 3)}
    # stereo twins, published 2.7 s apart
    assert sensor.bands["B6"].time_offset - sensor.bands["B5"].time_offset == pytest.approx(2.7)
    for path in sensor.straylight:
        if path.source is not None:
            assert sensor.bands[path.source].detector == sensor.bands[path.band].detector


def test_venus_phases_with_images() -> None:
    phases = {phase.name: phase for phase in load_sensor("venus").phases}
    assert {name: phase.altitude for name, phase in phases.items() if phase.images} == {
        "VM1": 720,
        "VM3": 410,
        "VM5": 560,
    }
    assert load_sensor("venus").provenance["phases.VM3.start"].status == "unconfirmed"


@pytest.mark.parametrize(
    ("name", "date", "band", "gain"),
    [
        ("venus", "2019-02-04", "B11", 2.158),
        ("phr1a", "2012-06-05", "B0", 9.55),
        ("phr1a", "2017-10-07", "B3", 15.29),
        ("phr1b", "2017-03-08", "P", 12.27),
        ("phr1b", "2013-01-01", "B0", 10.37),
        ("pneo3", "2021-11-07", "DB", 8.039),
    ],
)
def test_gains_are_the_published_ones(name: str, date: str, band: str, gain: float) -> None:
    assert load_gains(name).in_force(np.datetime64(date)).gains[band] == gain


def test_pixel_angles_give_the_published_ground_samples() -> None:
    # 5.3 m from 720 km, 0.70 m from 694 km, 0.30 m from 620 km, each to the rounding of the published figure
    for name, altitude_m, sample_m in (("venus", 720e3, 5.3), ("phr1a", 694e3, 0.70), ("pneo3", 620e3, 0.30)):
        assert load_sensor(name).pixel_angle_across * altitude_m == pytest.approx(sample_m, rel=0.02)
