"""What the satellite reports: GPSDTA (positions), AOCDTA (attitude, rates, temperatures), LINDAT (date of every image line).

Dates count from an epoch that the files do not name. The documented one is taken, and must agree with the validity in the header; where another known
one agrees instead, that is taken with a warning; where none does, the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import erfa
import numpy as np
import xarray as xr

from calib.products.tables import attitude, ephemeris
from calib.products.venus_parameters.header import Header, Source
from calib.products.venus_parameters.records import elements, factor, integers, table
from calib.products.xml import Node, shortened

#: a day at 10 Hz; above it the reader of XML refuses anyway
_MOST_RECORDS = 900_000
#: what a header's validity and the data may disagree by: less than the twelve hours between two epochs in use
_AGREEMENT = np.timedelta64(6, "h")
_NOON_2000 = "2000-01-01T12:00:00"
#: MJD of the interface document first; others under the same name
_DAY_EPOCHS = (_NOON_2000, "2000-01-01T00:00:00", "1950-01-01T00:00:00", "1858-11-17T00:00:00")
#: the epoch of GPS, after one and two roll-overs of ten-bit weeks, and the one in a comment of the schema
_GPS_EPOCHS = ("1980-01-06T00:00:00", "1999-08-22T00:00:00", "2019-04-07T00:00:00", "1981-01-06T00:00:00")
_VECTORS = {"PositionXYZ": 3, "VelocityXYZ": 3}
_GPS_SCALARS = ("GPS_Time", "GPS_Week", "UTC_Offset", "Position_Quality", "Velocity_Quality", "PDOP", "Sv_Map")
_AOCS_FIELDS = {
    "MJD_Time": 1,
    "Str_Attitude_Variance": 1,
    "Str_Valid_Flag": 1,
    "Str_Measured_Attitudes": 4,
    "Estimated_Attitudes": 4,
    "Estimated_Velocity_XYZ": 3,
    "Thermistor_Values": 4,
    "Reference_Voltage": 1,
}
_STAR_TRACKERS = "none_valid tracker_1 tracker_2 both"


def read_positions(source: Source) -> xr.Dataset:
    """`position` (m) and `velocity` (m s-1) over (time, axis), Earth-fixed; figures of merit (m, m s-1), `pdop` (1) and `satellites` in use (1) over time.

    UTC = epoch + weeks + seconds - the file's own UTC_Offset.
    """
    block = source.block
    system = block.text("GPS_Coordinate_System") or "ECEF"
    if system != "ECEF":
        raise block.refuse(f"GPS_Coordinate_System is {shortened(system)!r}; only ECEF is read")
    listed = block.child("List_of_GPS_Data")
    data = table(listed, "GPS_Data", _VECTORS | dict.fromkeys(_GPS_SCALARS, 1), most=_MOST_RECORDS)
    metre = factor(block, "Position_Unit", {"m": 1.0, "km": 1e3})
    speed = factor(block, "Velocity_Unit", {"m/s": 1.0, "km/s": 1e3})
    of_week = data["GPS_Time"][:, 0] * factor(block, "GPS_Time_Unit", {"s": 1.0, "ms": 1e-3})
    if of_week.min() < 0 or of_week.max() > 7 * 86400:
        raise listed.refuse("GPS_Time holds a time outside the week; the file is damaged")
    factor(block, "UTC_Offset_Unit", {"s": 1.0})
    offset = integers(listed, "UTC_Offset", data["UTC_Offset"], 255)[:, 0]
    week = integers(listed, "GPS_Week", data["GPS_Week"], 8191)[:, 0].astype("timedelta64[W]")
    elapsed = week.astype("timedelta64[ns]") + np.round((of_week - offset) * 1e9).astype("timedelta64[ns]")
    times, epoch = _dated(source, listed, elapsed, _GPS_EPOCHS, "GPS_Week")
    _check_offset(source, times, offset)
    where = f"{listed.file}: {listed.where}"
    orbit = ephemeris(where, times, data["PositionXYZ"] * metre, data["VelocityXYZ"] * speed, "ITRF")
    orbit["position_quality"] = _along(times, data["Position_Quality"][:, 0] * metre, "m")
    orbit["velocity_quality"] = _along(times, data["Velocity_Quality"][:, 0] * speed, "m s-1")
    orbit["pdop"] = _along(times, data["PDOP"][:, 0], "1")
    satellites = integers(listed, "Sv_Map", data["Sv_Map"], 2**32 - 1)[:, 0]
    orbit["satellites"] = _along(times, np.bitwise_count(satellites.astype(np.uint64)).astype(np.int64), "1")
    return orbit.assign_attrs(gps_epoch=epoch, comment="ECEF of GPS, taken as ITRF")


def read_attitudes(source: Source) -> xr.Dataset:
    """`quaternion` (estimated) and `measured_quaternion` (star trackers, NaN where none is valid) over (time, component), scalar first;
    `rate` (rad s-1) over (time, axis), in the body frame, the mean over the 0.1 s that end at `time`; `thermistor` (DN) over (time, detector).

    v_mod = q v_body q*: from the body to the inertial frame of the mean equator and equinox of date.
    """
    block = source.block
    listed = block.child("List_of_AOCS_Data")
    data = table(listed, "AOCS_Data", _AOCS_FIELDS, most=_MOST_RECORDS)
    day = factor(block, "MJD_Time_Unit", {"days": 1.0, "day": 1.0, "d": 1.0})
    variance = factor(block, "Str_Attitude_Variance_Unit", {"10-8rad": 1e-8, "10-8rad2": 1e-8, "rad2": 1.0})
    speed = factor(block, "Velocity_Unit", {"rad/s": 1.0, "deg/s": np.pi / 180.0})
    times, epoch = _dated(source, listed, _day_count(listed, data["MJD_Time"][:, 0] * day), _DAY_EPOCHS, "MJD_Time")
    where = f"{listed.file}: {listed.where}"
    # in the file the scalar q0 stands last
    body = attitude(where, times, np.roll(data["Estimated_Attitudes"], 1, axis=1), "spacecraft", "MOD")
    flag = integers(listed, "Str_Valid_Flag", data["Str_Valid_Flag"], 3)[:, 0]
    measured = np.where(flag[:, None] > 0, np.roll(data["Str_Measured_Attitudes"], 1, axis=1), np.nan)
    body["measured_quaternion"] = _along(times, measured, "1", "component")
    rate = _along(times, data["Estimated_Velocity_XYZ"] * speed, "rad s-1", "axis")
    body["rate"] = rate.assign_attrs(
        comment="mean over the 0.1 s that end at time, body axes, relative to mean of date"
    )
    body["attitude_variance"] = _along(times, data["Str_Attitude_Variance"][:, 0] * variance, "rad2")
    body["star_tracker"] = _along(times, flag, "1").assign_attrs(flag_values=[0, 1, 2, 3], flag_meanings=_STAR_TRACKERS)
    body["thermistor"] = _along(times, data["Thermistor_Values"], "DN", "detector")
    body["reference_voltage"] = _along(times, data["Reference_Voltage"][:, 0], "DN")
    convention = "q0 q1 q2 q3, scalar first; v_mod = q v_body q*"
    return body.assign_coords(axis=["x", "y", "z"], detector=[1, 2, 3, 4]).assign_attrs(
        epoch=epoch, convention=convention
    )


def read_line_dates(source: Source) -> xr.Dataset:
    """`time` (UTC) over `line`, counted from 0, of one band."""
    listed = source.block.child("List_of_Time_Tags")
    tags = elements(listed, "Time_Tag", key="sk", first=0, most=_MOST_RECORDS)
    if not tags:
        raise listed.refuse("holds no Time_Tag; the file is empty: fetch it again")
    if units := {item.get("unit") for item in tags} - {"10-6s"}:
        raise listed.refuse(
            f"unit of a Time_Tag is {shortened(str(units.pop()))!r}, expected 10-6s; the file is damaged"
        )
    texts = [(item.text or "").strip() for item in tags]
    for line, text in enumerate(texts):
        if not re.fullmatch(r"MJD=\d{1,15}", text, re.ASCII):
            raise listed.refuse(
                f"Time_Tag {line} is {shortened(text)!r}, expected MJD= and microseconds; fetch it again"
            )
    microseconds = np.array([int(text[4:]) for text in texts], dtype="timedelta64[us]")
    elapsed = microseconds.astype("timedelta64[ns]")
    if (np.diff(microseconds) <= np.timedelta64(0)).any():
        raise listed.refuse("dates of lines do not grow; the file is damaged")
    times, epoch = _dated(source, listed, elapsed, _DAY_EPOCHS[:2], "Time_Tag")
    coordinates = {
        "time": ("line", times),
        "line": ("line", np.arange(len(times)), {"units": "1", "comment": "counted from 0"}),
        "band": source.header.name.band,
    }
    return xr.Dataset(coords=coordinates, attrs={"epoch": epoch, "time_scale": "UTC"})


def _check_offset(source: Source, times: np.ndarray, offset: np.ndarray) -> None:
    """A warning where GPS minus UTC in the file is not what the leap seconds make it: a second is seven kilometres of orbit."""
    table = erfa.leap_seconds.get()
    since = [np.datetime64(f"{year:04d}-{month:02d}-01", "s") for year, month in table[["year", "month"]].tolist()]
    row = int(np.searchsorted(np.array(since), times.min().astype("datetime64[s]"), side="right")) - 1
    # GPS time stays 19 s behind TAI
    expected = round(float(table["tai_utc"][max(row, 0)])) - 19
    if (offset != expected).any():
        listed = ", ".join(str(value) for value in np.unique(offset)[:4])
        source.warnings.append(
            f"UTC_Offset is {listed} s where leap seconds make it {expected} s; read as the file says"
        )


def _along(times: np.ndarray, values: np.ndarray, units: str, *dimensions: str) -> xr.DataArray:
    return xr.DataArray(values, dims=("time", *dimensions), coords={"time": times}, attrs={"units": units})


def _day_count(listed: Node, days: np.ndarray) -> np.ndarray:
    if days.min() < 0 or days.max() > 90_000:
        raise listed.refuse("MJD_Time holds a date that is no day of the mission; the file is damaged")
    whole = np.floor(days)
    # a double holds a date of the mission to 0.1 us: what lies beyond is noise
    microseconds = np.round((days - whole) * 86400e6).astype(np.int64).astype("timedelta64[us]")
    elapsed: np.ndarray = (whole.astype("timedelta64[D]") + microseconds).astype("timedelta64[ns]")
    return elapsed


def _dated(
    source: Source, listed: Node, elapsed: np.ndarray, epochs: Sequence[str], what: str
) -> tuple[np.ndarray, str]:
    """Dates from the times `elapsed` since the first of `epochs` that puts them into the header's validity, and that epoch."""
    inside = _validity(source.header)
    if inside is None:
        source.warnings.append(f"{what}: the validity is open; that dates count from {epochs[0]} UTC is not checked")
        return np.datetime64(epochs[0], "ns") + elapsed, epochs[0]
    for epoch in epochs:
        # in seconds, for what nanoseconds cannot hold
        dates = np.datetime64(epoch, "s") + elapsed.astype("timedelta64[s]")
        if inside(dates.min()) and inside(dates.max()):
            if epoch != epochs[0]:
                source.warnings.append(
                    f"{what}: dates agree with the validity only if they count from {epoch} UTC, not {epochs[0]}; read so"
                )
            dated = np.datetime64(epoch, "ns") + elapsed
            _tell_excess(source, dated, what)
            return dated, epoch
    first = np.datetime64(epochs[0], "s") + elapsed.min().astype("timedelta64[s]")
    raise listed.refuse(
        f"{what}: first date {first} UTC lies outside the validity {source.header.validity_start}..{source.header.validity_stop}, "
        "whichever epoch is tried; fetch the file again or correct its header"
    )


def _tell_excess(source: Source, dates: np.ndarray, what: str) -> None:
    """A warning where dates leave the validity by more than its rounding: whole seconds would be a matter of leap seconds."""
    start, stop = source.header.validity_start, source.header.validity_stop
    if start is None or stop is None:
        return
    excess_s = max((start - dates.min()) / np.timedelta64(1, "s"), (dates.max() - stop) / np.timedelta64(1, "s"))
    if excess_s > 1.0:
        source.warnings.append(
            f"{what}: dates lie up to {excess_s:.1f} s outside the validity; whole seconds may be leap seconds not counted"
        )


def _validity(header: Header) -> Callable[[np.datetime64], bool] | None:
    """Whether a date lies in the validity of a header, give or take; None where that is open."""
    start, stop = header.validity_start, header.validity_stop
    if start is None or stop is None:
        return None
    return lambda date: bool(start - _AGREEMENT <= date <= stop + _AGREEMENT)
