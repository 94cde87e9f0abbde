"""Genuine headers of Pléiades and Pléiades Neo, where the reference folder is at hand. Numbers are facts read in those files or computed from them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from scipy.spatial.transform import Rotation

from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.products import pleiades_dimap, pleiades_neo, pleiades_system

AXES_M = np.array([6_378_137.0, 6_378_137.0, 6_356_752.314245])


def find(shared: Path, pattern: str) -> Path:
    found = sorted((shared / "products").rglob(pattern))
    if not found:
        pytest.skip(f"no reference folder with {pattern}")
    return found[0]


def changed(path: Path, folder: Path, *edits: tuple[str, str]) -> Path:
    """A copy of a header as if it had been ordered otherwise."""
    text = path.read_text(encoding="utf-8")
    for old, new in edits:
        text, count = re.subn(old, new, text)
        assert count
    (folder / path.name).write_text(text, encoding="utf-8")
    return folder / path.name


def on_ground(position_m: np.ndarray, direction: np.ndarray, height_m: float) -> np.ndarray:
    """Where a line of sight first meets the ellipsoid raised by a height, Earth-fixed metres."""
    place, step = position_m / (AXES_M + height_m), direction / (AXES_M + height_m)
    a, b, c = step @ step, place @ step, place @ place - 1
    return np.asarray(position_m + (-b - np.sqrt(b * b - a * c)) / a * direction)


def earth_fixed(longitude: float, latitude: float, height_m: float) -> np.ndarray:
    lon, lat = np.radians([longitude, latitude])
    squared = 1 - (AXES_M[2] / AXES_M[0]) ** 2
    normal = AXES_M[0] / np.sqrt(1 - squared * np.sin(lat) ** 2)
    across = (normal + height_m) * np.cos(lat)
    return np.array([across * np.cos(lon), across * np.sin(lon), (normal * (1 - squared) + height_m) * np.sin(lat)])


def zenith_and_azimuth(ground: np.ndarray, satellite: np.ndarray) -> tuple[float, float]:
    """Of the satellite from the ground, degrees, by the normal of the ellipsoid."""
    up = ground / AXES_M**2
    up /= np.linalg.norm(up)
    east = np.cross([0, 0, 1.0], up)
    east /= np.linalg.norm(east)
    line = (satellite - ground) / np.linalg.norm(satellite - ground)
    return float(np.degrees(np.arccos(line @ up))), float(
        np.degrees(np.arctan2(line @ east, line @ np.cross(up, east))) % 360
    )


def hermite(acquisition: Acquisition, date: np.datetime64) -> np.ndarray:
    """Position at a date from positions and velocities."""
    orbit = acquisition.orbit
    assert orbit is not None
    after = int(np.clip(np.searchsorted(orbit["time"].values, date), 1, orbit.sizes["time"] - 1))
    (first, last), (a, b), (u, v) = (
        orbit[name].values[after - 1 : after + 1] for name in ("time", "position", "velocity")
    )
    h, s = (last - first) / np.timedelta64(1, "ns") * 1e-9, (date - first) / (last - first)
    weights = 2 * s**3 - 3 * s**2 + 1, (s**3 - 2 * s**2 + s) * h, 3 * s**2 - 2 * s**3, (s**3 - s**2) * h
    return np.asarray(sum(weight * part for weight, part in zip(weights, (a, u, b, v), strict=True)))


def opening_s(reader: object, path: Path) -> float:
    """The shortest of three openings."""
    spent = []
    for _ in range(3):
        begun = time.perf_counter()
        reader.read(path, images=False)  # type: ignore[attr-defined]
        spent.append(time.perf_counter() - begun)
    return min(spent)


class TestPleiades1A:
    """DIM_PHR1A_PMS_201710070757436: pansharpened, projected, four bands, 39 tiles."""

    def test_pansharpened_is_refused(self, shared: Path) -> None:
        with pytest.raises(InputError, match=r"SPECTRAL_PROCESSING is PMS, pansharpened; order the product with BASIC"):
            pleiades_dimap.read(find(shared, "DIM_PHR1A_PMS_201710070757436*.XML"), images=False)

    def test_read_as_if_multispectral(self, shared: Path, tmp_path: Path) -> None:
        path = changed(
            find(shared, "DIM_PHR1A_PMS_201710070757436*.XML"),
            tmp_path,
            ("SPECTRAL_PROCESSING>PMS<", "SPECTRAL_PROCESSING>MS<"),
        )
        acquisition = pleiades_dimap.read(path, images=False)
        assert acquisition.sensor == "phr1a" and acquisition.warnings == ()
        assert acquisition.acquired == np.datetime64("2017-10-07T07:57:50.531")
        found = {band: image.calibration for band, image in acquisition.bands.items()}
        assert {band: item.gain.value for band, item in found.items() if item.gain} == {
            "B0": 8.88,
            "B1": 8.97,
            "B2": 10.06,
            "B3": 15.29,
        }
        assert [item.solar_irradiance.value for item in found.values() if item.solar_irradiance] == [
            1915,
            1830,
            1594,
            1060,
        ]
        # radiance block, not the launch date 2011-12-17 of the spectral one
        assert {item.gain.date for item in found.values() if item.gain} == {np.datetime64("2017-07-01T16:00")}
        raster = acquisition.bands["B0"].raster
        assert (raster.lines, raster.columns, raster.layer, len(raster.tiles)) == (184397, 41718, 3, 39)
        assert not acquisition.bands["B0"].dated and (
            acquisition.bands["B3"].nodata,
            acquisition.bands["B3"].saturated,
        ) == (0, 4095)
        center = acquisition.angles.sel(band="B0", point="center")  # type: ignore[union-attr]
        # the second of three blocks: incidence 2.6057, elevation 60.4925; azimuth 180.0022 - atan2(tan 2.2301, tan -1.3490) by hand
        assert center["view_zenith"].item() == pytest.approx(2.605677213543237)
        assert center["sun_zenith"].item() == pytest.approx(29.50751043097556)
        assert center["view_azimuth"].item() == pytest.approx(58.84, abs=0.01)
        assert len(acquisition.masks) == 7
        assert opening_s(pleiades_dimap, path) < 0.3

    def test_layers_lie_red_first(self, shared: Path) -> None:
        """A crop of a multispectral product over forest: the haze, brightest in the blue, is strongest in the third layer, weakest in the first.

        Gains of Pléiades 1B, published: 11.32 (B2), 10.47 (B1), 10.46 (B0).
        """
        with rasterio.open(find(shared, "phr_ventoux_lowres_color_image.tif")) as source:
            dark = [float(np.percentile(source.read(layer), 1)) for layer in (1, 2, 3)]
        red, green, blue = (count / gain for count, gain in zip(dark, (11.32, 10.47, 10.46), strict=True))
        assert red < 0.7 * green < 0.7 * blue


class TestPleiadesSystemFile:
    """PHRDIMAP_P1BP--2017030824934340CP: a panchromatic strip of Pléiades 1B over Oman."""

    def opened(self, shared: Path) -> Acquisition:
        return pleiades_system.read(find(shared, "PHRDIMAP_P1BP--*.XML"), images=False)

    def test_gain_versions_dates(self, shared: Path) -> None:
        acquisition = self.opened(shared)
        image = acquisition.bands["P"]
        assert acquisition.sensor == "phr1b" and acquisition.warnings == ()
        assert image.calibration.gain is not None and image.calibration.gain.value == 12.27
        assert image.calibration.gain.date == np.datetime64("2016-09-01T16:00")
        assert acquisition.versions["PHYSICAL_GAIN_DATA"] == "PHR1B_PHYSICAL_GAIN_DATA_0010_20160901160000_O"
        # 34 of the production, three of the inventory alone, software and format
        assert len(acquisition.versions) == 34 + 3 + 2
        assert (image.raster.lines, image.raster.columns) == (49826, 39951)
        assert (image.first_line, image.line_period_s) == (np.datetime64("2017-03-08T06:55:34.340029"), 0.0735e-3)
        assert acquisition.facts["stages of time delay integration"] == "13 13 13 13 13"

    def test_velocities_are_those_of_the_positions(self, shared: Path) -> None:
        """The Doris points of the same file, at 06:55:23 and :33 UTC, give Earth-fixed velocities in mm/s."""
        orbit = self.opened(shared).orbit
        assert orbit is not None and orbit.sizes["time"] == 10
        velocity = orbit["velocity"].sel(time="2017-03-08T06:55:23").values
        # they agree to a few mm/s
        assert np.abs(velocity - [2956.37229, 1584.88163, -6814.96653]).max() < 0.01

    @pytest.mark.parametrize("quaternions", ["quaternion", "model_quaternion"])
    def test_corners_by_lines_of_sight(self, shared: Path, quaternions: str) -> None:
        """Vertices of the product's frame (longitude, latitude, column, line). Their heights are those of a terrain model between 170 and 240 m, seen under
        5 degrees: 70 m of height are 6 m on the ground; the middle departs by 14 m."""
        acquisition = self.opened(shared)
        assert acquisition.attitude is not None and acquisition.viewing is not None
        corners = [
            (57.21647521538905, 21.95894940469852, 1, 1),
            (57.2497172913662, 22.13757668162587, 39951, 1),
            (57.48496590488634, 22.09853573286859, 39951, 49826),
            (57.45211808075258, 21.92064670980533, 1, 49826),
            (57.35081912309855, 22.02892713224957, 19976, 24914),
        ]
        for longitude, latitude, column, line in corners:
            date = acquisition.bands["P"].line_time(line - 1)
            turn = acquisition.attitude[quaternions].interp(time=date).values
            psi_x, psi_y = (acquisition.viewing[name].values[0, column - 1] for name in ("psi_x", "psi_y"))
            sight = Rotation.from_quat(turn, scalar_first=True).apply([psi_y, -psi_x, 1.0])
            found = on_ground(hermite(acquisition, date), sight, 200.0)
            assert np.linalg.norm(found - earth_fixed(longitude, latitude, 200.0)) < 20.0

    def test_angles_against_orbit_and_attitude(self, shared: Path) -> None:
        acquisition = self.opened(shared)
        assert acquisition.angles is not None and acquisition.attitude is not None and acquisition.viewing is not None
        for date, point in (("06:55:36.156", "center"), ("06:55:37.906", "header 2"), ("06:55:34.406", "header 3")):
            when = np.datetime64(f"2017-03-08T{date}", "ns")
            turn = Rotation.from_quat(acquisition.attitude["quaternion"].interp(time=when).values, scalar_first=True)
            place = hermite(acquisition, when)
            expected = zenith_and_azimuth(on_ground(place, turn.apply([8e-5, 0.0, 1.0]), 200.0), place)
            angles = acquisition.angles.sel(band="P", point=point)
            # zenith to 0.005, azimuth to 0.05 degrees: of 5 degrees of incidence, that is 0.005 as well
            assert angles["view_zenith"].item() == pytest.approx(expected[0], abs=0.006)
            assert angles["view_azimuth"].item() == pytest.approx(expected[1], abs=0.06)

    def test_opening_is_quick(self, shared: Path) -> None:
        assert opening_s(pleiades_system, find(shared, "PHRDIMAP_P1BP--*.XML")) < 0.3


class TestPleiadesNeo:
    """DIM_PNEO3_202111071029126_PAN_trimmed: reflectance, its radiometric block emptied, eight points of orbit and attitude."""

    def basic(self, shared: Path, tmp_path: Path) -> Acquisition:
        path = changed(find(shared, "DIM_PNEO3_202111071029126*.XML"), tmp_path, (">REFLECTANCE<", ">BASIC<"))
        return pleiades_neo.read(path, images=False)

    def test_reflectance_is_refused(self, shared: Path) -> None:
        with pytest.raises(
            InputError, match=r"RADIOMETRIC_PROCESSING is REFLECTANCE.*; order the product with BASIC radiometry"
        ):
            pleiades_neo.read(find(shared, "DIM_PNEO3_202111071029126*.XML").parent, images=False)

    def test_read_as_if_basic(self, shared: Path, tmp_path: Path) -> None:
        acquisition = self.basic(shared, tmp_path)
        image = acquisition.bands["P"]
        assert acquisition.sensor == "pneo3" and image.calibration.gain is None
        assert any("no gain for P" in warning for warning in acquisition.warnings)
        assert (image.raster.lines, image.raster.columns) == (33085, 29393)
        assert image.line_period_s == pytest.approx(43.555296053982694e-6, rel=1e-12)
        assert image.first_line == np.datetime64("2021-11-07T10:29:11.950343")
        center = acquisition.angles.sel(band="P", point="center")  # type: ignore[union-attr]
        # the eighth of nine blocks
        assert center["view_zenith"].item() == pytest.approx(21.78124738411253)
        assert center["view_azimuth"].item() == pytest.approx(63.05245768834828)

    def test_quaternions_are_scalar_first_and_turn_the_sensor_to_the_earth(self, shared: Path, tmp_path: Path) -> None:
        """First line of the image: its two ends (longitude, latitude, height) lie across the sensor's y axis, half a swath apart; x is zero."""
        acquisition = self.basic(shared, tmp_path)
        assert acquisition.attitude is not None
        date = acquisition.bands["P"].first_line
        turn = Rotation.from_quat(acquisition.attitude["quaternion"].interp(time=date).values, scalar_first=True)
        place = hermite(acquisition, date)
        ends = [(5.307138681631315, 43.33543042333591, 50.0), (5.431171743354403, 43.34072049054464, 161.51988)]
        sights = []
        for end in ends:
            sight = turn.inv().apply(earth_fixed(*end) - place)
            sights.append(sight[:2] / sight[2])
        # 2e-5 rad are 14 m of the 630 km
        assert np.abs([sight[0] for sight in sights]).max() < 2e-5
        # 29392 detectors of 12 µm behind 25.2 m
        assert sights[0][1] - sights[1][1] == pytest.approx(29392 * 12e-6 / 25.2, abs=2e-5)

    def test_azimuth_against_the_ephemeris(self, shared: Path, tmp_path: Path) -> None:
        acquisition = self.basic(shared, tmp_path)
        place = hermite(acquisition, acquisition.bands["P"].first_line)
        expected = zenith_and_azimuth(earth_fixed(5.307138681631315, 43.33543042333591, 50.0), place)
        angles = acquisition.angles.sel(band="P", point="topleft")  # type: ignore[union-attr]
        assert (angles["view_zenith"].item(), angles["view_azimuth"].item()) == pytest.approx(expected, abs=0.005)
