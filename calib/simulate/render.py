"""Radiance images of all bands of a scene: each band's own sampling, scale to the model irradiance, optics, stray light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from calib.errors import RequestError
from calib.products.plain import utc
from calib.sensor import Sensor
from calib.simulate.albedo import lunar_map, mare_ratio
from calib.simulate.disk import Frame, Moon, Scan, moon_of_band, raw_radiance
from calib.simulate.optics import spread
from calib.simulate.scene import MoonScene

#: cells around the Moon; finer maps cost time and memory and change no integral
_MAP_WIDTHS = (512, 2048)


@dataclass(frozen=True)
class BandScale:
    """Pixel angles (rad), line period (s) and pixels of the camera per pixel of a band image."""

    across_rad: float
    along_rad: float
    line_period_s: float
    camera_pixels: int


class Renderer:
    """Noise-free radiance of a scene, band by band. Holds what the bands share: scene, sensor, geometry, irradiance, scan."""

    def __init__(self, scene: MoonScene, sensor: Sensor, geometry: xr.Dataset, irradiance: xr.DataArray) -> None:
        self.scene, self.sensor, self.geometry, self.irradiance = scene, sensor, geometry, irradiance
        nominal = sensor.pixel_angle_along / sensor.line_period
        phase = float(scene.random(sensor, "", "rate").uniform(0, 2 * np.pi))
        self.scan = Scan(nominal / scene.oversampling, scene.rate_variation, scene.rate_period, phase)
        self._factors: dict[str, float] = {}

    def scale(self, band: str) -> BandScale:
        """Sampling of a band: binning in the camera times binning in the product."""
        pixels = self.sensor.bands[band].binning * self.scene.binning
        sensor = self.sensor
        return BandScale(
            sensor.pixel_angle_across * pixels, sensor.pixel_angle_along * pixels, sensor.line_period * pixels, pixels
        )

    def moon(self, band: str) -> Moon:
        """The Moon of a band; RequestError where geometry or irradiance do not hold the band."""
        for what, array in (("geometry", self.geometry), ("irradiance", self.irradiance)):
            if band not in array["band"].values:
                raise RequestError(f"{what} of band {band} is missing; give it for every band of {self.sensor.name}")
        crossing = self.geometry["crossing_time"].sel(band=band).values
        return moon_of_band(
            self.geometry, band, float((crossing - utc(self.scene.reference_utc)) / np.timedelta64(1, "ns")) * 1e-9
        )

    def frame(self, band: str) -> Frame:
        """The window of a band image around its disk; the centre lies at a fraction of a pixel that differs from band to band."""
        scene, scale, moon = self.scene, self.scale(band), self.moon(band)
        rng = scene.random(self.sensor, band, "place")
        radius = moon.radius_rad / scale.across_rad
        available = self.sensor.columns // scale.camera_pixels
        if 2.6 * radius > available:
            raise RequestError(
                f"the disk of {band} is {2 * radius:.0f} pixels wide, too much for {available} columns of {self.sensor.name}"
            )
        columns = min(available, int(np.ceil(2 * radius * (1 + scene.margin_columns))) + 4)
        # lines follow the scan: the limb is found by inverting the scan angle on a fine grid
        period = scale.line_period_s
        span = 1.6 * moon.radius_rad / (self.scan.mean_rad_s * (1.0 - scene.rate_variation))
        grid = moon.crossing_s + np.linspace(-span, span, 4001)
        angle = self.scan.angle(grid) - self.scan.angle(moon.crossing_s)
        begin, end = np.interp([-moon.radius_rad, moon.radius_rad], angle, grid)
        margin = int(np.ceil(scene.margin_lines * (end - begin) / period)) + 2
        before = int(np.ceil((moon.crossing_s - begin) / period)) + margin + float(rng.uniform(-0.5, 0.5))
        lines = int(np.ceil(before + (end - moon.crossing_s) / period)) + margin
        # whole nanoseconds, as the product keeps its dates
        first_s = np.round((moon.crossing_s - before * period) * 1e9) * 1e-9
        centre = (columns - 1) / 2 + float(rng.uniform(-1, 1))
        return Frame(lines, columns, float(first_s), period, scale.across_rad, centre)

    def solid_angle(self, frame: Frame) -> np.ndarray:
        """Of one sample of each line, sr."""
        return np.asarray(frame.pixel_rad * self.scan.rate(frame.times()) * frame.line_period_s)

    def disk(self, band: str) -> np.ndarray:
        """Radiance (line, column) of the disk behind the optics, W m-2 sr-1 um-1; its sum over solid angle is the model's irradiance."""
        image = self._relative(band, band, (0.0, 0.0), 0.0)
        image *= self._factor(band, image)
        return image

    def radiance(self, band: str) -> np.ndarray:
        """The disk and the stray light that reaches the band."""
        image = self.disk(band)
        for path in self.scene.paths(self.sensor, band):
            source = path.source or band
            ghost = self._relative(source, band, (path.column_shift, path.line_shift), path.blur)
            image += path.factor * self._factor(source) * ghost
        return image

    def _factor(self, band: str, own: np.ndarray | None = None) -> float:
        """What turns relative into physical radiance of a band, from its image in its own window."""
        if band not in self._factors:
            own = self._relative(band, band, (0.0, 0.0), 0.0) if own is None else own
            sum_sr = float(self.solid_angle(self.frame(band)) @ own.sum(axis=1))
            self._factors[band] = float(self.irradiance.sel(band=band)) / sum_sr
        return self._factors[band]

    def _relative(self, source: str, band: str, shift: tuple[float, float], blur: float) -> np.ndarray:
        """The Moon of `source` on the pixels and at the line dates of `band`, displaced by camera pixels on the focal plane."""
        scene, scale, frame, moon = self.scene, self.scale(band), self.frame(band), self.moon(source)
        camera = scale.camera_pixels
        width = int(2 ** np.ceil(np.log2(2 * np.pi * moon.radius_rad / scale.across_rad)))
        displaced = (shift[0] / camera, shift[1] * self.sensor.pixel_angle_along)
        albedo = lunar_map(int(np.clip(width, *_MAP_WIDTHS)))
        relief = scene.relief(self.sensor)
        image = raw_radiance(
            moon, frame, self.scan, albedo, mare_ratio(self.sensor.bands[source].centre), displaced, relief
        )
        sigma = float(np.hypot(scene.psf_sigma, blur)) / camera
        # a slow scan takes several lines while the Moon moves by one detector: the detector's own width is a box of as many lines
        box = scene.oversampling * (1.0 + scene.smear / camera) - 1.0
        return spread(image, (sigma * scene.oversampling, sigma), box)
