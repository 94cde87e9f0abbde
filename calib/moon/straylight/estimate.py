"""The kernels of all bands from the sky around the Moon: local ghosts and halos of a band's own disk, crosstalk from every other band."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pydantic import Field, model_validator

from calib.config import Model
from calib.moon.straylight.fit import Found, Limits, find
from calib.moon.straylight.maps import DiskMaps
from calib.moon.straylight.search import BandSky, Way, limit_of
from calib.moon.straylight.templates import DISK_EDGE, DiskImage, Kernel
from calib.units import Fraction

#: pixels that a cell of sky needs, of its full number
_COVERED = 0.5


class StraylightParameters(Model):
    """How stray light is looked for. Lengths in disk radii."""

    radius_cells: int = Field(default=48, ge=16, le=400, description="cells of the maps to a radius of the disk")
    extent: tuple[float, float] = Field(
        default=(2.0, 4.0), description="of the maps from the centre, columns and lines"
    )
    wing_margin: Fraction = Field(
        default=0.03, ge=0.02, lt=0.5, description="sky begins so far from the limb: nearer lie the wings of the optics"
    )
    ghost_reach: Fraction = Field(default=0.3, gt=0.02, le=2, description="displacement of a local ghost, either way")
    crosstalk_columns: Fraction = Field(
        default=0.2, gt=0, le=2, description="displacement of a crosstalk along the columns, either way"
    )
    crosstalk_lines: Fraction = Field(
        default=0.01, gt=0, le=2, description="and along the scan, where equal times leave none"
    )
    blurs: tuple[Fraction, Fraction] = Field(default=(0.015, 0.05), description="Gaussian sigmas to begin with")
    halo_blurs: tuple[Fraction, Fraction] = Field(default=(0.06, 0.2), description="those of a halo")
    false_alarm: Fraction = Field(
        default=0.01, gt=0, lt=0.5, description="chance that noise alone shows a kernel anywhere in an acquisition"
    )
    least_share: Fraction = Field(
        default=0.00005, ge=0, description="no kernel adds less, of the disk's mean: so well is the disk itself known"
    )
    largest_share: Fraction = Field(
        default=0.03,
        gt=0,
        description="expected at most, of the disk's mean: holds kernels that lie hidden under the disk",
    )
    kernels: int = Field(default=6, ge=1, le=20, description="at most, in a band")
    passes: int = Field(default=2, ge=1, le=5, description="each with disks freed from the stray light found before")

    @model_validator(mode="after")
    def _sharper_first(self) -> StraylightParameters:
        for blurs in (self.blurs, self.halo_blurs):
            if not 0 < blurs[0] < blurs[1]:
                raise ValueError(f"blurs {blurs[0]:g}, {blurs[1]:g}: give two positive ones, the sharper first")
        return self


@dataclass(frozen=True, eq=False)
class Estimate:
    """What the sky of all bands tells.

    `found` per band; `limit` in sigmas, beyond which a kernel is reported; over (band, source): `sensitivity`, the median uncertainty of a factor
    (counts per count of the source's disk; inf where not seen), and `seen`, the share of the source's light on usable sky. `level`: mean counts of the
    disk in each band [DN], freed from the stray light found.
    """

    maps: DiskMaps
    found: Mapping[str, Found]
    limit: float
    sensitivity: np.ndarray
    seen: np.ndarray
    level: np.ndarray
    parameters: StraylightParameters

    @cached_property
    def kernels(self) -> dict[str, tuple[Kernel, ...]]:
        """The kernels alone, by band."""
        return {band: item.kernels for band, item in self.found.items()}


def estimate_kernels(maps: DiskMaps, parameters: StraylightParameters) -> Estimate:
    """The kernels of every band and every ordered pair of bands that stand out of the noise, the chance of a false one over all of them controlled."""

    def skies_of(kernels: Mapping[str, tuple[Kernel, ...]]) -> dict[str, BandSky]:
        disks = clean_disks(maps, kernels)
        return {band: band_sky(maps, number, disks, parameters.wing_margin) for number, band in enumerate(maps.bands)}

    told = search_all(maps, skies_of, parameters)
    level = np.array([told.skies[band].disks[band].level for band in maps.bands])
    return Estimate(maps, told.found, told.limit, told.sensitivity, told.seen, level, parameters)


@dataclass(frozen=True, eq=False)
class Searched:
    """The outcome of a search in all bands: as of `Estimate`, with the skies that it ended with."""

    found: Mapping[str, Found]
    skies: Mapping[str, BandSky]
    limit: float
    sensitivity: np.ndarray
    seen: np.ndarray


def search_all(
    maps: DiskMaps,
    skies_of: Callable[[Mapping[str, tuple[Kernel, ...]]], dict[str, BandSky]],
    parameters: StraylightParameters,
) -> Searched:
    """Search all ways of all bands, in passes. `skies_of` gives the skies of the bands with disks freed from the stray light of kernels; `maps` are
    those of the acquisition that offsets and lengths refer to."""
    levels = np.array([disk.level for disk in clean_disks(maps, dict.fromkeys(maps.bands, ())).values()])
    ways = {band: _ways(maps, number, levels, parameters) for number, band in enumerate(maps.bands)}
    trials = sum(len(way.displacements(maps.cell)) * len(way.blurs) for several in ways.values() for way in several)
    limit = limit_of(parameters.false_alarm, trials)
    kernels: dict[str, tuple[Kernel, ...]] = dict.fromkeys(maps.bands, ())
    skies: dict[str, BandSky] = {}
    found: dict[str, Found] = {}
    for _ in range(parameters.passes):
        skies = skies_of(kernels)
        found = {}
        for band, sky in skies.items():
            least = {
                name: parameters.least_share * sky.disks[band].level / disk.level for name, disk in sky.disks.items()
            }
            found[band] = find(sky, ways[band], Limits(limit, least, parameters.kernels), kernels[band])
        kernels = {band: item.kernels for band, item in found.items()}
        if not any(kernels.values()):
            break
    sensitivity, seen = (np.full((len(maps.bands),) * 2, fill) for fill in (np.inf, 0.0))
    for row, band in enumerate(maps.bands):
        for way in ways[band]:
            if way.kind != "halo":
                pair = row, maps.bands.index(way.source)
                sensitivity[pair] = skies[band].sensitivity(way) * found[band].noise_scale
                seen[pair] = skies[band].seen(way)
    return Searched(found, skies, limit, sensitivity, seen)


def band_sky(maps: DiskMaps, number: int, disks: Mapping[str, DiskImage], margin: float) -> BandSky:
    """The sky of one band from `margin` disk radii beyond the limb on."""
    pixels = maps.pixels[number]
    usable = (pixels > _COVERED * np.median(pixels[pixels > 0])) & (maps.radius() > 1 + margin)
    variance = maps.noise[number] ** 2 / np.maximum(pixels, 1e-9)
    return BandSky(maps.mean[number], np.where(usable, variance, 1.0), usable, maps.y, disks)


def clean_disks(maps: DiskMaps, kernels: Mapping[str, tuple[Kernel, ...]]) -> dict[str, DiskImage]:
    """The disks of all bands without the stray light of the kernels."""
    axes, blur = (maps.y, maps.x), 0.26
    raw = {band: DiskImage(maps.mean[number], axes, blur) for number, band in enumerate(maps.bands)}
    return {
        band: DiskImage(maps.mean[number] - stray_light(raw, kernels[band]), axes, blur) if kernels[band] else raw[band]
        for number, band in enumerate(maps.bands)
    }


def stray_light(disks: Mapping[str, DiskImage], kernels: tuple[Kernel, ...]) -> np.ndarray:
    """What kernels add to the map of a band, counts over (y, x)."""
    shape = next(iter(disks.values())).shape
    return np.asarray(
        np.sum([np.zeros(shape), *(item.factor * disks[item.source].stray(item)[0] for item in kernels)], axis=0)
    )


def _ways(maps: DiskMaps, number: int, levels: np.ndarray, parameters: StraylightParameters) -> tuple[Way, ...]:
    """The ways by which light may reach a band: from its own disk, and from those of which the sky of the band could show a part."""
    band, reach = maps.bands[number], (parameters.ghost_reach,) * 2
    largest = parameters.largest_share * levels[number] / levels
    own = (
        Way("ghost", band, 0.0, reach, parameters.blurs, largest[number]),
        Way("halo", band, 0.0, (0.0, 0.0), parameters.halo_blurs, largest[number]),
    )
    covered = maps.y[maps.pixels[number].any(axis=1)]
    beside, room = (parameters.crosstalk_columns, parameters.crosstalk_lines), DISK_EDGE + parameters.crosstalk_lines
    others = [
        Way("crosstalk", source, float(offset), beside, parameters.blurs, most)
        for source, offset, most in zip(maps.bands, maps.offset[number], largest, strict=True)
        if source != band and covered[0] - room < offset < covered[-1] + room
    ]
    return (*own, *others)
