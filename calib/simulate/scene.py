"""What a simulated Moon acquisition is made of: every effect has an amplitude, and zero switches it off."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import xarray as xr
from pydantic import Field, field_validator

from calib.config import Model
from calib.products.plain import utc
from calib.sensor import Sensor, StraylightPath
from calib.units import Counts, Fraction, Pixels, Seconds, as_written

_RELIEF_WAVES = 90


class MoonScene(Model):
    """A scan over the Moon. Pixels are the camera's own before binning unless said otherwise; counts are those of the product."""

    reference_utc: str = Field(description="when the sensor's first band has the centre of the Moon, ISO-8601 with Z")
    seed: int = Field(default=0, ge=0)
    binning: int = Field(default=1, ge=1, description="camera pixels averaged in each direction")
    margin_columns: float = Field(default=0.7, ge=0.3, description="sky left and right of the disk, in disk radii")
    margin_lines: float = Field(default=0.4, ge=0.25, description="sky before and after the disk, in disk diameters")

    oversampling: float = Field(default=1.0, ge=1.0, description="nominal scan rate over the mean one")
    rate_variation: Fraction = Field(
        default=0.0, ge=0, lt=0.5, description="relative amplitude of the scan rate's sine"
    )
    rate_period: Seconds = Field(default=as_written("5 s"), gt=0)
    rate_error: Fraction = Field(default=0.0, gt=-0.5, lt=0.5, description="relative error of the rates in the product")
    with_scan_rates: bool = True

    limb_relief: Fraction = Field(
        default=0.0,
        ge=0,
        lt=0.01,
        description="heights of the limb, rms over its angle, in radii; 0.05 % is like the Moon",
    )
    gain_error: dict[str, Fraction] = Field(default={}, description="k - 1 per band; bands left out draw theirs")
    gain_error_rms: Fraction = Field(default=as_written("1 %"), ge=0, description="spread of the drawn gain errors")
    psf_sigma: Pixels = Field(default=as_written("0.5 pixel"), ge=0, description="Gaussian of the optics")
    smear: Pixels = Field(
        default=as_written("0 pixel"), ge=0, description="along the scan, beyond the detector's own width"
    )
    straylight: Literal["none", "sensor"] | list[StraylightPath] = "none"

    dark_slope: Counts = Field(
        default=as_written("1 DN"), description="dark level of the last column minus that of the first"
    )
    prnu_rms: Fraction = Field(default=as_written("0.1 %"), ge=0, description="residual non-uniformity of the columns")
    defective_columns: int = Field(default=1, ge=0)
    defective_pixels: int = Field(default=5, ge=0)
    spike_columns: int = Field(default=2, ge=0, description="columns with a dark offset")
    spike_level: Counts = Field(default=as_written("5 DN"), ge=0)
    cosmic_hits: int = Field(default=5, ge=0)
    cosmic_level: Counts = Field(default=as_written("200 DN"), ge=0)
    noise: bool = True

    @field_validator("reference_utc")
    @classmethod
    def _date(cls, text: str) -> str:
        utc(text)
        return text

    def k(self, sensor: Sensor, band: str) -> float:
        """True over official gain of a band."""
        if band in self.gain_error:
            return 1.0 + self.gain_error[band]
        return 1.0 + self.gain_error_rms * float(np.clip(self.random(sensor, band, "gain").standard_normal(), -3, 3))

    def random(self, sensor: Sensor, band: str, effect: str) -> np.random.Generator:
        """A stream of its own for each band and effect: neither asking for fewer bands nor switching an effect off changes another."""
        name = hashlib.sha256(f"{sensor.name}/{band}/{effect}".encode()).digest()
        return np.random.default_rng([self.seed, int.from_bytes(name[:8], "little")])

    def relief(self, sensor: Sensor) -> np.ndarray:
        """Waves of the limb's height around the disk, in radii: complex amplitudes of 0, 1, ... waves. Heights fall with the number of waves, as those of
        the Moon do; there is no single wave, which would be a displaced centre."""
        number = np.arange(1, _RELIEF_WAVES + 1)
        draws = self.random(sensor, "", "relief").standard_normal((2, _RELIEF_WAVES))
        waves = (draws[0] + 1j * draws[1]) / number
        waves[0] = 0.0
        mean = 0.5 * self.random(sensor, "", "figure").standard_normal()
        spectrum = np.concatenate([[mean], waves / np.sqrt(np.sum(2.0 / number[1:] ** 2) / 2)])
        return self.limb_relief * spectrum

    def paths(self, sensor: Sensor, band: str) -> list[StraylightPath]:
        """The stray light that reaches a band."""
        every = self.straylight if isinstance(self.straylight, list) else sensor.straylight
        return [] if self.straylight == "none" else [path for path in every if path.band == band]


def crossing_times(scene: MoonScene, sensor: Sensor) -> xr.DataArray:
    """When each band has the centre of the Moon in its line of sight, UTC over band: a slow scan stretches the offsets between bands."""
    delays = np.array([band.time_offset * scene.oversampling for band in sensor.bands.values()])
    # whole milliseconds: the resolution at which geometry is computed
    times = utc(scene.reference_utc) + np.round(delays * 1e3).astype("timedelta64[ms]")
    return xr.DataArray(times, dims="band", coords={"band": list(sensor.bands)}, name="crossing_time")
