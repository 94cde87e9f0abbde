"""A site seen from orbit, as every product format can hold it: reflectances, angles, dates. The truth that readers must give back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr


@dataclass(frozen=True, eq=False)
class SiteScene:
    """Top-of-atmosphere reflectances of a site over (band, line, column), and the geometry in which they were seen.

    Zenith and azimuth in degrees, azimuths from the target, clockwise from north; `view` per detector unit (1, 2, ...), each (zenith, azimuth) of
    the image's centre.
    """

    name: str
    acquired: np.datetime64
    reflectance: xr.DataArray
    sun: tuple[float, float] = (35.0, 140.0)
    view: Mapping[int, tuple[float, float]] = field(
        default_factory=lambda: {1: (12.0, 101.0), 2: (12.4, 103.0), 3: (12.8, 105.0), 4: (13.2, 107.0)}
    )
    sampling_m: float = 5.0
    epsg: int = 32631
    upper_left_m: tuple[float, float] = (500_000.0, 4_850_000.0)
    saturated: tuple[slice, slice] = (slice(2, 4), slice(3, 7))
    empty: tuple[slice, slice] = (slice(-3, None), slice(-2, None))

    @property
    def bands(self) -> list[str]:
        return [str(name) for name in self.reflectance["band"].values]

    @property
    def shape(self) -> tuple[int, int]:
        """Lines and columns."""
        return self.reflectance.sizes["line"], self.reflectance.sizes["column"]

    def counts(self, quantification: float) -> xr.DataArray:
        """Reflectances as whole counts (reflectance times `quantification`, rounded), 0 in the empty corner; uint16."""
        counts = (self.reflectance * quantification).round().astype("uint16")
        counts[:, self.empty[0], self.empty[1]] = 0
        return counts


def site_scene(
    bands: Sequence[str],
    *,
    name: str = "LACRAU",
    acquired: str = "2019-02-04T10:34:37.500",
    shape: tuple[int, int] = (96, 128),
    seed: int = 0,
) -> SiteScene:
    """A bright plain with dark fields whose reflectance grows with the wavelength (the order of `bands`); the same seed gives the same scene."""
    lines, columns = shape
    generator = np.random.default_rng(seed)
    down, across = np.meshgrid(np.linspace(0, 1, lines), np.linspace(0, 1, columns), indexing="ij")
    ground = 0.8 + 0.1 * np.sin(5 * down + 1) * np.cos(4 * across) - 0.35 * ((down // 0.25 + across // 0.2) % 3 == 1)
    level = np.linspace(0.12, 0.42, len(bands))
    noise = generator.normal(0, 0.002, (len(bands), lines, columns))
    values = np.clip(level[:, None, None] * ground + noise, 0.01, 1.2)
    reflectance = xr.DataArray(
        values, dims=("band", "line", "column"), coords={"band": list(bands)}, attrs={"units": "1"}
    )
    return SiteScene(name, np.datetime64(acquired, "ns"), reflectance)
