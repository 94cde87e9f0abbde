"""Keys depend on content and on nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from calib.config import frozen
from calib.lineage import (
    Cause,
    Lineage,
    canonical,
    circumstances,
    differences,
    digest,
    digest_bytes,
    digest_dataset,
    digest_file,
    result_key,
)


def sample() -> xr.Dataset:
    return xr.Dataset(
        {
            "signal": (("band", "line"), np.array([[1.0, 0.0, np.nan], [4.0, 5.0, 6.0]]), {"units": "DN", "note": "a"}),
            "defects": ("band", np.array([1, 2], dtype="i4"), {"units": "1"}),
            "valid": ("band", np.array([True, False])),
            "time": ("band", np.array(["2020-01-01", "2020-01-02"], dtype="M8[ns]")),
            "flags": ("band", np.array(["", "eclipse"])),
        },
        coords={"band": ["B1", "B10"]},
        attrs={"model": "ROLO 2005", "version": 1},
    )


def test_digests_are_sha256(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = b"abc" * 700_000  # more than one block
    path.write_bytes(content)
    assert digest_file(path) == digest_bytes(content) == hashlib.sha256(content).hexdigest()
    # FIPS 180-2, example B.1
    assert digest_bytes(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_key_of_today_is_the_key_of_tomorrow() -> None:
    # a change here makes every archive recompute everything
    assert canonical({"b": [1, 2.5, None, True], "a": "é"}) == '{"a":"é","b":[1,2.5,null,true]}'.encode()
    assert digest_dataset(sample()) == "09faa1130a7b2b0923ef3d47b7b76892b520e511b767c372b8000bdfdbbde9bb"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("abc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=4),
)


@given(st.dictionaries(st.text("abc"), PLAIN, max_size=5))
def test_plain_data_by_content_not_by_order(content: dict[str, Any]) -> None:
    turned = dict(reversed(content.items()))
    assert digest(turned) == digest(content)
    assert digest(json.loads(json.dumps(content))) == digest(content)
    assert digest({**content, "new": 1}) != digest(content)


def test_nan_has_no_place_in_plain_data() -> None:
    with pytest.raises(ValueError):
        digest({"a": float("nan")})


def _big_endian(data: xr.Dataset) -> xr.Dataset:
    return data.assign(
        signal=(data.signal.dims, data.signal.values.astype(">f8"), data.signal.attrs),
        defects=(data.defects.dims, data.defects.values.astype(">i4"), data.defects.attrs),
    )


SAME: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "order of variables": lambda data: data[list(reversed(list(data.data_vars)))].assign_attrs(data.attrs),
    "order of attributes": lambda data: data.drop_attrs(deep=False).assign_attrs(version=1, model="ROLO 2005"),
    "byte order": _big_endian,
    "memory layout": lambda data: data.assign(signal=data.signal.copy(data=np.asfortranarray(data.signal.values))),
    "negative zero": lambda data: data.assign(signal=data.signal.copy(data=np.where(data.signal == 0, -0.0, data.signal))),
    "sign of NaN": lambda data: data.assign(signal=data.signal.copy(data=np.where(np.isnan(data.signal), -np.nan, data.signal))),
    "type of text": lambda data: data.assign(flags=("band", np.array(["", "eclipse"], dtype=object))),
    "text as bytes": lambda data: data.assign(flags=("band", np.array([b"", b"eclipse"]))),
    "resolution of dates": lambda data: data.assign(time=("band", data.time.values.astype("M8[s]"))),
    "numpy scalars in attributes": lambda data: data.assign_attrs(version=np.int64(1)),
    "lazy values": lambda data: data.chunk(),
}  # fmt: skip

OTHER: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "one bit of one value": lambda data: data.assign(signal=data.signal.where(data.signal != 6.0, np.nextafter(6.0, 7.0))),
    "an integer": lambda data: data.assign(defects=data.defects + 1),
    "a boolean": lambda data: data.assign(valid=~data.valid),
    "a nanosecond": lambda data: data.assign(time=data.time + np.timedelta64(1, "ns")),
    "a letter": lambda data: data.assign(flags=("band", np.array(["", "Eclipse"]))),
    "text cut elsewhere": lambda data: data.assign(flags=("band", np.array(["e", "clipse"]))),
    "a coordinate": lambda data: data.assign_coords(band=["B1", "B11"]),
    "a name": lambda data: data.rename(defects="defect"),
    "units": lambda data: data.assign(defects=data.defects.assign_attrs(units="%")),
    "an attribute": lambda data: data.assign_attrs(version=2),
    "order of dimensions": lambda data: data.transpose("line", "band"),
    "the name of a dimension": lambda data: data.rename(line="row"),
    "precision": lambda data: data.assign(signal=data.signal.astype("f4")),
    "a duration for a date": lambda data: data.assign(time=data.time - np.datetime64("1970-01-01", "ns")),
    "one variable less": lambda data: data.drop_vars("valid"),
    "the order of bands": lambda data: data.isel(band=[1, 0]),
}  # fmt: skip


@pytest.mark.parametrize("change", SAME)
def test_same_content_same_digest(change: str) -> None:
    assert digest_dataset(SAME[change](sample())) == digest_dataset(sample())


@pytest.mark.parametrize("change", OTHER)
def test_other_content_other_digest(change: str) -> None:
    assert digest_dataset(OTHER[change](sample())) != digest_dataset(sample())


def lineage(**changes: Any) -> Lineage:
    causes = (Cause("acquisition", "c1", "A (/data/a)"), Cause("geometry", "c2", "moon_geometry A", key="k2"))
    facts = {"step": "lunar_gain", "version": "1", "parameters": {"b": {"c": 1.5}, "a": 2}, "causes": causes}
    return Lineage(**{**facts, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"a": 2, "b": {"c": 1.5}}},
        {"causes": tuple(reversed(lineage().causes))},
        {"causes": tuple(replace(cause, label="elsewhere", key="other") for cause in lineage().causes)},
        {"host": "h", "user": "u", "started_utc": "2020-01-01T00:00:00", "seconds": 5.0, "software": {"numpy": "2"}},
        {"subject": "A", "run": "r1"},
    ],
    ids=str,
)
def test_the_key_ignores_what_is_for_people(change: dict[str, Any]) -> None:
    assert lineage(**change).key == lineage().key


@pytest.mark.parametrize(
    "change",
    [
        {"step": "lunar_disk"},
        {"version": "2"},
        {"parameters": {"b": {"c": 1.25}, "a": 2}},
        {"parameters": {"a": 2}},
        {"causes": lineage().causes[:1]},
        {"causes": (replace(lineage().causes[0], content="c3"), lineage().causes[1])},
        {"causes": (replace(lineage().causes[0], role="sensor"), lineage().causes[1])},
    ],
    ids=str,
)
def test_the_key_knows_what_may_change_the_numbers(change: dict[str, Any]) -> None:
    assert lineage(**change).key != lineage().key


def test_two_causes_of_one_role_are_refused() -> None:
    causes = (Cause("gain", "c1", "A"), Cause("gain", "c2", "B"))
    with pytest.raises(ValueError, match="step 'synthesis': two causes have one role"):
        result_key("synthesis", "1", {}, causes)


def test_a_lineage_comes_back_from_json() -> None:
    made = lineage(subject="A", run="r1", seconds=1.5, **circumstances())
    again = Lineage.from_plain(json.loads(json.dumps(made.to_plain())))
    assert again == made
    assert again.key == made.key


def test_read_only_parameters_are_plain_too() -> None:
    made = lineage(parameters=frozen({"a": 2, "b": {"c": 1.5}}), software=frozen({"numpy": "2"}))
    assert json.loads(json.dumps(made.to_plain()))["parameters"] == {"a": 2, "b": {"c": 1.5}}
    assert made.key == lineage().key


def test_differences_name_each_change_once() -> None:
    acquisition, geometry = lineage().causes
    assert differences(lineage(), lineage(host="other", run="r2")) == []
    new = lineage(
        version="2",
        parameters={"a": 3, "d": 1},
        causes=(replace(acquisition, content="c9"), Cause("sensor", "c4", "venus")),
    )
    assert differences(lineage(), new) == [
        "lunar_gain version 1 -> 2",
        "lunar_gain.a: 2 -> 3",
        "lunar_gain.b: {'c': 1.5} -> None",
        "lunar_gain.d: None -> 1",
        "acquisition: other content of A (/data/a)",
        "sensor: none -> venus",
        "geometry: moon_geometry A -> none",
    ]
    moved = lineage(causes=(acquisition, replace(geometry, content="c5", label="moon_geometry B")))
    assert differences(lineage(), moved) == ["geometry: moon_geometry A -> moon_geometry B"]


def test_circumstances_name_the_software() -> None:
    found = circumstances()
    assert found["software"]["numpy"] == np.__version__
    assert set(found) == {"software", "host", "user"}
