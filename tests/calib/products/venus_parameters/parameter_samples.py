"""The numbers of the synthetic parameter files, and writing them all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calib.products.venus_parameters.names import BANDS, TDI
from calib.products.venus_parameters.straylight import Crosstalk, Filter, Ghost, Straylight, Strip
from calib.simulate.products import venus_parameters as simulate
from calib.simulate.products.venus_parameters import Identity

GAINS = {band: 0.1 + 0.2 * number / 3 for number, band in enumerate(BANDS)}
NOISE_A = {band: 1.0 + number / 7 for number, band in enumerate(BANDS)}
NOISE_B = {band: {tdi: 0.01 / tdi for tdi in TDI} for band in BANDS}
COLUMNS = np.arange(5200)
SENSITIVITIES = np.stack([1 + 1e-5 * COLUMNS, 1.1 - 1e-5 * COLUMNS, 500.0 + COLUMNS % 7], axis=1)
TANGENTS = np.stack([1e-3 + 1e-9 * COLUMNS, (COLUMNS - 2600) * 7.36e-6], axis=1)
DARK = 20.0 + COLUMNS % 3
SPIKES = [(0, 12.5, (1.0, 2.0, 3.0, 4.0), (0.5, 0.25)), (17, 3.0, (0.0, 0.0, 0.0, 1.0), (1.0, 0.0))]
DEFECTS = {16: [(0, 2, "BLIND"), (2, 2, "NOISY"), (5199, 5199, "FILTER_HOLE")], 8: []}
WAVELENGTH = np.arange(400.0, 450.1, 2.5)
RESPONSE = np.exp(-(((WAVELENGTH - 424.0) / 10.0) ** 2))
TIMES = np.datetime64("2019-02-04T08:34:37.125", "ns") + np.arange(20) * np.timedelta64(100, "ms")
_ANGLE = 0.3 + 1e-4 * np.arange(20)
#: a rotation about z, scalar first
QUATERNION = np.stack([np.cos(_ANGLE / 2), 0 * _ANGLE, 0 * _ANGLE, np.sin(_ANGLE / 2)], axis=1)
RATE = np.tile([1e-5, -1.06e-3, 2e-6], (20, 1))
SECONDS = TIMES[::10].astype("datetime64[s]").astype("datetime64[ns]")
POSITION = np.array([[7.0e6, 1.0e5, -3.0e5], [7.0e6 - 10, 1.07e5, -2.99e5]])
VELOCITY = np.array([[-10.0, 7000.0, 1000.0], [-11.0, 7000.5, 1000.25]])
GHOST = np.zeros((5, 7), dtype=np.float32)
GHOST[2, 3], GHOST[0, 6] = 1.0, -0.0123
STRAYLIGHT = Straylight(
    "B2",
    margin=12,
    ghosts=(Ghost(0, 2599, Filter("SPATIAL", GHOST)), Ghost(2600, 5199, Filter("SPATIAL", GHOST * 2))),
    crosstalks=(
        Crosstalk("B1", Filter("SPATIAL", GHOST[:3]), 4, (Strip(0, 999, 0.003, -5), Strip(1000, 5199, 1 / 300, 7))),
        Crosstalk("B5", Filter("FREQUENTIAL", GHOST[:2]), 0, (Strip(0, 5199, 0.001),)),
    ),
)


def write_all(folder: Path, file_class: str) -> dict[str, Path]:
    """One file of each type, by type."""
    common = Identity(file_class, serial=7, notes="synthetic: α & <b>")
    moon = Identity(file_class, "THE_MOON")
    irradiance = {band: 2000.0 - 90 * number for number, band in enumerate(BANDS)}
    halves = [(0, 2599, WAVELENGTH, RESPONSE), (2600, 5199, WAVELENGTH + 5.0, RESPONSE)]
    return {
        "GIP_PHGAIN": simulate.write_gains(folder, common, GAINS),
        "GIP_NOISMO": simulate.write_noise(folder, common, NOISE_A, NOISE_B),
        "GIP_RELSEN": simulate.write_sensitivities(folder, common, "B3", (4, 8), SENSITIVITIES),
        "GIP_DARKCU": simulate.write_dark_currents(folder, common, "B10", TDI, DARK, SPIKES),
        "GIP_OUTORD": simulate.write_defects(folder, common, "B12", DEFECTS),
        "GIP_STRLGT": simulate.write_straylight_filters(folder, common, STRAYLIGHT),
        "GIP_SPECSE": simulate.write_responses(folder, common, irradiance, dict.fromkeys(BANDS, halves)),
        "GIP_REFLEC": simulate.write_reflectance_constants(folder, common, 0.0172, 0.01673, 2.0, 1.2),
        "GIP_VIEDIR": simulate.write_viewing_directions(folder, common, "B1", (1,), TANGENTS),
        "TEC_LINDAT": simulate.write_line_dates(folder, moon, "B4", TIMES),
        "AUX_GPSDTA": simulate.write_positions(folder, moon, SECONDS, POSITION, VELOCITY),
        "AUX_AOCDTA": simulate.write_attitudes(folder, moon, TIMES, QUATERNION, RATE),
    }
