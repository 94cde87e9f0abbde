"""Datasets survive the file exactly, and other readers understand it."""

from __future__ import annotations

import io
import time

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from calib.archive.netcdf import from_bytes, to_bytes
from calib.lineage import digest_dataset

TYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", "?", "m8[ns]", "M8[ns]", "<U5"]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 3), (130, 520)])
def test_every_type_and_shape_comes_back_as_it_was(dtype: str, shape: tuple[int, ...]) -> None:
    # 130 x 520 bytes are enough to be compressed
    values = (np.arange(np.prod(shape, dtype=int)) % 100).reshape(shape).astype(dtype)
    dataset = xr.Dataset({"a": (tuple("xyz"[: len(shape)]), values, {"units": "1"})})
    back = from_bytes(to_bytes(dataset))
    xr.testing.assert_identical(back, dataset)
    assert back["a"].dtype.kind == dataset["a"].dtype.kind
    assert dtype == "<U5" or back["a"].dtype == dataset["a"].dtype


def test_what_is_not_a_number_survives() -> None:
    dataset = xr.Dataset(
        {
            "real": ("x", np.array([np.nan, np.inf, -np.inf, 5e-324, 1e308])),
            "when": (
                "x",
                np.array(["NaT", "1677-09-22", "2262-04-11", "2026-01-01T00:00:00.123456789", "1970"], "M8[ns]"),
            ),
            "long": ("x", np.array([-(2**63), 2**63 - 1, 0, 2**53 + 1, -1])),
        }
    )
    xr.testing.assert_identical(from_bytes(to_bytes(dataset)), dataset)


def test_attributes_of_every_kind_survive_with_their_type() -> None:
    attrs = {
        "true": True,
        "none": None,
        "one": [1],
        "empty": [],
        "nested": {"a": [1.5, "x"]},
        "text": "µ é",
        "blank": "",
        "big": 2**70,
        "coordinates": "k",
        "dtype": "bool",
        "scale_factor": 2.0,
        "_FillValue": 1.0,
        "with/slash": 1,
        "": 0,
        "nul": "a\0b",
    }
    dataset = xr.Dataset({"k": ("band", [1.0, 2.0], {**attrs, "units": "s"})}, {"band": ["B10", "B2"]}, attrs)
    back = from_bytes(to_bytes(dataset))
    assert back.attrs == attrs
    assert back["k"].attrs == dataset["k"].attrs
    assert list(map(type, back.attrs.values())) == list(map(type, attrs.values()))
    assert digest_dataset(back) == digest_dataset(dataset)


def test_coordinates_stay_coordinates() -> None:
    dataset = xr.Dataset(
        {"k": ("band", [1.0, 2.0], {"units": "1"})},
        {"band": ["B10", "B2"], "wavelength": ("band", [0.4, 0.5]), "instant": np.datetime64("2026-01-01", "ns")},
    )
    back = from_bytes(to_bytes(dataset))
    xr.testing.assert_identical(back, dataset)
    assert set(back.coords) == set(dataset.coords)
    assert list(back.indexes) == ["band"]


def test_another_reader_finds_the_same_numbers() -> None:
    dataset = xr.Dataset(
        {
            "k": ("band", [1.0, np.nan], {"units": "1"}),
            "valid": ("band", [True, False]),
            "time": ("band", np.array(["2026-01-01T00:00:00.123456789", "2026-01-02"], "M8[ns]")),
            "flags": ("band", ["", "é"]),
        },
        {"band": ["B10", "B2"], "wavelength": ("band", [0.4, 0.5], {"units": "um"})},
        {"title": "x"},
    )
    with xr.open_dataset(io.BytesIO(to_bytes(dataset)), engine="h5netcdf") as other:
        found = other.load()
    assert found.attrs.pop("etalon_exact")
    xr.testing.assert_identical(found, dataset)


def test_the_same_dataset_gives_the_same_bytes() -> None:
    dataset = xr.Dataset({"q": (("x", "y"), np.ones((300, 300)), {"units": "DN"}), "t": ("x", ["é"] * 300)})
    first = to_bytes(dataset)
    # HDF5 dates objects, if it does, in whole seconds
    time.sleep(1.1)
    assert to_bytes(dataset.copy(deep=True)) == first


@pytest.mark.parametrize(
    ("values", "word"),
    [(np.array(["a", None], object), "nan"), (np.array(["a\0b"]), "text"), (np.zeros(1, "g"), "float128")],
)
def test_what_netcdf_cannot_hold_is_refused_by_name(values: np.ndarray, word: str) -> None:
    with pytest.raises(ValueError, match=f"'odd'.*{word}"):
        to_bytes(xr.Dataset({"odd": ("x", values)}))


def test_a_variable_named_as_a_dimension_it_is_not_over_is_refused() -> None:
    with pytest.raises(ValueError, match="rename"):
        to_bytes(xr.Dataset({"a": ("x", [1.0]), "x": ("y", [1.0, 2.0])}))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda item: st.lists(item, max_size=3) | st.dictionaries(TEXT, item, max_size=3),
    max_leaves=5,
)


@st.composite
def datasets(draw: st.DrawFn) -> xr.Dataset:
    sizes = {name: draw(st.integers(0, 4)) for name in ("band", "x", "y")}
    variables = {}
    for name in draw(st.lists(st.from_regex(r"[a-z_]{2,8}", fullmatch=True), max_size=5, unique=True)):
        if name == "band":
            continue
        dims = tuple(draw(st.lists(st.sampled_from(sorted(sizes)), max_size=3, unique=True)))
        dtype = np.dtype(draw(st.sampled_from(TYPES)))
        shape = tuple(sizes[dim] for dim in dims)
        elements = TEXT.filter(lambda text: len(text) <= 5) if dtype.kind == "U" else None
        values = draw(hnp.arrays(dtype, shape, elements=elements))
        attrs = draw(st.dictionaries(TEXT.filter(bool), PLAIN, max_size=3))
        variables[name] = (dims, values, attrs)
    return xr.Dataset(
        variables, {"band": [f"B{i}" for i in range(sizes["band"])]}, draw(st.dictionaries(TEXT, PLAIN, max_size=3))
    )


@settings(max_examples=30, deadline=None)
@given(datasets())
def test_any_dataset_keeps_its_digest(dataset: xr.Dataset) -> None:
    content = to_bytes(dataset)
    back = from_bytes(content)
    assert digest_dataset(back) == digest_dataset(dataset)
    xr.testing.assert_equal(back, dataset)
    assert to_bytes(dataset) == content
