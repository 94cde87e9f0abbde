"""What passes between the rooms is frozen, validated and known by its content."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import rasterio
import xarray as xr

import calib.raster
from calib.acquisition import Acquisition, BandImage
from calib.errors import InputError
from calib.lineage import Lineage, digest
from calib.raster import Raster
from calib.types import Content, Geometry, Result, as_record, quantised, require, same_order, without_records

# an image of the Moon lies nowhere on Earth
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

LINES, COLUMNS, ROWS = 5000, 6, 250
COUNTS = np.random.default_rng(1).integers(0, 4096, (LINES, COLUMNS), dtype="u2")
LINEAGE = Lineage("moon_geometry", "1", {}, (), subject="A")


@pytest.fixture(scope="module")
def tif(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("product") / "B1.tif"
    profile = {"driver": "GTiff", "width": COLUMNS, "height": LINES, "count": 1, "dtype": "uint16", "blockysize": ROWS}
    with rasterio.open(path, "w", **profile, compress="DEFLATE") as target:
        target.write(COUNTS, 1)
    return path


def raster(path: Path, **changes: Any) -> Raster:
    return replace(Raster(path, LINES, COLUMNS, "uint16", ROWS), **changes)


def image(path: Path = Path("B1.tif"), **changes: Any) -> BandImage:
    made = BandImage(raster(path), np.datetime64("2020-01-01T00:00:00"), 2.9e-3, np.full(LINES, 1e-3))
    return replace(made, **changes)


def acquisition(path: Path = Path("/data/A"), **changes: Any) -> Acquisition:
    bands = {"B10": image(path / "B10.tif"), "B2": image(path / "B2.tif")}
    column, line = np.array([0.6, 0.8, 0.0]), np.array([-0.8, 0.6, 0.0])
    made = Acquisition(
        "A", "venus", "moon", path, bands, {"B10.tif": "d1", "B2.tif": "d2"}, column, line, {"PHGAIN": "3"}
    )
    return replace(made, **changes)


def dataset() -> xr.Dataset:
    return xr.Dataset(
        {
            "phase": ("band", [10.0, 20.0], {"units": "deg", "quantum": 0.5}),
            "seen": ("band", [True, False]),
            "flags": ("band", ["", "eclipse"]),
            "date": ((), np.datetime64("2020-01-01", "ns")),
            "track": as_record(xr.DataArray(np.ones((2, 3)), dims=("band", "axis"), attrs={"units": "m"})),
        },
        coords={"band": ["B10", "B2"], "axis": ["x", "y", "z"]},
    )


# --- counts


def test_counts_are_read_only_when_computed(tif: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, int | None]] = []
    original = calib.raster.read_layers

    def spy(rasters: Sequence[Raster], first: int, stop: int, left: int, right: int) -> np.ndarray:
        read.append((first, stop))
        return original(rasters, first, stop, left, right)

    monkeypatch.setattr(calib.raster, "read_layers", spy)
    counts = image(tif).counts()
    assert not read
    # 9 * 250 lines are the least whole blocks that reach 2048
    assert counts.chunks == ((2250, 2250, 500), (COLUMNS,))
    assert (counts.dims, counts.dtype, counts.attrs["units"]) == (("line", "column"), np.uint16, "DN")
    with dask.config.set(scheduler="synchronous"):
        np.testing.assert_array_equal(counts[2300:2400].compute(), COUNTS[2300:2400])
        assert read == [(2250, 4500)], "a part reads its own blocks only"
        np.testing.assert_array_equal(counts.compute(), COUNTS)


@pytest.mark.parametrize("rows", [1, 16, 512, 1365, 1500, 2048, 3000, LINES])
def test_chunks_are_whole_blocks_of_at_least_2048_lines(rows: int) -> None:
    chunks = image(raster=raster(Path("B1.tif"), rows_per_block=rows)).counts().chunks[0]
    assert sum(chunks) == LINES
    assert all(size % rows == 0 and size >= 2048 for size in chunks[:-1])


def test_counts_cross_threads_and_pickles(tif: Path) -> None:
    counts = pickle.loads(pickle.dumps(image(tif))).counts()
    with dask.config.set(scheduler="threads", num_workers=2):
        np.testing.assert_array_equal(counts.compute(), COUNTS)


def test_a_window_is_read_in_the_type_of_the_file(tif: Path) -> None:
    part = raster(tif).read(10, 13)
    assert part.dtype == np.uint16
    np.testing.assert_array_equal(part, COUNTS[10:13])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_image_names_its_file(tif: Path, tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut.tif"
    path.write_bytes(tif.read_bytes()[: int(tif.stat().st_size * share)])
    with pytest.raises(InputError, match=r"cut\.tif: lines 0\.\.5000 cannot be read .* truncated or damaged"):
        raster(path).read()
    with pytest.raises(InputError, match=r"cut\.tif"):
        image(path).counts().compute(scheduler="synchronous")


def test_a_missing_or_replaced_image_names_its_file(tif: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.tif"):
        raster(tif.with_name("gone.tif")).read()
    with pytest.raises(InputError, match=r"B1\.tif: .* the file was replaced"):
        raster(tif, lines=LINES + 1).read()


# --- images and acquisitions


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"first_line": np.datetime64("NaT")},
            r"B1\.tif: the date of the first line is missing; lines are dated by both or not at all",
        ),
        ({"line_period_s": float("nan")}, r"B1\.tif: the line period is missing"),
        ({"line_period_s": 0.0}, r"line period 0\.0 s is not a positive number"),
        (
            {"scan_rate_rad_s": np.full(LINES, np.nan)},
            "the scan rate needs one positive number for each of the 5000 lines",
        ),
        ({"scan_rate_rad_s": np.zeros(LINES)}, "the scan rate needs one positive number"),
        ({"scan_rate_rad_s": np.ones(LINES - 1)}, "the scan rate needs one positive number"),
    ],
)
def test_an_image_without_dates_or_rates_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        image(**changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bands": {}}, "/data/A: the product holds no band"),
        ({"column_axis": np.array([1.0, 1.0, 0.0])}, "column_axis .* is no unit vector"),
        ({"line_axis": np.array([np.nan, 0.0, 0.0])}, "line_axis .* is no unit vector"),
        ({"line_axis": np.array([1.0, 0.0])}, "line_axis .* is no unit vector"),
        ({"line_axis": np.array([0.6, 0.8, 0.0])}, "axes of the attitude are not perpendicular"),
    ],
)
def test_an_acquisition_without_bands_or_attitude_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        acquisition(**changes)


def test_line_times() -> None:
    made = image(line_period_s=0.0025)
    assert made.line_time(0) == np.datetime64("2020-01-01T00:00:00")
    assert made.line_time(400.5) == np.datetime64("2020-01-01T00:00:01.001250")
    late = image(Path("late.tif"), first_line=np.datetime64("2020-01-01T00:00:05"), line_period_s=0.001)
    both = acquisition(bands={"B1": made, "B2": late})
    assert both.start == np.datetime64("2020-01-01T00:00:00")
    assert both.stop == made.line_time(LINES - 1)


def test_a_band_that_is_missing_names_those_that_are_there() -> None:
    assert acquisition().band("B2").raster.path.name == "B2.tif"
    with pytest.raises(InputError, match=r"/data/A: band B3 is missing \(the product holds B10, B2\)"):
        acquisition().band("B3")


def test_an_acquisition_is_known_by_the_contents_of_its_files() -> None:
    assert acquisition().digest == digest({"files": {"B2.tif": "d2", "B10.tif": "d1"}, "reader": ""})
    assert acquisition(reader="plain 2").digest != acquisition(reader="plain 1").digest
    assert acquisition(path=Path("/elsewhere"), name="B").digest == acquisition().digest
    assert acquisition(files={"B10.tif": "d1", "B2.tif": "d3"}).digest != acquisition().digest
    assert isinstance(acquisition(), Content)


@pytest.mark.parametrize("again", [lambda made: made, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_an_acquisition_stays_frozen_wherever_it_goes(again: Callable[[Acquisition], Acquisition]) -> None:
    original = acquisition()
    _ = original.digest
    made = again(original)
    assert list(made.bands) == ["B10", "B2"]
    assert (made.digest, made.label, made.versions["PHGAIN"]) == (original.digest, "A (/data/A)", "3")
    np.testing.assert_array_equal(made.column_axis, original.column_axis)
    rates = made.bands["B2"].scan_rate_rad_s
    assert rates is not None
    for array in (made.column_axis, made.line_axis, rates):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9.0
    for mapping in (made.bands, made.files, made.versions):
        with pytest.raises(TypeError):
            mapping["B2"] = None  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        made.name = "B"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        made.bands["B2"].line_period_s = 1.0  # type: ignore[misc]


def test_the_arrays_of_the_caller_stay_his_own() -> None:
    axis, rates, bands = np.array([0.6, 0.8, 0.0]), np.full(LINES, 1e-3), {"B1": image()}
    made = acquisition(column_axis=axis, bands=bands)
    banded = image(scan_rate_rad_s=rates)
    axis[0], rates[0] = 9.0, 9.0
    bands.clear()
    assert made.column_axis[0] == 0.6
    assert banded.scan_rate_rad_s is not None and banded.scan_rate_rad_s[0] == 1e-3
    assert list(made.bands) == ["B1"]


# --- results


@pytest.mark.parametrize("again", [lambda made: made, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_a_result_stays_frozen_wherever_it_goes(again: Callable[[Result], Result]) -> None:
    made = again(Geometry(dataset(), LINEAGE))
    assert type(made) is Geometry
    assert (made.digest, made.key) == (Geometry(dataset(), LINEAGE).digest, LINEAGE.key)
    for name in ("phase", "seen", "flags", "track", "date"):
        for data in (made.data, made.dataset):
            with pytest.raises(ValueError, match=r"read-only|destination is a view"):
                data[name][...] = data[name].values
    with pytest.raises(FrozenInstanceError):
        made.data = xr.Dataset()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        made.lineage.version = "2"  # type: ignore[misc]


def test_what_is_handed_out_changes_nothing_inside() -> None:
    source = dataset()
    made = Result(source, LINEAGE)
    for handed in (source, made.dataset, made.content):
        handed["phase"].attrs["units"] = "rad"
        handed.attrs["new"] = 1
        handed["new"] = ("band", [1, 2])
        del handed["seen"]
    assert Result(dataset(), LINEAGE).digest == made.digest
    assert made.data["phase"].attrs["units"] == "deg"


def test_results_are_never_equal_by_accident() -> None:
    other = dataset()
    other["phase"] = other["phase"] + 1.0
    assert Result(dataset(), LINEAGE) != Result(other.assign(phase=other["phase"].assign_attrs(units="deg")), LINEAGE)


def test_a_result_demands_units_of_numbers_only() -> None:
    for values in ([1.0], [1], [1j]):
        with pytest.raises(ValueError, match="step 'moon_geometry': variable 'x' has no units; stamp it"):
            Result(xr.Dataset({"x": ("band", values)}), LINEAGE)
    with pytest.raises(ValueError, match="variable 'x': unknown unit 'lines'"):
        Result(xr.Dataset({"x": ("band", [1.0], {"units": "lines"})}), LINEAGE)
    Result(xr.Dataset({"text": ("band", ["a"]), "valid": ("band", [True])}, coords={"band": [1]}), LINEAGE)


def test_a_result_is_loaded() -> None:
    made = Result(dataset().chunk(), LINEAGE)
    assert all(isinstance(variable.data, np.ndarray) for variable in made.data.variables.values())


def test_records_are_seen_by_people_only() -> None:
    made = Geometry(dataset(), LINEAGE)
    assert "track" in made.dataset and "axis" in made.dataset.coords
    assert set(made.content.variables) == {"phase", "seen", "flags", "date", "band"}
    moved = dataset()
    moved["track"] = as_record(moved["track"] * np.nan).assign_attrs(units="m")
    assert Geometry(moved, LINEAGE).digest == made.digest
    assert Geometry(dataset().drop_vars(["track", "axis"]), LINEAGE).digest == made.digest
    assert without_records(moved).sizes == {"band": 2}


def test_geometry_demands_a_quantum_and_finite_values() -> None:
    bare = dataset()
    del bare["phase"].attrs["quantum"]
    with pytest.raises(ValueError, match=r"geometry variable 'phase' declares no quantum; use types\.quantised"):
        Geometry(bare, LINEAGE)
    holed = dataset()
    holed["phase"][0] = np.nan
    with pytest.raises(ValueError, match="geometry variable 'phase' holds values that are not finite"):
        Geometry(holed, LINEAGE)


def test_rounding_to_a_quantum_hides_what_is_smaller() -> None:
    phase = xr.DataArray([-31.23110, 0.0004, 12.0], dims="band", attrs={"units": "deg"}, name="phase")
    rounded = quantised(phase, 0.01)
    np.testing.assert_allclose(rounded, [-31.23, 0.0, 12.0], atol=1e-12)
    assert rounded.attrs == {"units": "deg", "quantum": 0.01}
    xr.testing.assert_identical(quantised(rounded, 0.01), rounded)

    def made(array: xr.DataArray) -> str:
        return Geometry(xr.Dataset({"phase": quantised(array.assign_attrs(units="deg"), 0.01)}), LINEAGE).digest

    assert made(phase) == made(phase + 0.0003) == made(phase - 0.0008), "the sign of zero does not count either"
    assert made(phase) != made(phase + 0.01)


def test_require_converts_or_names_what_is_wrong() -> None:
    data = dataset()
    made = require(data, {"phase": "rad"}, "lunar_gain")
    np.testing.assert_allclose(made["phase"], np.deg2rad([10.0, 20.0]), rtol=1e-15)
    assert data["phase"].attrs["units"] == "deg"
    with pytest.raises(ValueError, match="lunar_gain: variable 'distance' is missing \\(it holds phase, seen"):
        require(data, {"phase": "deg", "distance": "km"}, "lunar_gain")
    with pytest.raises(ValueError, match="'phase' is in 'deg', which cannot be converted to 'km'"):
        require(data, {"phase": "km"}, "lunar_gain")


def test_bands_keep_the_order_of_the_sensor() -> None:
    sensor = [f"B{number}" for number in range(1, 13)]
    assert same_order({"B10", "B2", "B1"}, sensor) == ["B1", "B2", "B10"]
    assert same_order(sorted(sensor), sensor) == sensor
    assert same_order(["P", "B0"], iter(["P", "B0", "B1"])) == ["P", "B0"]
