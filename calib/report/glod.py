"""Lunar irradiances as netCDF-4 in the form of the GSICS lunar observation dataset (GLOD), which GIRO and the LIME Toolbox read.

What is taken from the convention, and what was added, is told in docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr

from calib.report.statistics import Measurement
from calib.report.summary import DISK, GAIN, GEOMETRY, SIGNAL, band_names

#: components of k that belong to the model and the geometry that it is given, not to the measured irradiance
MODEL_SIDE = frozenset({"spectral_interpolation", "solar_spectrum", "response", "geometry"})
#: what SPICE, and with it the LIME Toolbox, names the axes of the celestial reference frame
FRAME = "J2000"
_FILL = -999
#: in the order of the convention
_DIMENSIONS = ("chan", "chan_strlen", "date", "sat_ref_strlen", "sat_xyz")
_TIME = {"standard_name": "time", "units": "seconds since 1970-01-01T00:00:00Z", "calendar": "gregorian"}
#: variables over channels: step, variable of its result, units, long name; counts are whole numbers
_CHANNELS = {
    "irr_mod": (GAIN, "irradiance_model", "W m-2 um-1", "modelled lunar irradiance for each channel"),
    "pix_solid_ang": (GAIN, "solid_angle", "sr", "pixel solid angle"),
    "ovrsamp_fa": (GAIN, "oversampling", "1", "oversampling factor"),
    "dc_obs": (SIGNAL, "signal", "1", "integrated digital counts of lunar observation"),
    "dc_obs_offset": (SIGNAL, "sky_level", "1", "averaged digital counts offset of deep space"),
    "moon_pix_num": (SIGNAL, "aperture_pixels", "1", "number of pixels whose counts are integrated"),
}
_WHOLE = ("dc_obs", "moon_pix_num")
#: variables over dates, of the channel that gives the date: variable of the geometry, units, long name
_GEOMETRY = {
    "phase_angle": ("phase", "degree", "moon phase angle, negative before full Moon"),
    "distance_sat_moon": ("moon_distance", "km", "distance between satellite and Moon"),
    "distance_sun_moon": ("sun_distance", "AU", "distance between Sun and Moon"),
    "sat_sel_lon": ("observer_longitude", "degree", "selenographic longitude of the satellite"),
    "sat_sel_lat": ("observer_latitude", "degree", "selenographic latitude of the satellite"),
    "sun_sel_lon": ("sun_longitude", "degree", "selenographic longitude of the Sun"),
    "sun_sel_lat": ("sun_latitude", "degree", "selenographic latitude of the Sun"),
}


@dataclass(frozen=True)
class Variable:
    """A variable of a netCDF file; NaN becomes `fill` where there is one."""

    dims: tuple[str, ...]
    values: np.ndarray
    attrs: Mapping[str, Any]
    fill: float | None = None


def has_irradiance(measurement: Measurement) -> bool:
    """Whether the acquisition came as far as an irradiance."""
    return GAIN in measurement.results


def glod_series(measurements: Sequence[Measurement]) -> bytes:
    """All observations of one sensor in one file, by date: variables over (date, chan), positions over (date, sat_xyz)."""
    bands = band_names(item.results[GAIN].data for item in measurements)
    ordered = sorted(measurements, key=lambda item: (_reference(item)[1], item.acquisition))
    return netcdf(_variables(ordered, bands), _attributes(ordered), _DIMENSIONS)


def glod_observation(measurement: Measurement) -> bytes:
    """One observation as GIRO and the LIME Toolbox want it: one date, variables over (chan), the position over (sat_xyz)."""
    bands = band_names([measurement.results[GAIN].data])
    variables = {
        name: Variable(item.dims[1:], item.values[0], item.attrs, item.fill)
        if item.dims[0] == "date" and len(item.dims) > 1
        else item
        for name, item in _variables([measurement], bands).items()
    }
    return netcdf(variables, _attributes([measurement]), _DIMENSIONS)


def _reference(item: Measurement) -> tuple[str, np.datetime64]:
    """The band that stands for the date of an acquisition, and when it crossed the Moon: the one nearest the middle of all crossings."""
    times = item.results[GAIN].data["crossing_time"]
    middle = times.values.min() + (times.values.max() - times.values.min()) / 2
    nearest = int(np.abs(times.values - middle).argmin())
    return str(times["band"].values[nearest]), times.values[nearest]


def _variables(ordered: Sequence[Measurement], bands: list[str]) -> dict[str, Variable]:
    usable = _over_bands(ordered, bands, lambda item: item.results[GAIN].data["valid"].astype(float)) == 1
    over = ("date", "chan")
    positive = {"valid_min": 0.0, "valid_max": 1e6}
    irradiance = _over_bands(ordered, bands, lambda item: item.results[GAIN].data["irradiance_measured"])
    uncertainty = _over_bands(ordered, bands, _uncertainty)
    told = {"units": "W m-2 um-1", "long_name": "observed lunar irradiance for each channel", **positive}
    told_u = {**told, "long_name": "standard uncertainty (k = 1) of the observed lunar irradiance for each channel"}
    variables = {
        **_dates(ordered),
        "channel_name": Variable(
            ("chan", "chan_strlen"),
            characters(bands),
            {"standard_name": "sensor_band_identifier", "long_name": "channel identifier"},
        ),
        "irr_obs": Variable(over, np.where(usable, irradiance, np.nan), told, _FILL),
        "irr_obs_unc": Variable(over, np.where(usable, uncertainty, np.nan), told_u, _FILL),
    }
    for name, (step, variable, units, meaning) in _CHANNELS.items():
        values = _over_bands(ordered, bands, lambda item, step=step, variable=variable: _found(item, step, variable))
        values = np.where(np.isnan(values), _FILL, values).round().astype(np.int64) if name in _WHOLE else values
        variables[name] = Variable(over, values, {"units": units, "long_name": meaning}, _FILL)
    flag = {
        "long_name": "whether the observation may be used",
        "flag_values": np.array([0, 1], np.int8),
        "flag_meanings": "not_usable usable",
    }
    return {**variables, "usable": Variable(over, usable.astype(np.int8), flag), **_crossings(ordered, bands)}


def _dates(ordered: Sequence[Measurement]) -> dict[str, Variable]:
    """Date, place and geometry of each observation, those of its reference band."""
    found = [_reference(item) for item in ordered]
    views = [
        item.results[GEOMETRY].data.sel(band=band, drop=True) for item, (band, _) in zip(ordered, found, strict=True)
    ]
    place = {"units": "km", "long_name": "satellite position x y z in sat_pos_ref"}
    return {
        "date": Variable(
            ("date",),
            np.array([_seconds(time) for _, time in found]),
            {"long_name": "time of lunar observation", **_TIME},
        ),
        "sat_pos": Variable(
            ("date", "sat_xyz"), np.stack([view["satellite_position"].values / 1e3 for view in views]), place
        ),
        "sat_pos_ref": Variable(
            ("sat_ref_strlen",), characters([FRAME])[0], {"long_name": "reference frame of satellite position"}
        ),
        **{
            name: Variable(
                ("date",),
                np.array([float(view[variable]) for view in views]),
                {"units": units, "long_name": meaning},
            )
            for name, (variable, units, meaning) in _GEOMETRY.items()
        },
    }


def _crossings(ordered: Sequence[Measurement], bands: list[str]) -> dict[str, Variable]:
    """When each channel crossed the Moon, and where the satellite was then."""
    times = _over_bands(
        ordered,
        bands,
        lambda item: (
            item.results[GAIN]
            .data["crossing_time"]
            .copy(data=[_seconds(time) for time in item.results[GAIN].data["crossing_time"].values])
        ),
    )
    places = [
        _over_bands(ordered, bands, lambda item, axis=axis: item.results[GEOMETRY].data["satellite_position"][:, axis])
        for axis in range(3)
    ]
    told = {"units": "km", "long_name": "satellite position x y z in sat_pos_ref at date_chan"}
    return {
        "date_chan": Variable(
            ("date", "chan"), times, {"long_name": "time at which each channel crossed the Moon", **_TIME}, _FILL
        ),
        "sat_pos_chan": Variable(("date", "chan", "sat_xyz"), np.stack(places, axis=-1) / 1e3, told, _FILL),
    }


def _uncertainty(item: Measurement) -> xr.DataArray:
    """Standard uncertainty of the measured irradiance: the components of k that are not the model's."""
    data = item.results[GAIN].data
    parts = [
        array / data["k"]
        for name, array in data.data_vars.items()
        if str(name).startswith("k__u_")
        and not (array.attrs["component"] in MODEL_SIDE or array.attrs["component"].startswith("model"))
    ]
    return data["irradiance_measured"] * np.sqrt(sum((part**2 for part in parts), xr.zeros_like(data["k"])))


def _found(item: Measurement, step: str, variable: str) -> xr.DataArray | None:
    data = item.results[step].data if step in item.results else xr.Dataset()
    return data.get(variable)


def _over_bands(ordered: Sequence[Measurement], bands: list[str], pick: Any) -> np.ndarray:
    """Numbers over (acquisition, band); NaN where an acquisition lacks a band."""
    table = np.full((len(ordered), len(bands)), np.nan)
    for row, item in enumerate(ordered):
        picked = pick(item)
        for band, value in zip(picked["band"].values, picked.values, strict=True) if picked is not None else ():
            table[row, bands.index(str(band))] = value
    return table


def _seconds(time: np.datetime64) -> float:
    return float((time - np.datetime64("1970-01-01", "ns")) / np.timedelta64(1, "ns")) / 1e9


def characters(words: Sequence[str]) -> np.ndarray:
    """Words as rows of single characters, as the convention wants them."""
    encoded = np.array([word.encode("ascii", "replace") for word in words])
    return encoded.view("S1").reshape(len(words), -1)


def _attributes(ordered: Sequence[Measurement]) -> dict[str, str]:
    """Global attributes (CF, ACDD). No date of creation: the same results give the same bytes."""
    sensor = ordered[0].sensor
    gains = [item.results[GAIN] for item in ordered]
    times = sorted(time for result in gains for time in result.data["crossing_time"].values)
    first, last = (f"{np.datetime_as_string(time, unit='s')}Z" for time in (times[0], times[-1]))
    steps = [
        f"{item.results[step].lineage.step} {item.results[step].lineage.version}"
        for item in ordered
        for step in (DISK, SIGNAL, GEOMETRY, GAIN)
        if step in item.results
    ]
    return {
        "Conventions": "CF-1.6, ACDD-1.3",
        "title": f"Lunar observations of {sensor}",
        "summary": "Irradiance of the Moon integrated over its disk, per channel, from images of the whole Moon",
        "keywords": "GSICS, GLOD, lunar, Moon, irradiance, calibration",
        "institution": "not stated",
        "instrument": sensor,
        "source": f"images of the whole Moon of {sensor}",
        "data_source": f"{sensor}, Etalon lunar calibration",
        "id": f"glod_{sensor}" if len(ordered) > 1 else f"glod_{ordered[0].acquisition}",
        "history": f"etalon-calibration {_listed(result.lineage.software.get('etalon-calibration', '') for result in gains)}: "
        + ", ".join(dict.fromkeys(steps)),
        "time_coverage_start": first,
        "time_coverage_end": last,
        "reference_model": _listed(str(result.data.attrs["model"]) for result in gains),
        "solar_spectrum": _listed(str(result.data.attrs["solar_spectrum"]) for result in gains),
        "official_gains": _listed(
            cause.label for result in gains for cause in result.lineage.causes if cause.role == "po"
        ),
    }


def _listed(words: Any) -> str:
    return "; ".join(sorted(set(filter(None, words))))


def netcdf(variables: Mapping[str, Variable], attributes: Mapping[str, str], dims: Sequence[str]) -> bytes:
    """A netCDF-4 file with the dimensions in this order first of all."""
    with h5py.File.in_memory(track_order=True) as memory:
        with h5netcdf.File(memory, "w") as file:
            sizes = {
                dim: size for item in variables.values() for dim, size in zip(item.dims, item.values.shape, strict=True)
            }
            file.dimensions = {dim: sizes[dim] for dim in dims}
            for name, item in variables.items():
                _write(file, name, item)
            for name, text in attributes.items():
                file.attrs[name] = text
        memory.flush()
        return bytes(memory.id.get_file_image())


def _write(file: h5netcdf.File, name: str, item: Variable) -> None:
    values, fill = item.values, None
    if item.fill is not None:
        fill = values.dtype.type(item.fill)
        values = np.where(np.isnan(values), fill, values) if values.dtype.kind == "f" else values
    made = file.create_variable(name, item.dims, dtype=values.dtype, data=values, fillvalue=fill)
    for key, value in item.attrs.items():
        made.attrs[key] = value
