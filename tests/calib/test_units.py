"""Units are demanded where a number enters and stamped where an array leaves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from calib import units
from calib.units import demand, quantity, stamp, unit


@pytest.mark.parametrize(
    ("target", "spelling"), [(key, text) for key, all_ in units.SPELLINGS.items() for text in all_]
)
def test_every_spelling_that_is_offered_is_read(target: str, spelling: str) -> None:
    assert quantity(f"1 {spelling}", target) > 0


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("7.36 urad", "rad", 7.36e-6),
        ("180 deg", "rad", math.pi),
        ("3600 arcsec", "deg", 1.0),
        ("2.9 ms", "s", 2.9e-3),
        ("720 km", "m", 720_000.0),
        ("0.5 um", "nm", 500.0),
        ("1 GiB", "byte", 2.0**30),
        ("1 KiB", "byte", 1024.0),
        ("90 deg / s", "rad / s", math.pi / 2),
        ("1 W m-2 nm-1", "W m-2 um-1", 1000.0),
        ("5%", "1", 0.05),
        ("5 %", "1", 0.05),
        ("0.05", "1", 0.05),
        (3, "1", 3.0),
        ("  4 m ", "m", 4.0),
        ("-1e-3 m", "m", -1e-3),
    ],
)
def test_conversion(text: object, target: str, expected: float) -> None:
    # conversion factors are exact to a few units in the last place
    assert quantity(text, target) == pytest.approx(expected, rel=1e-14)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_in_its_own_unit_is_read_back_to_the_bit(value: float) -> None:
    assert quantity(f"{value!r} rad", "rad") == value


@pytest.mark.parametrize(
    ("text", "target", "sentence"),
    [
        (5, "m", "5 has no unit; write for example '5 m' (m or km or mm or um)"),
        ("5", "s", "'5' has no unit; write for example '5 s' (s or ms or us or min or h or d)"),
        (True, "m", "True is not a number with a unit (m or km or mm or um)"),
        (None, "km", "None is not a number with a unit (km or m)"),
        ([1], "pixel", "[1] is not a number with a unit (pixel)"),
        ("", "DN", "'' is not a number with a unit (DN)"),
        ("far m", "km", "'far m' is not a number with a unit (km or m)"),
        ("7km", "km", "'7km' is not a number with a unit (km or m)"),
        ("nan m", "m", "'nan m' is not finite"),
        ("inf", "1", "'inf' is not finite"),
        ("1e308 km", "m", "'1e308 km' is not finite in m"),
        ("5 s", "km", "'5 s': 's' cannot be converted to km; allowed: km or m"),
        ("5%", "deg", "'5%': '%' cannot be converted to deg; allowed: deg or rad or arcmin or arcsec"),
        ("3 5 m", "km", "'3 5 m': '5 m' cannot be converted to km; allowed: km or m"),
        ("5 mag(AB)", "km", "'5 mag(AB)': 'mag(AB)' cannot be converted to km; allowed: km or m"),
        ("5 mrd", "rad", "unknown unit 'mrd'; did you mean 'mrad'?"),
        ("5 metre", "m", "unknown unit 'metre'; did you mean 'm'?"),
        ("5 zzz", "km", "unknown unit 'zzz'; known: km, m"),
    ],
)
def test_refusals(text: object, target: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        quantity(text, target)
    assert str(caught.value) == sentence


def test_an_unknown_unit_never_breaks_the_line() -> None:
    with pytest.raises(ValueError) as caught:
        unit("m\nbroken")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["1", "", " 1 "])
def test_dimensionless(text: str) -> None:
    assert unit(text).to(unit("%")) == 100.0


def test_stamp_replaces_stale_units_and_names() -> None:
    length = xr.DataArray([1.0, 2.0], dims="x", attrs={"units": "m", "long_name": "length", "quantum": 0.5})
    area = stamp(length * length, "m2")
    assert area.attrs == {"units": "m2", "quantum": 0.5}
    assert stamp(length, "m", "height").attrs["long_name"] == "height"
    assert length.attrs["long_name"] == "length", "the argument stays as it was"


def test_stamp_refuses_what_is_no_unit() -> None:
    with pytest.raises(ValueError, match="unknown unit 'metres'"):
        stamp(xr.DataArray(1.0), "metres")


def test_stamp_computes_nothing() -> None:
    import dask.array as da

    def never(block: np.ndarray) -> np.ndarray:
        raise AssertionError("computed")

    lazy = xr.DataArray(da.ones(4, chunks=2).map_blocks(never, dtype=float, meta=np.empty(0)), dims="x")
    assert stamp(lazy, "DN").attrs["units"] == "DN"


def test_demand_converts_and_keeps_name_and_coordinates() -> None:
    array = xr.DataArray([1.0, 2.0], dims="band", coords={"band": ["B1", "B10"]}, name="distance")
    array = stamp(array, "km", "distance of the Moon")
    metres = demand(array, "m")
    np.testing.assert_array_equal(metres, [1000.0, 2000.0])
    assert metres.name == "distance"
    assert list(metres["band"].values) == ["B1", "B10"]
    assert metres.attrs == {"units": "m", "long_name": "distance of the Moon"}
    assert demand(array, "km") is array


def test_demand_writes_the_wanted_spelling() -> None:
    assert demand(xr.DataArray(1.0, attrs={"units": "pix"}), "pixel").attrs["units"] == "pixel"


@pytest.mark.parametrize(
    ("attrs", "sentence"),
    [
        ({}, "'gain' has no units; stamp it with units convertible to 'DN'"),
        ({"units": "m"}, "'gain' is in 'm', which cannot be converted to 'DN'"),
        ({"units": "Dn"}, "'gain': unknown unit 'Dn'; did you mean 'DN'?"),
    ],
)
def test_demand_refuses(attrs: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        demand(xr.DataArray(1.0, attrs=attrs, name="gain"), "DN")
    assert str(caught.value) == sentence
