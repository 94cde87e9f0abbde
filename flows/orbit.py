"""The steps that join orbit and image: where the Sun stands in a lunar image, and the geometry of the Moon seen from the satellite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from calib.acquisition import Acquisition
from calib.errors import InputError, RequestError
from calib.steps import NoParameters, Step
from calib.types import Geometry, as_record, quantised
from calib.units import stamp
from flows.scan import along_disk, moon_scan
from orbit_aux.ccsds import read_oem
from orbit_aux.errors import OrbitError
from orbit_aux.moon_view import earth_clearance, image_angle, lunar_eclipse, moon_geometry
from orbit_aux.orbit import Orbit
from orbit_aux.time import Times

#: to what the geometry is rounded. 1e-4 degree of phase is 5e-6 of the irradiance, 0.1 km of distance 5e-7: far below any use, far above rounding noise
QUANTA = {
    "phase": 1e-4,
    "observer_latitude": 1e-4,
    "observer_longitude": 1e-4,
    "sun_latitude": 1e-4,
    "sun_longitude": 1e-4,
    "sun_angle": 1e-2,
    "north_angle": 1e-2,
    "moon_distance": 0.1,
    "sun_distance": 1e-7,
    "apparent_radius": 1e-9,
    "eclipse_margin": 1e-2,
    "earth_clearance": 1.0,
    "oversampling_attitude": 1e-5,
    "oversampling_spread": 1e-5,
}


@dataclass(frozen=True)
class Arc:
    """The stretch of an orbit that an acquisition needs, as the input of a step: equal records give equal digests, whatever file they came from."""

    orbit: Orbit
    path: Path

    @property
    def digest(self) -> str:
        return self.orbit.digest

    @property
    def label(self) -> str:
        return f"{self.orbit.object_name} arc of {self.path.name}"


def read_orbits(paths: Sequence[Path]) -> list[tuple[Path, Orbit]]:
    """The orbits of several OEM files, in their order; RequestError for a file that is none."""
    try:
        return [(path, read_oem(path)) for path in paths]
    except OrbitError as error:
        raise RequestError(f"orbits: {error}") from error


def arc_for(acquisition: Acquisition, platform: str, orbits: Sequence[tuple[Path, Orbit]]) -> Arc:
    """The arc around an acquisition, from the last of the files that covers it; InputError naming what each file covers otherwise."""
    found = arc_over((acquisition.start, acquisition.stop), platform, orbits)
    if found is not None:
        return found
    start, stop = Times.from_utc(np.array([acquisition.start])), Times.from_utc(np.array([acquisition.stop]))
    own = [(path, orbit) for path, orbit in orbits if orbit.object_name.upper() == platform.upper()]
    if not own:
        names = sorted({orbit.object_name for _, orbit in orbits})
        raise InputError(
            f"{acquisition.label}: no orbit file is for {platform} (OBJECT_NAME given: {', '.join(names)}); add one to 'orbits'"
        )
    refusals = []
    for _, orbit in reversed(own):
        try:
            orbit.arc(start, stop)
        except OrbitError as error:
            refusals.append(str(error))
    raise InputError(f"{acquisition.label}: {'; '.join(refusals)}")


def arc_over(
    span: tuple[np.datetime64, np.datetime64], platform: str, orbits: Sequence[tuple[Path, Orbit]]
) -> Arc | None:
    """The arc of a satellite between two dates, from the last of the files that covers it; None where none does."""
    times = Times.from_utc(np.array(span))
    for path, orbit in reversed(orbits):
        if orbit.object_name.upper() == platform.upper() and orbit.covers(times).all():
            return Arc(orbit.arc(times[0], times[1]), path)
    return None


def _over_bands(dataset: xr.Dataset, bands: list[str]) -> xr.Dataset:
    return dataset.rename(time="band").assign_coords(band=bands).drop_vars("axis", errors="ignore")


def _image_angles(view: xr.Dataset, acquisition_axes: tuple[np.ndarray, np.ndarray]) -> dict[str, xr.DataArray]:
    angles = {}
    for name, source in (("sun_angle", "sun_from_moon"), ("north_angle", "lunar_north")):
        values = np.degrees(image_angle(view[source].values, *acquisition_axes))
        angles[name] = xr.DataArray(values, dims="band", attrs={"units": "deg"})
    return angles


def _rounded(dataset: xr.Dataset) -> xr.Dataset:
    return dataset.assign(
        {name: quantised(dataset[name], quantum) for name, quantum in QUANTA.items() if name in dataset}
    )


def sun_direction(acquisition: Acquisition, parameters: NoParameters) -> xr.Dataset:  # noqa: ARG001
    """Where the Sun and the lunar north lie in the image of each band, at its middle line, in degrees from +column towards +line; and the phase.

    Seen from the centre of the Earth: the satellite's place turns these directions by less than the 80 degrees of limb that they select would notice, so
    this step, and the disk after it, needs no orbit and is never redone for a new one.
    """
    bands = list(acquisition.bands)
    middle = np.array([image.line_time((image.raster.lines - 1) / 2) for image in acquisition.bands.values()])
    times = Times.from_utc(middle)
    view = _over_bands(moon_geometry(times, np.zeros((len(bands), 3))), bands)
    axes = acquisition.axes
    return _rounded(
        xr.Dataset(
            {**_image_angles(view, axes), "apparent_radius": view["apparent_radius"], "phase": view["phase"]},
            coords={"band": bands},
        )
    )


def moon_view(lunar_disk: xr.Dataset, acquisition: Acquisition, orbit: Arc, parameters: NoParameters) -> xr.Dataset:  # noqa: ARG001
    """The Moon seen from the satellite when it crossed each band: phase, selenographic points, distances, image angles, guards, and its oversampling by
    attitude and orbit, or by the product's scan rates, where there are any."""
    bands = [str(name) for name in lunar_disk["band"].values]
    times = Times.from_utc(lunar_disk["crossing_time"].values)
    geometry = geometry_at(times, orbit.orbit.at(times).position_m, bands, acquisition.axes)
    return geometry.assign(oversampling(lunar_disk, acquisition, orbit.orbit))


def oversampling(lunar_disk: xr.Dataset, acquisition: Acquisition, orbit: Orbit) -> dict[str, xr.DataArray]:
    """`oversampling_attitude`, nominal over true advance of a line: mean over the lines of the disk, by the product's attitude and the orbit, or by its scan
    rates; `oversampling_spread`, its relative standard deviation over them; `oversampling_lines` along the disk as a record. Empty where a band has neither.
    """
    scan = moon_scan(acquisition, orbit)
    mean, spread, lines = [], [], []
    for name in lunar_disk["band"].values:
        image, disk = acquisition.band(str(name)), lunar_disk.sel(band=name)
        found = along_disk(image, scan, float(disk["centre_line"]), float(disk["semi_axis_line"]))
        if found is None:
            return {}
        places, rate = found
        nominal = float(disk["nominal_angle_line"]) / image.line_period_s
        # the ends of the disk count half: the mean over its lines, as the ellipse has it
        average = float(np.trapezoid(rate, places) / 2)
        mean.append(nominal / average)
        spread.append(float(np.sqrt(np.trapezoid((rate / average - 1) ** 2, places) / 2)))
        lines.append(nominal / rate)
    over = {
        "oversampling_attitude": stamp(xr.DataArray(mean, dims="band"), "1", "by attitude and orbit, or scan rates"),
        "oversampling_spread": stamp(xr.DataArray(spread, dims="band"), "1", "over the lines of the disk, relative"),
    }
    along = stamp(xr.DataArray(lines, dims=("band", "disk_place")), "1", "along the disk, first line to last")
    return {name: quantised(array, QUANTA[name]) for name, array in over.items()} | {
        "oversampling_lines": as_record(along)
    }


def geometry_at(
    times: Times, position_m: np.ndarray, bands: list[str], axes: tuple[np.ndarray, np.ndarray]
) -> xr.Dataset:
    """The geometry dataset over `bands` (one time and one GCRF position each), rounded to QUANTA; `axes` are the image's column and line axes in GCRF."""
    view = _over_bands(moon_geometry(times, position_m), bands)
    guards = {
        "eclipse_margin": stamp(xr.DataArray(lunar_eclipse(times).values, dims="band"), "deg"),
        "earth_clearance": stamp(xr.DataArray(earth_clearance(times, position_m).values, dims="band"), "km"),
    }
    scalars = {str(name): array for name, array in view.data_vars.items() if "axis" not in array.dims}
    records = {
        "satellite_position": as_record(stamp(xr.DataArray(position_m, dims=("band", "axis")), "m", "satellite, GCRF")),
        "crossing_time": as_record(xr.DataArray(times.utc_datetime64(), dims="band")),
    }
    return _rounded(
        xr.Dataset({**scalars, **_image_angles(view, axes), **guards}, coords={"band": bands}, attrs=view.attrs)
    ).assign(records)


SUN_DIRECTION = Step("sun_direction", "3", ("acquisition",), NoParameters, sun_direction, Geometry)
MOON_GEOMETRY = Step("moon_geometry", "3", ("lunar_disk", "acquisition", "orbit"), NoParameters, moon_view, Geometry)
