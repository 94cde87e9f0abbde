"""Time scales against published instants and astropy.time."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbit_aux.errors import OrbitError
from orbit_aux.time import Times

# 1972-07-02 to 2199: whole nanoseconds of TAI from 2000
TAI_NS = st.integers(-867_000_000 * 10**9, 6_280_000_000 * 10**9)


def test_origin_is_tai_midnight_2000() -> None:
    # TAI - UTC was 32 s in 2000
    assert Times.from_utc("1999-12-31T23:59:28Z").tai_ns[0] == 0


@pytest.mark.parametrize(
    ("utc", "offset_s"),
    [
        ("1990-06-01T00:00:00", 25),
        ("1991-06-01T00:00:00", 26),
        ("1992-07-01T00:00:00", 27),
        ("2018-03-06T00:00:00", 37),
    ],
)
def test_tai_minus_utc_is_the_published_one(utc: str, offset_s: int) -> None:
    assert (Times.from_utc(utc) - Times.from_labels([utc], "TAI"))[0] == offset_s


def test_gps_time_is_18_s_ahead_of_utc_since_2017() -> None:
    assert Times.from_utc("2018-03-06T00:00:00").labels("GPS", 0) == ["2018-03-06T00:00:18"]
    assert Times.from_utc("1980-01-06T00:00:00").gps_seconds()[0] == 0.0


def test_a_leap_second_is_counted_written_and_read() -> None:
    times = Times.from_utc(
        ["2016-12-31T23:59:59", "2016-12-31T23:59:60", "2016-12-31T23:59:60.5", "2017-01-01T00:00:00"]
    )
    assert (times[1:] - times[:-1]).tolist() == [1.0, 0.5, 0.5]
    assert times.utc_strings(1)[1:3] == ["2016-12-31T23:59:60.0Z", "2016-12-31T23:59:60.5Z"]
    # datetime64 has no second 60: it waits at the last nanosecond
    assert times.utc_datetime64()[2] == np.datetime64("2016-12-31T23:59:59.999999999")
    assert times.utc_datetime64()[3] == np.datetime64("2017-01-01T00:00:00")


def test_all_spellings_of_one_instant_agree() -> None:
    expected = Times.from_utc("2018-03-06T12:30:15.250Z")
    spellings = [
        "2018-065T12:30:15.25",
        "2018-03-06 12:30:15.250000000",
        "2018-03-06T14:30:15.25+02:00",
        np.datetime64("2018-03-06T12:30:15.250"),
        np.array(["2018-03-06T12:30:15.250"], dtype="datetime64[ms]"),
        datetime(2018, 3, 6, 12, 30, 15, 250_000, tzinfo=UTC),
        datetime(2018, 3, 6, 7, 30, 15, 250_000, tzinfo=timezone(timedelta(hours=-5))),
        [np.datetime64("2018-03-06T12:30:15.250")],
        ("2018-03-06T12:30:15.25Z",),
    ]
    assert all(Times.from_utc(spelling) == expected for spelling in spellings)


@pytest.mark.parametrize(
    "wrong",
    [
        "yesterday",
        "",
        "2018-03-06",
        "2018-13-01T00:00:00",
        "2018-02-29T00:00:00",
        "2018-366T00:00:00",
        "2018-000T00:00:00",
        "2018-03-06T24:00:00",
        "2018-03-06T00:00:61",
        "2018-03-06T00:00:60",
        "2018-06-30T23:59:60",
        "1971-12-31T00:00:00",
        "2300-01-01T00:00:00",
        "٢٠١٨-03-06T00:00:00",
    ],
)
def test_what_is_no_time_is_refused_by_its_name(wrong: str) -> None:
    with pytest.raises(OrbitError) as refusal:
        Times.from_utc(["2018-03-06T00:00:00", wrong])
    assert repr(wrong) in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (datetime(2018, 3, 6), "2018-03-06T00:00:00 is naive"),
        (np.array(["NaT", "2018-03-06"], dtype="datetime64[ns]"), "NaT"),
        (np.datetime64("NaT"), "NaT"),
        (np.datetime64("1960-01-01"), "1960-01-01"),
        (3.0, "3.0"),
        (None, "None"),
    ],
)
def test_what_is_no_utc_is_refused(wrong: object, named: str) -> None:
    with pytest.raises(OrbitError, match=named):
        Times.from_utc(wrong)


def test_scales_agree_with_astropy() -> None:
    astropy_time = pytest.importorskip("astropy.time")
    texts = ["1985-07-01T00:00:00.5", "2005-12-31T23:59:60.25", "2018-03-06T11:22:33.123456", "2024-02-29T23:59:59.999"]
    times, reference = Times.from_utc(texts), astropy_time.Time(texts, scale="utc", precision=9)
    date, fraction = times.tt()
    # days: 1e-14 d is 1 ns
    assert np.abs((date - reference.tt.jd1) + (fraction - reference.tt.jd2)).max() < 1e-14
    assert np.abs(times.gps_seconds() - reference.gps).max() < 1e-6
    for scale, value in (("TAI", reference.tai), ("TT", reference.tt)):
        assert times.labels(scale, 9) == value.isot.tolist()
    assert Times.from_labels(reference.tai.isot, "TAI") == times
    # astropy computes TDB - TT at the geocentre with a UT1 of its own: 1 µs
    assert np.abs(Times.from_labels(reference.tdb.isot, "TDB") - times).max() < 1e-6


def test_tdb_is_tt_within_two_milliseconds() -> None:
    year = Times.from_utc("2020-01-01T00:00:00") + np.arange(0, 366, 5.0) * 86400.0
    away = year - Times.from_labels(year.labels("TT", 9), "TDB")
    assert 1.5e-3 < np.abs(away).max() < 2e-3
    assert all(np.array_equal(a, b) for a, b in zip(year.tt(), year.tdb(), strict=True))


@given(st.lists(TAI_NS, min_size=1, max_size=5), st.sampled_from(["UTC", "TAI", "TT", "TDB", "GPS"]))
def test_labels_lead_back_to_the_same_nanosecond(tai_ns: list[int], scale: str) -> None:
    times = Times(np.array(tai_ns, dtype=np.int64))
    again = Times.from_labels(times.labels(scale, 9), scale)
    # TDB - TT is evaluated at instants 2 ms apart: 1 ns
    assert np.abs(again.tai_ns - times.tai_ns).max() <= (1 if scale == "TDB" else 0)


@given(TAI_NS, st.integers(0, 9))
def test_rounded_labels_are_within_half_a_unit(tai_ns: int, decimals: int) -> None:
    times = Times(np.array([tai_ns], dtype=np.int64))
    again = Times.from_utc(times.utc_strings(decimals))
    assert 2 * abs(int(again.tai_ns[0]) - tai_ns) <= 10 ** (9 - decimals)


def test_rounding_reaches_the_leap_second_and_the_next_day() -> None:
    times = Times.from_utc(["2016-12-31T23:59:59.9999999", "2016-12-31T23:59:60.9999999"])
    assert times.utc_strings(3) == ["2016-12-31T23:59:60.000Z", "2017-01-01T00:00:00.000Z"]


def test_times_behave_as_an_array() -> None:
    times = Times.from_utc("2018-03-06T00:00:00") + np.array([3.0, 1.0, 2.0])
    assert len(times) == 3
    assert [len(part) for part in times] == [1, 1, 1]
    assert times.min() == times[1]
    assert times.max() == times[0]
    assert Times.concatenate([times[:1], times[1:]]) == times
    assert len(Times.concatenate([])) == 0
    assert (times - times[1]).tolist() == [2.0, 0.0, 1.0]
    assert times[np.array([True, False, True])] == Times.concatenate([times[0], times[2]])
    assert pickle.loads(pickle.dumps(times)) == times
    with pytest.raises(ValueError, match="read-only"):
        times.tai_ns[0] = 0


def test_seconds_are_added_to_the_nanosecond() -> None:
    start = Times.from_utc("2018-03-06T00:00:00")
    assert ((start + 1e8 + 1e-9).tai_ns - start.tai_ns)[0] == 10**17 + 1
    for wrong in (np.nan, np.inf, 1e12):
        with pytest.raises(OrbitError, match="finite"):
            start + wrong


def test_misuse_is_refused() -> None:
    with pytest.raises(OrbitError, match="int64"):
        Times(np.array([1.0]))
    with pytest.raises(OrbitError, match="at least one"):
        Times(np.empty(0, np.int64)).min()
    with pytest.raises(OrbitError, match=r"UT1.*use one of UTC, TAI"):
        Times.from_labels(["2018-03-06T00:00:00"], "UT1")
    with pytest.raises(OrbitError, match="zone"):
        Times.from_labels(["2018-03-06T00:00:00Z"], "TAI") - Times.from_labels(["2018-03-06T00:00:00+01:00"], "TAI")
    with pytest.raises(OrbitError, match="before 1972"):
        Times.from_labels(["1972-01-01T00:00:00"], "TAI").utc_strings()


def test_messages_name_times_as_files_do() -> None:
    times = Times.from_utc(["2018-03-06T00:00:00", "2018-03-06T00:01:00"])
    assert str(times[:1]) == "2018-03-06T00:00:00.000000Z"
    assert str(times) == "2018-03-06T00:00:00.000000Z .. 2018-03-06T00:01:00.000000Z"
    assert repr(times) == f"Times(2: {times})"
