"""Epochs: held as TAI in whole nanoseconds, read and written in UTC, TAI, TT, TDB and GPS time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from orbit_aux.errors import OrbitError

SCALES = ("UTC", "TAI", "TT", "TDB", "GPS")

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_J2000_MIDNIGHT_JD = 2451544.5
_EPOCH = np.datetime64("2000-01-01T00:00:00", "ns")
_TAI_OFFSET_NS = {"TAI": 0, "TT": 32_184_000_000, "TDB": 32_184_000_000, "GPS": -19 * _SECOND}
_GPS_ORIGIN_NS = -7300 * _DAY + 19 * _SECOND
_YEARS = (1972, 2199)
_LABEL = re.compile(
    r"([0-9]{4})-(?:([0-9]{2})-([0-9]{2})|([0-9]{3}))[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)


@dataclass(frozen=True, eq=False)
class Times:
    """An array of epochs, shape (n,): `tai_ns` counts TAI nanoseconds since 2000-01-01T00:00:00 TAI, exactly.

    UTC is accepted from 1972 (whole leap seconds) to 2199; the leap seconds are those of the erfa table and the last
    one holds for ever after. Differences are elapsed TAI seconds, so a leap second inside an interval is counted.
    """

    tai_ns: NDArray[np.int64]

    def __post_init__(self) -> None:
        values = np.asarray(self.tai_ns)
        if values.ndim != 1 or values.dtype != np.int64:
            raise OrbitError(f"tai_ns must be a vector of int64, not {values.dtype} of shape {values.shape}")
        values = values.copy()
        values.flags.writeable = False
        object.__setattr__(self, "tai_ns", values)

    @classmethod
    def from_utc(cls, values: Any) -> Times:
        """Epochs from UTC: ISO text (calendar or day of year, second 60 allowed), datetime64 or aware datetimes.

        One value or a sequence; text without Z or offset means UTC.
        """
        array = np.asarray(values) if not isinstance(values, str | datetime) else None
        if array is not None and array.dtype.kind == "M":
            return cls(_tai_of_utc_datetime64(np.atleast_1d(array)))
        return cls.from_labels(_as_texts(values), "UTC")

    @classmethod
    def from_labels(cls, labels: Sequence[str], scale: str) -> Times:
        """Epochs from ISO or day-of-year text that counts in `scale` (UTC, TAI, TT, TDB or GPS)."""
        _check_scale(scale)
        days, minutes, seconds, fractions_ns = _parse(labels, scale)
        label_ns = days * _DAY + (minutes * 60 + seconds) * _SECOND + fractions_ns
        if scale == "UTC":
            return cls(label_ns + _tai_minus_utc(days) * _SECOND)
        tai_ns = label_ns - _TAI_OFFSET_NS[scale]
        return cls(tai_ns - _tdb_minus_tt_ns(tai_ns)) if scale == "TDB" else cls(tai_ns)

    @classmethod
    def concatenate(cls, parts: Iterable[Times]) -> Times:
        """All epochs of `parts`, in their order."""
        return cls(np.concatenate([np.empty(0, np.int64), *(part.tai_ns for part in parts)]))

    def labels(self, scale: str, decimals: int = 6) -> list[str]:
        """ISO text in `scale`, without a zone letter, rounded to `decimals` (0 to 9) of a second."""
        _check_scale(scale)
        step = 10 ** (9 - decimals)
        if scale == "UTC":
            rounded = _rounded(self.tai_ns, step)
            label_ns, inside = _utc_label_ns(rounded)
            return _format(label_ns - inside * _SECOND, inside, decimals)
        label_ns = self.tai_ns + _TAI_OFFSET_NS[scale]
        if scale == "TDB":
            label_ns = label_ns + _tdb_minus_tt_ns(self.tai_ns)
        return _format(_rounded(label_ns, step), np.zeros(len(self), bool), decimals)

    def utc_strings(self, decimals: int = 6) -> list[str]:
        """ISO text in UTC with the letter Z; inside a leap second the second reads 60."""
        return [label + "Z" for label in self.labels("UTC", decimals)]

    def utc_datetime64(self) -> NDArray[np.datetime64]:
        """UTC as datetime64[ns]; as that type knows no second 60, a leap second stands still at its last nanosecond."""
        label_ns, inside = _utc_label_ns(self.tai_ns)
        midnight = label_ns // _DAY * _DAY
        result: NDArray[np.datetime64] = _EPOCH + np.where(inside, midnight - 1, label_ns).astype("timedelta64[ns]")
        return result

    def tt(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Terrestrial time as a two-part Julian date: midnight, and the fraction of the day (good to 0.01 ns)."""
        return _julian(self.tai_ns + _TAI_OFFSET_NS["TT"])

    def tdb(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Barycentric dynamical time as a two-part Julian date: TT itself, at most 2 ms away.

        That moves the Moon by 2 m and the Sun by 60 m; TDB labels of files are converted in full by `from_labels`.
        """
        return self.tt()

    def ut1(self, ut1_minus_tai_s: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """UT1 as a two-part Julian date, from UT1 - TAI in seconds (see `EarthOrientation.at`)."""
        return _julian(self.tai_ns + _nanoseconds(ut1_minus_tai_s))

    def gps_seconds(self) -> NDArray[np.float64]:
        """Seconds since the GPS origin 1980-01-06T00:00:00 UTC (float64: resolved to 0.3 µs)."""
        result: NDArray[np.float64] = (self.tai_ns - _GPS_ORIGIN_NS) / _SECOND
        return result

    def min(self) -> Times:
        """The earliest epoch, as one-element Times."""
        return self[int(np.argmin(self._filled()))]

    def max(self) -> Times:
        """The latest epoch, as one-element Times."""
        return self[int(np.argmax(self._filled()))]

    def _filled(self) -> NDArray[np.int64]:
        if len(self) == 0:
            raise OrbitError("no epoch among 0 times: give at least one time")
        return self.tai_ns

    def __len__(self) -> int:
        return len(self.tai_ns)

    def __getitem__(self, index: Any) -> Times:
        return Times(np.atleast_1d(self.tai_ns[index]))

    def __add__(self, seconds: ArrayLike) -> Times:
        return Times(self.tai_ns + np.atleast_1d(_nanoseconds(seconds)))

    def __sub__(self, other: Times) -> NDArray[np.float64]:
        result: NDArray[np.float64] = (self.tai_ns - other.tai_ns) / _SECOND
        return result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Times) and bool(np.array_equal(self.tai_ns, other.tai_ns))

    def __hash__(self) -> int:
        return hash(self.tai_ns.tobytes())

    def __repr__(self) -> str:
        return f"Times({self})" if len(self) < 2 else f"Times({len(self)}: {self})"

    def __str__(self) -> str:
        if len(self) == 0:
            return "empty"
        first, last = self[[0, -1]].utc_strings()
        return first if len(self) == 1 else f"{first} .. {last}"


def _check_scale(scale: str) -> None:
    if scale not in SCALES:
        raise OrbitError(f"time scale {scale!r} is unknown: use one of {', '.join(SCALES)}")


def _as_texts(values: Any) -> list[str]:
    items = [values] if isinstance(values, str | datetime) else list(np.atleast_1d(np.asarray(values, dtype=object)))
    return [_as_text(item) for item in items]


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, np.datetime64):
        return Times.from_utc(np.array([value])).labels("UTC", 9)[0]
    # pandas' NaT is a datetime too, and differs from itself
    if not isinstance(value, datetime) or value != value:
        raise OrbitError(f"{value!r} is not a time: give ISO text in UTC, datetime64 or an aware datetime")
    if value.tzinfo is None:
        raise OrbitError(f"datetime {value.isoformat()} is naive: give it a time zone (datetime.UTC)")
    return value.astimezone(UTC).isoformat()


def _parse(labels: Sequence[str], scale: str) -> tuple[NDArray[np.int64], ...]:
    """Days since 2000-01-01, minutes of the day, seconds of the minute and nanoseconds, of each label."""
    rows = np.array([_fields(label, scale) for label in labels], dtype=np.int64).reshape(-1, 7)
    years, months, day_numbers, minutes, seconds, fractions_ns, shifts = rows.T
    first = ((years - 1970) * 12 + months - 1).astype("datetime64[M]")
    # a day of year counts from 1 January (month 0 in the row)
    of_year = months == 0
    first = np.where(of_year, ((years - 1970) * 12).astype("datetime64[M]"), first)
    length = (first + np.where(of_year, 12, 1)).astype("datetime64[D]") - first.astype("datetime64[D]")
    days = (first.astype("datetime64[D]") - _EPOCH.astype("datetime64[D]")).astype(np.int64) + day_numbers - 1
    minutes = minutes - shifts
    days, minutes = days + minutes // 1440, minutes % 1440
    ends_with_leap = (scale == "UTC") & (_tai_minus_utc(days + 1) > _tai_minus_utc(days)) & (minutes == 1439)
    wrong = (day_numbers < 1) | (day_numbers > length.astype(np.int64)) | ((seconds == 60) & ~ends_with_leap)
    if wrong.any():
        label = labels[int(np.argmax(wrong))]
        raise OrbitError(f"{scale} time {label!r} does not exist: correct its day, or second 60 outside a leap second")
    return days, minutes, seconds, fractions_ns


def _fields(label: str, scale: str) -> tuple[int, ...]:
    """Year, month (0: day of year), day, minute of day, second, nanosecond and zone shift in minutes of one label."""
    match = _LABEL.fullmatch(label.strip())
    if match is None:
        raise OrbitError(
            f"{scale} time {label[:60]!r} is not readable: write 2018-03-06T00:00:00.0 or 2018-065T00:00:00.0"
        )
    year, month, day, day_of_year, hour, minute, second, fraction, zone = match.groups()
    values = int(year), int(month or 0), int(day or day_of_year), int(hour) * 60 + int(minute), int(second)
    in_range = int(hour) < 24 and int(minute) < 60 and values[4] <= 60 and (month is None or 1 <= values[1] <= 12)
    if not in_range:
        raise OrbitError(f"{scale} time {label!r} does not exist: correct its month, hour, minute or second")
    if not _YEARS[0] <= values[0] <= _YEARS[1]:
        raise OrbitError(f"{scale} time {label!r} is outside the years {_YEARS[0]} to {_YEARS[1]}: correct the year")
    if zone not in (None, "Z") and scale != "UTC":
        raise OrbitError(f"{scale} time {label!r} carries a zone: only UTC may have one")
    nanoseconds = round(int((fraction or "0")[:18].ljust(18, "0")) / _SECOND)
    shift = 0 if zone in (None, "Z") else int(zone[0] + "1") * (int(zone[1:3]) * 60 + int(zone[4:6]))
    return *values, nanoseconds, shift


@lru_cache(maxsize=1)
def _leap_table() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First days (since 2000-01-01) and values of TAI - UTC, s, since 1972."""
    table = erfa.leap_seconds.get()
    table = table[table["year"] >= _YEARS[0]]
    months = (table["year"].astype(np.int64) - 1970) * 12 + table["month"] - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]") - _EPOCH.astype("datetime64[D]")
    return days.astype(np.int64), np.rint(table["tai_utc"]).astype(np.int64)


def _tai_minus_utc(days: NDArray[np.int64]) -> NDArray[np.int64]:
    starts, offsets = _leap_table()
    return offsets[np.maximum(np.searchsorted(starts, days, side="right") - 1, 0)]


def _tai_of_utc_datetime64(values: NDArray[np.datetime64]) -> NDArray[np.int64]:
    if np.isnat(values).any():
        raise OrbitError(f"time number {int(np.argmax(np.isnat(values)))} is NaT: remove it or give its UTC")
    years = values.astype("datetime64[Y]").astype(np.int64) + 1970
    outside = (years < _YEARS[0]) | (years > _YEARS[1])
    if outside.any():
        raise OrbitError(
            f"UTC time {values[outside][0]} is outside the years {_YEARS[0]} to {_YEARS[1]}: correct the year"
        )
    label_ns = (values.astype("datetime64[ns]") - _EPOCH).astype(np.int64)
    return label_ns + _tai_minus_utc(label_ns // _DAY) * _SECOND


def _utc_label_ns(tai_ns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """UTC as nanoseconds since 2000-01-01 and whether the epoch is in a leap second (labelled as the next day's first)."""
    starts, offsets = _leap_table()
    tai_starts = starts * _DAY + offsets * _SECOND
    if len(tai_ns) and tai_ns.min() < tai_starts[0]:
        raise OrbitError(
            f"an epoch {tai_ns.min()} ns from 2000 lies before 1972: UTC has no leap seconds there, use TAI"
        )
    index = np.searchsorted(tai_starts, tai_ns, side="right") - 1
    label_ns = tai_ns - offsets[index] * _SECOND
    next_start = np.append(starts[1:] * _DAY, np.iinfo(np.int64).max)[index]
    return label_ns, label_ns >= next_start


def _tdb_minus_tt_ns(tai_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    date, fraction = _julian(tai_ns + _TAI_OFFSET_NS["TT"])
    # at the centre of the Earth (u = v = 0) the universal time and the longitude do not enter
    return _nanoseconds(erfa.dtdb(date, fraction, 0.0, 0.0, 0.0, 0.0))


def _julian(label_ns: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    days, rest = np.divmod(label_ns, _DAY)
    return days + _J2000_MIDNIGHT_JD, rest / _DAY


def _nanoseconds(seconds: ArrayLike) -> NDArray[np.int64]:
    values = np.asarray(seconds, dtype=np.float64)
    if not (np.abs(values) < 9.2e9).all():
        raise OrbitError(
            f"a duration of {values.flat[np.argmax(~(np.abs(values) < 9.2e9))]} s: give finite seconds below 9e9"
        )
    # whole seconds apart, so that long durations keep their nanoseconds
    whole = np.floor(values)
    return whole.astype(np.int64) * _SECOND + np.rint((values - whole) * _SECOND).astype(np.int64)


def _rounded(values_ns: NDArray[np.int64], step_ns: int) -> NDArray[np.int64]:
    return (values_ns + step_ns // 2) // step_ns * step_ns


def _format(label_ns: NDArray[np.int64], leap: NDArray[np.bool_], decimals: int) -> list[str]:
    texts = np.datetime_as_string(_EPOCH + label_ns.astype("timedelta64[ns]"), unit="ns")
    width = 19 if decimals == 0 else 20 + decimals
    return [
        t[:17] + "60" + t[19:width] if inside else t[:width] for t, inside in zip(texts.tolist(), leap, strict=True)
    ]
