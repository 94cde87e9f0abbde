"""The spectral responses of a sensor as netCDF-4, in the form that the LIME Toolbox reads and users of GIRO give beside their observations.

What is taken from the convention, and what was added, is told in docs/statistics.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from calib.report.glod import Variable, characters, netcdf
from calib.sensor import Sensor

_FILL = -9999.0
_OVER = ("sample", "channel")


def glod_responses(sensor: Sensor) -> bytes:
    """The response curves of all bands, in the sensor's order. The same sensor gives the same bytes.

    `wavelength` [um], `wavenumber` [cm-1] and `srf` (largest value one) over (sample, channel), each channel with its own samples, filled up at the end;
    `channel` is the centroid of the curve [um], `channel_id` the band's name.
    """
    tables = [_samples(sensor, band) for band in sensor.bands]
    longest = max(len(wavelength) for wavelength, _ in tables)
    wavelength_um, srf = (
        np.stack([np.pad(item, (0, longest - len(item)), constant_values=np.nan) for item in items], axis=1)
        for items in zip(*tables, strict=True)
    )
    centroid_um = np.array([np.trapezoid(x * y, x) / np.trapezoid(y, x) for x, y in tables])
    variables = {
        "channel": Variable(("channel",), centroid_um, _told("nominal channel central wavelength", "um")),
        "channel_id": Variable(
            ("channel", "channel_strlen"),
            characters(list(sensor.bands)),
            {"standard_name": "sensor_band_identifier", "long_name": "channel identifier"},
        ),
        "origin": Variable(
            ("channel",),
            np.ones(len(tables), np.uint32),
            {
                "long_name": "original sample domain",
                "flag_values": np.array([1, 2], np.uint32),
                "flag_meanings": "wavelength wavenumber",
            },
        ),
        "srf": Variable(_OVER, srf, _told("normalized spectral response", "1"), _FILL),
        "wavelength": Variable(_OVER, wavelength_um, _told("wavelength", "um"), _FILL),
        "wavenumber": Variable(_OVER, 1e4 / wavelength_um, _told("wavenumber", "cm-1"), _FILL),
    }
    return netcdf(variables, _attributes(sensor), ("sample", "channel", "channel_strlen"))


def _told(long_name: str, units: str) -> dict[str, Any]:
    return {"long_name": long_name, "units": units}


def _samples(sensor: Sensor, band: str) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths [um] and response of a band, from the last zero before it to the first zero after."""
    table = sensor.response.sel(band=band)
    values = table.values.astype(float)
    lit = np.flatnonzero(values)
    kept = slice(max(int(lit[0]) - 1, 0), int(lit[-1]) + 2)
    return table["wavelength"].values[kept].astype(float) / 1e3, values[kept]


def _attributes(sensor: Sensor) -> dict[str, str]:
    told = sensor.provenance.get("responses")
    return {
        "Conventions": "CF-1.6, ACDD-1.3",
        "title": f"Spectral responses of {sensor.name}",
        "summary": "Normalized spectral response of each channel, with which the lunar observations of the sensor were compared with a model",
        "keywords": "GSICS, GLOD, spectral response, lunar, calibration",
        "institution": "not stated",
        "instrument": sensor.name,
        "source": f"{told.status}: {told.source}" if told else "published",
        "data_source": f"{sensor.name}, Etalon lunar calibration",
        "id": f"srf_{sensor.name}",
        "sensor_digest": sensor.digest,
    }
