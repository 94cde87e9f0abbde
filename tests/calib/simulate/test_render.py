"""The noise-free image: irradiance, light, size, place, stray light, against geometry worked out independently."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from calib.errors import RequestError
from calib.sensor import Sensor, load_sensor
from calib.simulate.disk import Frame, Scan, raw_radiance, reflection
from calib.simulate.optics import spread
from calib.simulate.render import Renderer

Make = Callable[..., Renderer]


def centroid(image: np.ndarray) -> tuple[float, float]:
    """(line, column) of the light."""
    lines, columns = np.indices(image.shape)
    return float((lines * image).sum() / image.sum()), float((columns * image).sum() / image.sum())


@pytest.mark.parametrize("changes", [{}, {"oversampling": 3.3, "rate_variation": 0.05}, {"psf_sigma": "12 pixel"}])
def test_irradiance_equals_the_model_in_every_band(make_renderer: Make, changes: dict[str, object]) -> None:
    renderer = make_renderer(**changes)
    for band in renderer.sensor.bands:
        frame, image = renderer.frame(band), renderer.radiance(band)
        # the solid angles of the lines written out anew: the pixel's width times the angle scanned between two lines
        moments = frame.first_line_s + (np.arange(frame.lines + 1) - 0.5) * frame.line_period_s
        omega = 8 * 7.36e-6 * np.diff(renderer.scan.angle(moments))
        # asked 1e-4; what is left is the curvature of the rate within a line
        assert omega @ image.sum(axis=1) == pytest.approx(float(renderer.irradiance.sel(band=band)), rel=1e-6)


def test_other_sensors_have_bands_of_two_pixel_sizes(make_renderer: Make) -> None:
    renderer = make_renderer(sensor=load_sensor("phr1a"), binning=60)
    wide, narrow = renderer.frame("P"), renderer.frame("B3")
    assert wide.pixel_rad == pytest.approx(60 * 1.0074e-6) and narrow.pixel_rad == pytest.approx(240 * 1.0074e-6)
    for band in ("P", "B3"):
        image, frame = renderer.radiance(band), renderer.frame(band)
        total = float(renderer.solid_angle(frame) @ image.sum(axis=1))
        assert total == pytest.approx(float(renderer.irradiance.sel(band=band)), rel=1e-9)


@pytest.mark.parametrize("phase", [-80, -40, -5, 5, 40, 80])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_light_lies_on_the_side_of_the_sun(make_renderer: Make, phase: float, mirrored: bool) -> None:
    renderer = make_renderer(geometry={"phase_deg": phase, "north_deg": 25.0, "mirrored": mirrored})
    image, frame, moon = renderer.disk("B4"), renderer.frame("B4"), renderer.moon("B4")
    angle = float(renderer.geometry["sun_angle"].sel(band="B4"))
    lines, columns = np.indices(image.shape)
    y = (lines - centre_line(renderer, "B4")) * 7.36e-6 * 8 / moon.radius_rad
    x = (columns - frame.centre_column) * 7.36e-6 * 8 / moon.radius_rad
    towards = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
    across = -x * np.sin(np.radians(angle)) + y * np.cos(np.radians(angle))
    disk = np.hypot(x, y) < 0.97
    # along the equator of the light, the terminator stands at -cos(phase) radii towards the Sun
    equator = disk & (abs(across) < 0.05)
    dark, lit = equator & (towards < -np.cos(np.radians(phase)) - 0.05), equator & (towards > 0.5)
    assert image[lit].min() > 0.1 * image.max()
    assert not dark.any() or image[dark].max() < 1e-6 * image.max()
    # two pixels of dark limb are lost to sampling; without the terminator both limbs would be bright
    assert image[disk & (towards > 0.9)].mean() > image[disk & (towards < -0.9)].mean()


def centre_line(renderer: Renderer, band: str) -> float:
    frame, moon = renderer.frame(band), renderer.moon(band)
    return (moon.crossing_s - frame.first_line_s) / frame.line_period_s


@pytest.mark.parametrize("hand", [1.0, -1.0])
def test_maria_lie_where_the_orbit_package_puts_them(make_renderer: Make, hand: float) -> None:
    """Directions on the sky, lunar axes and image angles by orbit_aux, which shares no code with the simulator."""
    from orbit_aux.bodies import moon_axes
    from orbit_aux.moon_view import image_angle, moon_geometry
    from orbit_aux.time import Times

    times = Times.from_utc(["2018-03-06T00:00:00"])
    seen = moon_geometry(times, np.array([[-7098e3, 0.0, 0.0]]))
    sight = seen["moon_direction"].values[0]
    side = np.cross(sight, [0.3, -0.5, 0.8])
    side /= np.linalg.norm(side)
    axes = np.stack([side, hand * np.cross(sight, side)])
    renderer = make_renderer()
    at = {name: float(seen[name].values[0]) for name in renderer.geometry.data_vars if name in seen}
    at["sun_angle"] = float(np.degrees(image_angle(seen["sun_from_moon"].values[0], *axes)))
    at["north_angle"] = float(np.degrees(image_angle(seen["lunar_north"].values[0], *axes)))
    for name, value in at.items():
        renderer.geometry[name] = renderer.geometry[name].copy(data=np.full(12, value))
    image, frame = renderer.disk("B4"), renderer.frame("B4")

    def patch(longitude_deg: float, latitude_deg: float) -> np.ndarray:
        sky = axes @ (moon_axes(times)[0].T @ unit(longitude_deg, latitude_deg))
        scale = at["apparent_radius"] / (8 * 7.36e-6)
        column, line = round(frame.centre_column + scale * sky[0]), round(centre_line(renderer, "B4") + scale * sky[1])
        return np.asarray(image[line - 1 : line + 2, column - 1 : column + 2])

    # dark Humorum (38.6 W, 24.4 S) against the highlands south of it: half as bright, so 0.75 tells one from the other
    assert patch(-38.6, -24.4).mean() < 0.75 * patch(-38.6, -36.0).mean()
    # Copernicus is a bright spot between dark maria
    assert patch(-20.1, 9.6).max() > 1.2 * patch(-15.0, 20.0).mean()


def unit(longitude_deg: float, latitude_deg: float) -> np.ndarray:
    lon, lat = np.radians(longitude_deg), np.radians(latitude_deg)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def test_size_follows_pixel_angle_and_oversampling(make_renderer: Make) -> None:
    renderer = make_renderer(oversampling=2.5, geometry={"phase_deg": 0.0})
    image = renderer.disk("B4")
    lit = image > 0.3 * image[image > 0].mean()
    radius = np.arcsin(1737.4 / 385000.0) / (8 * 7.36e-6)
    # the extent at a threshold: good to a pixel at either limb
    assert np.ptp(np.flatnonzero(lit.any(axis=0))) + 1 == pytest.approx(2 * radius, abs=2)
    assert np.ptp(np.flatnonzero(lit.any(axis=1))) + 1 == pytest.approx(2 * radius * 2.5, abs=5)


def test_a_uniform_disk_covers_its_analytic_area() -> None:
    """A pixel cut by the limb counts by its share: the sum over the pixels is the area of the circle."""
    from calib.simulate.albedo import AlbedoMap
    from calib.simulate.disk import Moon

    flat = AlbedoMap(np.ones((4, 8), np.float32), np.zeros((4, 8), np.float32))
    toward = np.array([1.0, 0.0, 0.0])
    moon = Moon(0.0045, np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], toward]), toward, 0.0, 0.1)
    for place in (0.0, 0.31):
        frame = Frame(120, 140, 0.0, 0.1 / (60.2 + place), 1e-4, 70.0 + place)
        scan = Scan(1e-4 / frame.line_period_s)
        # Lommel-Seeliger at phase zero is the same everywhere on the disk
        total = raw_radiance(moon, frame, scan, flat, 1.0).sum()
        assert total == pytest.approx(np.pi * 45.0**2, rel=2e-4)


def test_reflection_is_flat_at_full_moon_and_lambertian_at_large_phase() -> None:
    cosine = np.array([0.2, 0.6, 1.0])
    assert reflection(cosine, cosine, 0.0) == pytest.approx(1.0)
    # McEwen's polynomial has fallen to about 0.1 at 90 degrees: nearly Lambert
    assert reflection(cosine, cosine, 90.0) == pytest.approx(cosine, abs=0.15)


def test_spreading_conserves_flux_and_has_the_asked_width() -> None:
    point = np.zeros((201, 101))
    point[100, 50] = 7.0
    image = spread(point, (3.0, 1.5), box=4.0)
    assert image.sum() == pytest.approx(7.0, rel=1e-12)
    lines, columns = np.indices(image.shape)
    # variances add: Gaussian plus box of width w has sigma² + w²/12; the kernel is cut at 5 sigma
    assert ((lines - 100) ** 2 * image).sum() / 7 == pytest.approx(9.0 + 16 / 12, rel=1e-2)
    assert ((columns - 50) ** 2 * image).sum() / 7 == pytest.approx(2.25, rel=1e-2)
    box_only = spread(point, (0.0, 0.0), box=3.0)
    assert box_only[99:102, 50] == pytest.approx(7 / 3) and spread(point, (0.0, 0.0)) is point


def test_psf_does_not_change_the_flux_of_a_band(make_renderer: Make) -> None:
    sharp, blurred = make_renderer(psf_sigma="0 pixel"), make_renderer(psf_sigma="30 pixel")
    a, b = (one._relative("B4", "B4", (0.0, 0.0), 0.0).sum() for one in (sharp, blurred))
    assert b == pytest.approx(a, rel=1e-9)


def test_crosstalk_shows_the_source_at_equal_time(make_renderer: Make) -> None:
    path = {"kind": "crosstalk", "band": "B1", "source": "B2", "factor": 0.05, "column_shift": 40}
    with_path = make_renderer(straylight=[path], oversampling=1.5)
    without = make_renderer(oversampling=1.5)
    stray = with_path.radiance("B1") - without.radiance("B1")
    assert without.radiance("B4") == pytest.approx(with_path.radiance("B4"), abs=0)
    frame = with_path.frame("B1")
    # B2 sees the Moon 0.1 s before B1, stretched by the slow scan: in B1's lines its Moon lies that much earlier
    own, source = centroid(with_path.disk("B1")), centroid(stray)
    assert source[0] - own[0] == pytest.approx(-0.1 * 1.5 / frame.line_period_s, abs=0.2)
    assert source[1] - own[1] == pytest.approx(40 / 8, abs=0.2)
    # radiance for radiance: the same share of the source's irradiance, on the same solid angles
    omega = with_path.solid_angle(frame)
    assert omega @ stray.sum(axis=1) == pytest.approx(0.05 * float(with_path.irradiance.sel(band="B2")), rel=1e-3)


def test_crosstalk_between_units_falls_outside_the_window(make_renderer: Make) -> None:
    path = {"kind": "crosstalk", "band": "B1", "source": "B4", "factor": 0.05}
    # 2.6 s apart: 2.7 disk diameters
    assert make_renderer(straylight=[path]).radiance("B1") == pytest.approx(make_renderer().radiance("B1"), abs=1e-12)


def test_a_ghost_is_a_displaced_copy(make_renderer: Make) -> None:
    path = {"kind": "ghost", "band": "B4", "factor": 0.02, "column_shift": -48, "line_shift": 32, "blur": 16}
    renderer = make_renderer(straylight=[path], oversampling=2.0)
    disk = renderer.disk("B4")
    ghost = renderer.radiance("B4") - disk
    assert ghost.sum() == pytest.approx(0.02 * disk.sum(), rel=1e-6)
    shift = np.subtract(centroid(ghost), centroid(disk))
    # camera pixels: 8 to a pixel here, twice as many lines at half the rate
    assert shift == pytest.approx([32 / 8 * 2, -48 / 8], abs=0.05)
    assert ghost.max() < 0.02 * disk.max()


def test_a_varying_rate_is_the_same_function_of_time_for_all_bands() -> None:
    scan = Scan(0.01, 0.1, 3.0, 0.7)
    times = np.linspace(-4, 9, 2001)
    numeric = np.concatenate([[0.0], np.cumsum(0.5 * (scan.rate(times)[1:] + scan.rate(times)[:-1]) * np.diff(times))])
    # trapezoid against the closed form
    assert scan.angle(times) - scan.angle(times[0]) == pytest.approx(numeric, abs=1e-7)


def test_angles_that_contradict_each_other_are_refused(make_renderer: Make) -> None:
    renderer = make_renderer()
    renderer.geometry["sun_angle"] = renderer.geometry["sun_angle"] + 20.0
    with pytest.raises(RequestError, match=r"geometry of B4: sun_angle .* contradict .* by 20\.0 deg"):
        renderer.moon("B4")


def test_a_missing_source_band_is_named(make_renderer: Make) -> None:
    renderer = make_renderer(straylight=[{"kind": "crosstalk", "band": "B1", "source": "B2", "factor": 0.05}])
    renderer.irradiance = renderer.irradiance.sel(band=["B1"])
    with pytest.raises(RequestError, match="irradiance of band B2 is missing"):
        renderer.radiance("B1")


def test_a_disk_wider_than_the_camera_is_refused(make_renderer: Make, venus: Sensor) -> None:
    with pytest.raises(RequestError, match="1226 pixels wide, too much for 1500 columns"):
        make_renderer(sensor=venus.model_copy(update={"columns": 1500}), binning=1).frame("B4")
