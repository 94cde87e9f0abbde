"""Signal, gain and budget of small spheres whose sums are known; the datasets' contract."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from moon_spheres import RADIUS_RAD, Case, Sphere, per_band

from calib.errors import InputError
from calib.lineage import Lineage
from calib.moon.disk import DiskParameters
from calib.moon.gain import GainParameters
from calib.moon.irradiance import band_irradiance, load_model
from calib.moon.photometry import SignalParameters
from calib.moon.steps import DISK_SIGNAL, LUNAR_DISK, LUNAR_GAIN
from calib.sensor import OfficialParameters
from calib.types import Result
from calib.uncertainty import from_dataset

BANDS = ["B2", "B10", "B1"]


def extracted(case: Case) -> tuple[xr.Dataset, xr.Dataset]:
    disk = LUNAR_DISK.compute((case.acquisition, case.sensor, case.sun), DiskParameters())
    return disk, DISK_SIGNAL.compute((case.acquisition, case.sensor, disk), SignalParameters())


def number(array: xr.DataArray) -> float:
    return float(array.item())


def geometry(bands: list[str], **changed: float) -> xr.Dataset:
    values = {
        "phase": (40.0, "deg"), "observer_latitude": (3.0, "deg"), "observer_longitude": (-5.0, "deg"), "sun_latitude": (1.0, "deg"),
        "sun_longitude": (-45.0, "deg"), "moon_distance": (385000.0, "km"), "sun_distance": (0.99, "au"), "apparent_radius": (RADIUS_RAD, "rad"),
        "eclipse_margin": (5.0, "deg"), "earth_clearance": (3000.0, "km"),
    }  # fmt: skip
    return xr.Dataset(
        {name: per_band(bands, changed.get(name, value), units) for name, (value, units) in values.items()}
    )


@pytest.mark.parametrize(
    ("phase", "sun_angle", "oversampling"), [(-15.0, 45.0, 1.0), (40.0, 0.0, 2.0), (75.0, 90.0, 1.0)]
)
def test_signal_and_gain_of_a_known_sphere(
    moon: Callable[..., Case], phase: float, sun_angle: float, oversampling: float
) -> None:
    case = moon(Sphere(phase_deg=phase, sun_angle_deg=sun_angle, oversampling=oversampling, variation=0.02))
    disk, signal = extracted(case)
    truth = case.truth["B1"]
    assert number(signal["signal"]) == pytest.approx(truth.signal, rel=3e-4)
    found = number(signal["signal"] / (disk["semi_axis_column"] * disk["semi_axis_line"]))
    assert found == pytest.approx(truth.signal / (truth.semi_column * truth.semi_line), rel=3e-3)
    assert abs(number(signal["sky_level"]) - 20.0) < 0.2
    assert str(signal["flags"].item()) == ""
    assert float(signal["growth"][0, -1]) == pytest.approx(1.0, abs=2e-3)


def test_noise_component_covers_the_scatter(moon: Callable[..., Case]) -> None:
    sums, stated = [], []
    for seed in range(6):
        case = moon(Sphere(semi_column=60.0, brightness=30.0, albedo=0.0, seed=seed, noise=2.0))
        _, signal = extracted(case)
        sums.append(number(signal["signal"]) / case.truth["B1"].signal)
        stated.append(number(from_dataset(signal, "signal").total()) / case.truth["B1"].signal)
    # six draws tell a spread to about a factor of two
    assert 0.4 < np.std(sums, ddof=1) / np.mean(stated) < 2.2


def test_contract_order_and_round_trip(moon: Callable[..., Case]) -> None:
    case = moon({band: Sphere(semi_column=60.0, seed=n) for n, band in enumerate(BANDS)})
    disk, signal = extracted(case)
    model = load_model("rolo2005", "tsis1_hsrs")
    po = OfficialParameters(sensor="synthetic", version="7", origin="test", gains=dict.fromkeys(BANDS, 2.0))
    gain = LUNAR_GAIN.compute((disk, signal, geometry(BANDS), case.sensor, po, model), GainParameters())
    lineage = Lineage("step", "1", {}, ())
    for data in (disk, signal, gain):
        assert list(data["band"].values) == BANDS
        assert Result(data, lineage).digest
    without = Result(signal, lineage).content
    assert "growth" not in without and "signal__u_sky" in without
    expected = {
        "noise",
        "sky",
        "aperture",
        "defects",
        "lunar_radius",
        "solid_angle",
        "oversampling",
        "model_scale",
        "model_phase",
        "spectral_interpolation",
        "solar_spectrum",
        "response",
        "geometry",
    }
    k = from_dataset(gain, "k")
    assert {item.name for item in k.components} == expected
    np.testing.assert_allclose(gain["gain_uncertainty"], k.total() * 2.0)
    # by hand: E = signal / A (R / a) (R / b), where the bands share one scale within what their limbs can tell
    limb = RADIUS_RAD**2 / (disk["semi_axis_column"] * disk["semi_axis_line"])
    np.testing.assert_allclose(gain["solid_angle_limb"], limb)
    np.testing.assert_allclose(gain["solid_angle"], limb, rtol=3e-3)
    np.testing.assert_allclose(gain["irradiance_measured"], signal["signal"] / 2.0 * gain["solid_angle"])
    np.testing.assert_allclose(gain["irradiance_model"], band_irradiance(model, geometry(BANDS), case.sensor.response))
    np.testing.assert_allclose(gain["k"], gain["irradiance_measured"] / gain["irradiance_model"])
    assert gain["valid"].all() and gain.attrs["po_version"] == "7"


def test_guards_raise_named_flags(moon: Callable[..., Case]) -> None:
    case = moon(Sphere(semi_column=60.0), touch=lambda counts: np.where(counts > 400, 65535, counts))
    disk, signal = extracted(case)
    assert "saturated" in str(signal["flags"].item()) and number(signal["saturated_pixels"]) > 10
    po = OfficialParameters(sensor="synthetic", version="7", origin="test", gains={"B1": 2.0})
    model = load_model("rolo2005", "tsis1_hsrs")
    where = geometry(["B1"], phase=80.0, eclipse_margin=-0.1, earth_clearance=50.0)
    gain = LUNAR_GAIN.compute((disk, signal, where, case.sensor, po, model), GainParameters())
    assert not gain["valid"].item()
    assert set(str(gain["flags"].item()).split(",")) >= {"saturated", "unusual_phase", "eclipse", "earth_limb"}
    with pytest.raises(InputError, match="outside the"):
        LUNAR_GAIN.compute((disk, signal, geometry(["B1"], phase=98.0), case.sensor, po, model), GainParameters())


def test_hits_and_bad_columns_are_counted_and_filled(moon: Callable[..., Case]) -> None:
    places = [(40, 30), (101, 81), (97, 60), (15, 100)]

    def spoil(counts: np.ndarray) -> np.ndarray:
        counts = counts.copy()
        for line, column in places:
            counts[line, column : column + 2] += 800
        counts[:, 70] = 0
        return counts

    sphere = Sphere(semi_column=60.0)
    case = moon(sphere, touch=spoil)
    _, signal = extracted(case)
    # three tracks of two pixels on the disk and beside it, one in the lines of sky
    assert number(signal["cosmic_hits"]) == 6
    assert number(signal["sky_outliers"]) >= 2
    assert number(signal["defective_columns"]) == 1
    # a column of 120 pixels of 200 DN guessed to some percent
    assert number(signal["signal"]) == pytest.approx(case.truth["B1"].signal, rel=1.5e-3)
    assert number(signal["signal__u_defects"]) > 0
