"""Venµs parameter files of every type that is read, complete and synthetic, from plain numbers; bands are B1..B12, columns count from 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calib.products.venus_parameters.gains import by_band_and_tdi, write_table
from calib.products.venus_parameters.names import TDI, Name, band_code
from calib.products.venus_parameters.straylight import Straylight, write_straylight
from calib.products.venus_parameters.write import Tag, listing, new_header, write_file

_NOON_2000 = np.datetime64("2000-01-01T12:00:00", "ns")
_GPS_EPOCH = np.datetime64("1980-01-06T00:00:00", "ns")
_LAUNCH = np.datetime64("2017-08-01T00:00:00", "s")
_WEEK = np.timedelta64(7 * 86400, "s")


@dataclass(frozen=True)
class Identity:
    """What the files of a synthetic set share: class, site (8 characters, or ALLSITES), serial and validity; `stop` None is open."""

    file_class: str = "VM01"
    site: str = "ALLSITES"
    serial: int = 1
    start: np.datetime64 = _LAUNCH
    stop: np.datetime64 | None = None
    notes: str = "synthetic"


def write_gains(folder: Path, identity: Identity, gains: Mapping[str, float | Mapping[int, float]]) -> Path:
    """A PHGAIN file: gains (DN / (W m-2 sr-1 um-1)) by band, for all TDI configurations or for each."""
    return _band_table(folder, identity, "GIP_PHGAIN", [gains])


def write_noise(
    folder: Path,
    identity: Identity,
    a: Mapping[str, float | Mapping[int, float]],
    b: Mapping[str, float | Mapping[int, float]],
) -> Path:
    """A NOISMO file: the coefficients a and b by band, as `write_gains`."""
    return _band_table(folder, identity, "GIP_NOISMO", [a, b])


def write_sensitivities(folder: Path, identity: Identity, band: str, tdi: Sequence[int], triplets: np.ndarray) -> Path:
    """A RELSEN file: a1, a2 and knee of each column, (5200, 3)."""
    content = listing("List_of_Relative_Sensitivities", "Relative_Sensitivity", _lines(triplets))
    return _gip(folder, identity, "GIP_RELSEN", [content], band, tdi)


def write_viewing_directions(
    folder: Path, identity: Identity, band: str, tdi: Sequence[int], tangents: np.ndarray
) -> Path:
    """A VIEDIR file: the tangents of psi x and psi y of each column, (5200, 2)."""
    content = listing("List_of_View_Dirs", "View_Dir", _lines(tangents))
    return _gip(folder, identity, "GIP_VIEDIR", [content], band, tdi)


def write_dark_currents(
    folder: Path,
    identity: Identity,
    band: str,
    tdi: Sequence[int],
    dark: np.ndarray,
    spikes: Sequence[tuple[int, float, Sequence[float], Sequence[float]]] = (),
) -> Path:
    """A DARKCU file: the dark current (DN) of each column, (5200,), and spikes: position, threshold, 4 and 2 coefficients."""
    entries = [
        [
            Tag("Pixel_Position", str(position)),
            Tag("Pixel_Threshold", repr(float(threshold))),
            Tag("Polynomial_Coefficients", _words(polynomial)),
            Tag("Linear_Coefficients", _words(line)),
        ]
        for position, threshold, polynomial, line in spikes
    ]
    content = [
        listing("List_of_Dark_Currents", "Dark_Current", _lines(np.asarray(dark)[:, None])),
        listing("List_of_Spike_Characterization", "Spike_Coefficients", entries),
    ]
    return _gip(folder, identity, "GIP_DARKCU", content, band, tdi)


def write_defects(
    folder: Path, identity: Identity, band: str, defects: Mapping[int, Sequence[tuple[int, int, str]]]
) -> Path:
    """An OUTORD file: first and last column (both included) and type of each defect, by TDI configuration."""
    configurations = [
        [
            Tag("TDI_Configuration_Code", f"{tdi:02d}"),
            listing(
                "List_of_Defects",
                "Defect",
                [[_columns("Col_Range", first + 1, last + 1), Tag("Defect_Type", kind)] for first, last, kind in found],
            ),
        ]
        for tdi, found in defects.items()
    ]
    content = listing("List_of_TDI_Configuration_Defects", "TDI_Configuration_Defect", configurations)
    return _gip(folder, identity, "GIP_OUTORD", [content], band)


def write_straylight_filters(folder: Path, identity: Identity, content: Straylight) -> Path:
    """A STRLGT file: its .HDR; the filters lie in the .DBL.DIR beside it."""
    header = new_header(_name(identity, "GIP_STRLGT", content.band), _validity(identity), notes=identity.notes)
    return write_straylight(folder, header, content)


def write_responses(
    folder: Path,
    identity: Identity,
    solar_irradiance: Mapping[str, float],
    responses: Mapping[str, Sequence[tuple[int, int, np.ndarray, np.ndarray]]],
) -> Path:
    """A SPECSE file: irradiance (W m-2 um-1) by band; first and last column, evenly spaced wavelengths (nm) and response, by band."""
    bands = [
        [
            Tag("Band_Code", band_code(band)),
            Tag("Mean_Solar_Irradiance", repr(float(irradiance))),
            listing("List_of_Spectral_Tables", "Spectral_Table", [_response(*item) for item in responses[band]]),
        ]
        for band, irradiance in solar_irradiance.items()
    ]
    content = listing("List_of_Band_Spectral_Sensitivities", "Band_Spectral_Sensitivity", bands)
    return _gip(folder, identity, "GIP_SPECSE", [content])


def write_reflectance_constants(
    folder: Path,
    identity: Identity,
    mean_motion_rad_day: float,
    eccentricity: float,
    reference_day: float,
    maximum: float,
) -> Path:
    """A REFLEC file; the reference day counts from 1950-01-01."""
    sun = [
        Tag("Mean_Rotation_Speed", repr(mean_motion_rad_day), {"unit": "rad/day"}),
        Tag("Revolution_Eccentricity", repr(eccentricity)),
        Tag("T0_Day", repr(reference_day)),
    ]
    content = [Tag("Earth_Sun_Distance_Parameters", sun), Tag("Maximum_Reflectance_Value", repr(maximum))]
    return _gip(folder, identity, "GIP_REFLEC", content)


def write_line_dates(folder: Path, identity: Identity, band: str, times: np.ndarray) -> Path:
    """A LINDAT file of a system product of the identity's site: the date (UTC) of each line, to the microsecond."""
    microseconds = (times.astype("datetime64[ns]") - _NOON_2000).astype("timedelta64[us]").astype(np.int64)
    tags = [f"MJD={value}" for value in microseconds]
    content = listing("List_of_Time_Tags", "Time_Tag", tags, key="sk", first=0, unit="10-6s")
    date = str(times[0])[:10].replace("-", "")
    name = Name(identity.file_class, "TEC_LINDAT", "1AVALD", identity.site, band=band, element=date)
    return write_file(folder, new_header(name, _span(times), notes=identity.notes), [content])


def write_positions(
    folder: Path,
    identity: Identity,
    times: np.ndarray,
    position_m: np.ndarray,
    velocity_m_s: np.ndarray,
    utc_offset_s: int = 18,
) -> Path:
    """A GPSDTA file: Earth-fixed positions and velocities, (time, 3), at dates in UTC; `utc_offset_s` is GPS time minus UTC."""
    elapsed = (times.astype("datetime64[ns]") - _GPS_EPOCH) + np.timedelta64(utc_offset_s, "s")
    weeks = elapsed // _WEEK
    seconds = (elapsed - weeks * _WEEK) / np.timedelta64(1, "s")
    records = [
        [
            Tag("PositionXYZ", _words(position_m[row])),
            Tag("VelocityXYZ", _words(velocity_m_s[row])),
            Tag("Clock_Drift", "0.0"),
            Tag("GPS_Time", repr(float(seconds[row]))),
            Tag("GPS_Week", str(int(weeks[row]))),
            Tag("Position_Combined_Src", "0", {"mask": "0x01"}),
            Tag("Velocity_Combined_Src", "0", {"mask": "0x02"}),
            Tag("Sv_Map", "255"),
            Tag("Position_Quality", "5.0"),
            Tag("Velocity_Quality", "0.05"),
            Tag("Clock_Drift_Quality", "0.0"),
            Tag("UTC_Offset", str(utc_offset_s)),
            Tag("PDOP", "2.0"),
            Tag("GPS_Hardware_Status", "0"),
        ]
        for row in range(len(times))
    ]
    units = {
        "GPS_Coordinate_System": "ECEF",
        "Position_Unit": "m",
        "Velocity_Unit": "m/s",
        "Clock_Drift_Unit": "m/s",
        "GPS_Time_Unit": "s",
        "UTC_Offset_Unit": "s",
    }
    content = [*(Tag(key, unit) for key, unit in units.items()), listing("List_of_GPS_Data", "GPS_Data", records)]
    return _aux(folder, identity, "AUX_GPSDTA", times, content)


def write_attitudes(
    folder: Path, identity: Identity, times: np.ndarray, quaternion: np.ndarray, rate_rad_s: np.ndarray
) -> Path:
    """An AOCDTA file: quaternions (time, 4), scalar first, body to mean of date, and rates (time, 3) in body axes, at dates in UTC."""
    elapsed = times.astype("datetime64[ns]") - _NOON_2000
    days = elapsed / np.timedelta64(86400, "s")
    records = []
    for row in range(len(times)):
        scalar_last = _words(np.roll(quaternion[row], -1))
        records.append(
            [
                Tag("MJD_Time", f"{days[row]:.13f}"),
                Tag("Str_Attitude_Variance", "1.0"),
                Tag("Str_Valid_Flag", "3"),
                Tag("Str_Measured_Attitudes", scalar_last),
                Tag("Estimated_Attitudes", scalar_last),
                Tag("Estimated_Velocity_XYZ", _words(rate_rad_s[row])),
                Tag("Thermistor_Values", "2000 2001 2002 2003"),
                Tag("Reference_Voltage", "3000"),
            ]
        )
    units = {"MJD_Time_Unit": "days", "Str_Attitude_Variance_Unit": "10-8rad", "Velocity_Unit": "rad/s"}
    content = [*(Tag(key, unit) for key, unit in units.items()), listing("List_of_AOCS_Data", "AOCS_Data", records)]
    return _aux(folder, identity, "AUX_AOCDTA", times, content)


def _band_table(
    folder: Path, identity: Identity, file_type: str, fields: Sequence[Mapping[str, float | Mapping[int, float]]]
) -> Path:
    bands = list(fields[0])
    values = np.full((len(fields), len(bands), len(TDI)), np.nan)
    for index, given in enumerate(fields):
        for row, band in enumerate(bands):
            value = given[band]
            per_tdi = value if isinstance(value, Mapping) else dict.fromkeys(TDI, value)
            for tdi, number in per_tdi.items():
                values[index, row, TDI.index(tdi)] = number
    header = new_header(_name(identity, file_type), _validity(identity), notes=identity.notes)
    return write_table(folder, header, by_band_and_tdi(file_type, bands, list(TDI), values))


def _gip(
    folder: Path,
    identity: Identity,
    file_type: str,
    content: Sequence[Tag],
    band: str | None = None,
    tdi: Sequence[int] = (),
) -> Path:
    name = replace(_name(identity, file_type, band), tdi=tuple(sorted(tdi)))
    return write_file(folder, new_header(name, _validity(identity), notes=identity.notes), content)


def _aux(folder: Path, identity: Identity, file_type: str, times: np.ndarray, content: Sequence[Tag]) -> Path:
    kind = "M" if identity.site == "THE_MOON" else "S"
    name = Name(
        identity.file_class, file_type, kind, identity.site, orbit=7993, extent="S", element="VEN_KRN_07993_00001_1"
    )
    return write_file(folder, new_header(name, _span(times), notes=identity.notes), content)


def _name(identity: Identity, file_type: str, band: str | None = None) -> Name:
    kind = "L" if identity.site in ("ALLSITES", "NOTNAMED") else "S"
    return Name(identity.file_class, file_type, kind, identity.site, serial=identity.serial, band=band)


def _validity(identity: Identity) -> tuple[np.datetime64, np.datetime64 | None]:
    return identity.start, identity.stop


def _span(times: np.ndarray) -> tuple[np.datetime64, np.datetime64]:
    """The validity of what was measured: its own time, to whole seconds."""
    first, last = times.min().astype("datetime64[s]"), times.max().astype("datetime64[s]")
    return first, last + np.timedelta64(1, "s")


def _response(first: int, last: int, wavelength_nm: np.ndarray, response: np.ndarray) -> list[Tag]:
    step = float(np.diff(wavelength_nm).mean())
    return [
        Tag("First_Column", str(first + 1)),
        Tag("Last_Column", str(last + 1)),
        Tag("First_Wavelength_Value", repr(float(wavelength_nm[0]) / 1000.0)),
        Tag("Spectral_Bandwidth", repr(float(wavelength_nm[-1] - wavelength_nm[0]) / 1000.0)),
        Tag("Wavelength_Step", repr(step / 1000.0)),
        Tag("Spectral_Sensitivities_List", _words(response)),
    ]


def _columns(name: str, first: int, last: int) -> Tag:
    return Tag(name, [Tag("First", str(first)), Tag("Last", str(last))])


def _lines(values: np.ndarray) -> list[str]:
    return [_words(row) for row in values]


def _words(values: Sequence[float] | np.ndarray) -> str:
    return " ".join(repr(float(value)) for value in values)
