"""The table of statistics: every variable over the bands becomes a column by itself, and CSV and Parquet hold the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr

from calib.errors import InputError
from calib.lineage import Cause, Lineage
from calib.report.statistics import IDENTITY, Measurement, statistics
from calib.report.statistics_files import as_csv, as_parquet, column_list, heading
from calib.types import Result, as_record

STEPS = ("first", "second")
BANDS = ("B1", "B2", "B10")


def over(values: Sequence[Any], units: str | None = None, **attrs: Any) -> xr.DataArray:
    told = attrs if units is None else {"units": units, **attrs}
    return xr.DataArray(np.asarray(values), dims="band", attrs=told)


def result(step: str, variables: dict[str, Any], bands: Sequence[str] = BANDS, **attrs: Any) -> Result:
    causes = (
        Cause("acquisition", "d" * 64, "MOON (somewhere on a disk)"),
        Cause("sensor", "e" * 64, "venus"),
        Cause("orbit", "f" * 64, "VENUS arc of VENUS.oem"),
        Cause("before", "0" * 64, "another result", "1" * 64),
    )
    lineage = Lineage(step, "3", {}, causes, subject="MOON")
    return Result(xr.Dataset(variables, coords={"band": list(bands)}, attrs=attrs), lineage)


def measured(name: str = "MOON", date: str = "2019-01-18T08:14:01.200", **more: Any) -> Measurement:
    first = {
        "centre": over([1.5, np.nan, 1e-17], "pixel"),
        "flags": over(["", "a,b", "c"]),
        "picture": as_record(xr.DataArray(np.zeros((3, 2)), dims=("band", "x"), attrs={"units": "DN"})),
        "seen": as_record(over([1.0, 2.0, 3.0], "DN")),
        "table": xr.DataArray(np.zeros((3, 2)), dims=("band", "x"), attrs={"units": "DN"}),
        "crossing_time": over(np.full(3, date, "datetime64[ns]")),
        **more,
    }
    second = {
        "k": over([1.0, 2.0, 3.0], "1", long_name="ratio"),
        "k__u_noise": over([0.3, 0.3, np.nan], "1", component="noise", correlation="random"),
        "k__u_scale": over([-0.4, 0.4, 0.4], "1", component="scale", correlation="common"),
        "gain": over([1.0, 2.0, 3.0], "DN / (W m-2 sr-1 um-1)", correlation="random"),
        "valid": over([True, False, True]),
        "flags": over(["", "a", ""]),
        "hits": over([1, 2, 3], "1"),
    }
    return Measurement(name, {"first": result("first", first), "second": result("second", second, model="ROLO")})


def cells(table: pa.Table, name: str) -> list[Any]:
    return list(table.column(name).to_pylist())


def told(table: pa.Table, name: str) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in table.schema.field(name).metadata.items()}


def test_every_variable_over_the_bands_is_a_column() -> None:
    table = statistics([measured()], STEPS)
    assert cells(table, "band") == list(BANDS)
    assert cells(table, "centre") == [1.5, None, 1e-17]
    assert cells(table, "hits") == [1, 2, 3]
    assert cells(table, "valid") == [True, False, True]
    assert told(table, "centre") == {"units": "pixel", "meaning": "centre", "step": "first"}
    assert told(table, "k")["meaning"] == "ratio"


def test_what_a_step_adds_later_appears_by_itself() -> None:
    table = statistics([measured(), measured("OTHER", fill_effect=over([0.1, 0.2, 0.3], "1"))], STEPS)
    assert cells(table, "fill_effect") == [None, None, None, 0.1, 0.2, 0.3]


def test_records_and_what_has_other_dimensions_stay_out() -> None:
    assert not {"picture", "seen", "table"} & set(statistics([measured()], STEPS).column_names)


def test_a_name_of_two_steps_belongs_to_the_later() -> None:
    table = statistics([measured()], STEPS)
    assert cells(table, "flags") == [None, "a", None]
    assert cells(table, "first_flags") == [None, "a,b", "c"]
    assert "second_flags" not in table.column_names


def test_numbers_come_before_texts() -> None:
    kinds = [item.type == pa.string() for item in statistics([measured()], STEPS).schema][len(IDENTITY) :]
    assert kinds == sorted(kinds), "a tool that cuts at commas finds every number in its place"


def test_components_keep_their_correlation_and_have_a_total() -> None:
    table = statistics([measured()], STEPS)
    assert told(table, "k__u_scale")["correlation"] == "common"
    # 3-4-5; where a component is missing there is no total
    assert cells(table, "k__u_total") == [pytest.approx(0.5), pytest.approx(0.5), None]
    # arithmetic left the attribute on a variable that is no component
    assert "correlation" not in told(table, "gain")
    names = table.column_names
    assert names.index("k__u_total") == names.index("k__u_scale") + 1


def test_provenance_is_told_without_places() -> None:
    table = statistics([measured()], STEPS)
    assert set(cells(table, "acquisition")) == {"MOON"}
    assert set(cells(table, "sensor")) == {"venus"}
    assert set(cells(table, "acquisition_digest")) == {"d" * 64}
    assert set(cells(table, "orbit_label")) == {"VENUS arc of VENUS.oem"}
    assert set(cells(table, "orbit_digest")) == {"f" * 64}
    assert set(cells(table, "model")) == {"ROLO"}
    assert set(cells(table, "first_version")) == {"3"}
    assert len(cells(table, "second_key")[0]) == 64
    assert "before_label" not in table.column_names, "results are told by their keys"
    assert "somewhere" not in as_csv(table), "the label of an acquisition holds a path"


def test_rows_are_by_date_and_do_not_depend_on_the_order_given() -> None:
    late, early = measured("A", "2020-01-01"), measured("B", "2019-01-01")
    table = statistics([late, early], STEPS)
    assert cells(table, "acquisition") == ["B"] * 3 + ["A"] * 3
    assert as_csv(table) == as_csv(statistics([early, late], STEPS))
    assert as_parquet(table) == as_parquet(statistics([early, late], STEPS))


def test_an_acquisition_that_failed_half_way_has_rows_and_says_so() -> None:
    whole = measured()
    half = Measurement("HALF", {"first": whole.results["first"]})
    table = statistics([whole, half], STEPS)
    by_name = dict(zip(cells(table, "acquisition"), cells(table, "missing_steps"), strict=True))
    assert by_name == {"MOON": None, "HALF": "second"}
    # by date and name: HALF comes first
    assert cells(table, "k") == [None] * 3 + [1.0, 2.0, 3.0]


def test_nothing_measured_gives_the_header_alone() -> None:
    text = as_csv(statistics([], STEPS))
    assert text == "acquisition,sensor,band,acquisition_digest,missing_steps\n"


def test_other_units_are_converted_to_those_of_the_first() -> None:
    other = Measurement("Z", {"first": result("first", {"angle": over([1.0, 2.0, 3.0], "deg")})})
    one = Measurement("A", {"first": result("first", {"angle": over([1.0, 2.0, 3.0], "rad")})})
    assert cells(statistics([one, other], STEPS), "angle")[3:] == pytest.approx(np.radians([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("wrong", [over([1.0, 2.0, 3.0], "km"), over(["a", "b", "c"])])
def test_what_contradicts_is_refused_with_its_name(wrong: xr.DataArray) -> None:
    with pytest.raises(InputError, match=r"OTHER: first\.centre"):
        statistics([measured(date="2018-01-01"), measured("OTHER", centre=wrong)], STEPS)


# --- files


@pytest.fixture
def table(samples: SimpleNamespace) -> pa.Table:
    """A table with every kind of cell, some missing, from results as the steps leave them."""
    cases = [samples.case(name, seed=seed) for seed, name in enumerate(("A", "B"))]
    odd = measured('C, with "quotes"', "2021-01-01T00:00:00.123456789", third=over([1 / 3, np.inf, -1e300], "km"))
    return statistics([*(Measurement(item.name, item.results) for item in cases), odd], (*STEPS, "lunar_gain"))


def _read(text: str, kind: pa.DataType) -> Any:
    """A cell of the CSV as its column's type has it: a reader of its own, not the writer turned round."""
    if text == "":
        return None
    if pa.types.is_boolean(kind):
        return {"true": True, "false": False}[text]
    if pa.types.is_timestamp(kind):
        return pd.Timestamp(text)
    readers: dict[pa.DataType, Callable[[str], Any]] = {pa.float64(): float, pa.int64(): int}
    return readers.get(kind, str)(text)


def test_csv_and_parquet_hold_the_same(table: pa.Table) -> None:
    stored = pq.read_table(io.BytesIO(as_parquet(table)))
    head, *rows = csv.reader(io.StringIO(as_csv(table)))
    assert head == [heading(item) for item in stored.schema]
    assert len(rows) == stored.num_rows == 27
    for number, item in enumerate(stored.schema):
        column = stored.column(number)
        # equal to the last digit: no tolerance
        assert [_read(row[number], item.type) for row in rows] == column.to_pylist(), item.name


def test_parquet_keeps_units_and_meaning(table: pa.Table) -> None:
    stored = pq.read_table(io.BytesIO(as_parquet(table)))
    assert stored.schema.equals(table.schema, check_metadata=True)
    assert told(stored, "gain_used")["units"] == "DN / (W m-2 sr-1 um-1)"


def test_pandas_reads_the_csv_without_being_told_how(table: pa.Table) -> None:
    frame = pd.read_csv(io.StringIO(as_csv(table)))
    known = {pa.float64(): "f", pa.int64(): "iuf"}
    for item in table.schema:
        kinds = known.get(item.type, "OTbfiu")
        assert frame[heading(item)].dtype.kind in kinds or item.type == pa.string() or item.type == pa.bool_(), item
    assert frame["sky_level [DN]"].dropna().tolist() == pytest.approx([20.12] * 24)
    times = pd.to_datetime(frame["crossing_time"], format="ISO8601")
    assert str(times.dt.tz) == "UTC"


def test_the_list_names_every_column(table: pa.Table) -> None:
    rows = list(csv.DictReader(io.StringIO(column_list(table))))
    assert [row["column"] for row in rows] == table.column_names
    by_name = {row["column"]: row for row in rows}
    assert by_name["k__u_model_scale"]["correlation"] == "common"
    assert by_name["sky_level"]["units"] == "DN"
    assert all(row["meaning"] for row in rows)
