"""Statistics of a run and of its archive: the same table, and irradiances that the tools of GSICS and LIME can take."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from campaigns import BANDS, run, write_request
from commands import Answer

from calib import config
from calib.moon.irradiance import band_irradiance, load_model
from calib.report.glod import glod_series
from calib.report.statistics import Measurement
from calib.sensor import load_sensor
from calib.uncertainty import from_dataset
from flows.campaign import Finished
from orbit_aux.moon_view import moon_geometry
from orbit_aux.time import Times

FILES = ("statistics.csv", "statistics.parquet", "statistics_columns.csv", "glod_venus.nc", "srf_venus.nc")


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "statistics.csv").open(encoding="utf-8")))


def opened(path: Path) -> xr.Dataset:
    # as any reader of netCDF sees it: fill values masked, characters joined
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        return data.load()


@pytest.fixture(scope="module")
def series(finished: Finished) -> xr.Dataset:
    return opened(finished.folder / "glod_venus.nc")


@pytest.fixture(scope="module")
def observations(finished: Finished) -> list[xr.Dataset]:
    return [opened(path) for path in sorted((finished.folder / "glod").iterdir())]


def test_a_run_has_a_row_for_each_acquisition_and_band(finished: Finished) -> None:
    rows = rows_of(finished.folder)
    wanted = {(outcome.subject, band) for outcome in finished.outcomes for band in BANDS}
    assert {(row["acquisition"], row["band"]) for row in rows} == wanted
    assert len(rows) == len(wanted)
    for outcome in finished.outcomes:
        data = outcome.results["lunar_gain"].data
        total = from_dataset(outcome.results["lunar_gain"].content, "k").total()
        for row in (row for row in rows if row["acquisition"] == outcome.subject):
            assert float(row["k [1]"]) == float(data["k"].sel(band=row["band"]))
            # sums in another order: the last digit may differ
            assert float(row["k__u_total [1]"]) == pytest.approx(float(total.sel(band=row["band"])), rel=1e-14)
            assert row["lunar_gain_key"] == outcome.results["lunar_gain"].key
            assert row["missing_steps"] == ""


def test_every_variable_over_bands_is_there(finished: Finished) -> None:
    names = pq.read_schema(finished.folder / "statistics.parquet").names
    for step, result in finished.outcomes[0].results.items():
        for name, array in result.content.data_vars.items():
            if array.dims == ("band",):
                assert name in names or f"{step}_{name}" in names, (step, name)


def test_what_a_specialist_asks_for_is_there_and_explained(finished: Finished) -> None:
    columns = list(csv.DictReader((finished.folder / "statistics_columns.csv").open(encoding="utf-8")))
    names = {row["column"] for row in columns}
    # counts, fits, angles, distances, model values, ratios, components, versions of parameters and orbit, flags
    assert names >= {
        *("aperture_pixels", "saturated_pixels", "cosmic_hits", "defective_pixels", "column_pixels", "fill_effect"),
        *("signal", "mean_signal", "signal_to_noise", "sky_level", "sky_noise", "plateau_growth"),
        *("centre_column", "centre_line", "semi_axis_column", "semi_axis_line", "tilt", "limb_residual"),
        *("sun_angle", "north_angle", "phase", "sun_distance", "moon_distance", "observer_latitude", "sun_longitude"),
        *("irradiance_measured", "irradiance_model", "model", "model_digest", "solar_spectrum", "k", "k__u_total"),
        *("gain_used", "gain_proposed", "po_version", "po_digest", "orbit_label", "orbit_digest", "flags", "valid"),
        *(f"k__u_{name}" for name in ("noise", "sky", "aperture", "defects", "solid_angle", "model_scale", "geometry")),
    }
    unexplained = [row["column"] for row in columns if row["meaning"] == row["column"].replace("_", " ")]
    assert unexplained == []


def test_the_archive_gives_what_the_run_gave(finished: Finished, etalon: Callable[..., Answer], tmp_path: Path) -> None:
    answer = etalon(
        "archive", "statistics", "--archive", finished.folder.parent.parent, "--output", tmp_path / "new" / "folder"
    )
    assert answer.code == 0
    printed = [Path(line) for line in answer.out.splitlines()]
    assert {path.name for path in printed} >= set(FILES)
    for path in printed:
        twin = finished.folder / path.relative_to(tmp_path / "new" / "folder")
        assert path.read_bytes() == twin.read_bytes(), path.name


def test_the_archive_follows_the_current_coefficients(
    finished: Finished, products: Path, etalon: Callable[..., Answer], tmp_path: Path
) -> None:
    archive = Path(shutil.copytree(finished.folder.parent.parent, tmp_path / "archive"))
    other = run(write_request(tmp_path, products, archive, solar_spectrum="wehrli1985"))
    assert etalon("archive", "statistics", "--archive", archive, "--output", tmp_path / "out").code == 0
    rows = rows_of(tmp_path / "out")
    assert {row["solar_spectrum"] for row in rows} == {"wehrli1985"}
    assert {row["lunar_gain_key"] for row in rows} == {item.results["lunar_gain"].key for item in other.outcomes}


def test_an_archive_without_results_is_refused(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    from calib.archive import Archive

    Archive(tmp_path / "archive").close()
    answer = etalon("archive", "statistics", "--archive", tmp_path / "archive", "--output", tmp_path / "out")
    assert answer.code == 2
    assert "run a request first" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_one_sentence(
    finished: Finished, etalon: Callable[..., Answer], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    answer = etalon("archive", "statistics", "--archive", finished.folder.parent.parent, "--output", tmp_path / "file")
    assert answer.code == 2
    assert "--output" in answer.err


def test_a_run_without_any_result_has_the_files_but_no_irradiance(products: Path, tmp_path: Path) -> None:
    empty = tmp_path / "VENUS_MOON_EMPTY"
    empty.mkdir()
    failed = run(write_request(tmp_path, products, tmp_path / "archive", acquisitions=[str(empty)]))
    assert rows_of(failed.folder) == []
    assert not list(failed.folder.glob("*.nc"))


# --- GLOD


def test_an_observation_is_what_the_lime_toolbox_demands(observations: list[xr.Dataset]) -> None:
    """The demands of LIME's reader (lime_tbx, `_validate_schema_regular_moonobs`), which names dimensions and types."""
    demanded = {"channel_name": ("chan",), "irr_obs": ("chan",), "sat_pos": ("sat_xyz",), "sat_pos_ref": ()}
    for data in observations:
        assert {name: data[name].dims for name in demanded} == demanded
        assert dict(data.sizes)["date"] == 1 and dict(data.sizes)["sat_xyz"] == 3
        assert all(data[name].dtype.kind == "f" for name in ("irr_obs", "sat_pos", "date"))
        assert data["irr_obs"].attrs["units"] == "W m-2 um-1"
        assert data["sat_pos"].attrs["units"] == "km"
        assert [name.decode() for name in data["channel_name"].values] == list(BANDS)
        assert data["sat_pos_ref"].item() == b"J2000"
        assert isinstance(data.attrs["data_source"], str)


def test_the_series_holds_the_observations(series: xr.Dataset, observations: list[xr.Dataset]) -> None:
    assert list(series["date"].values) == [float(data["date"].item()) for data in observations]
    for name in ("irr_obs", "irr_obs_unc", "sat_pos", "dc_obs", "pix_solid_ang", "date_chan"):
        np.testing.assert_array_equal(series[name].values, np.stack([data[name].values for data in observations]))
    assert series["irr_obs"].dims == ("date", "chan")


def test_irradiance_and_uncertainty_are_those_of_the_calibration(finished: Finished, series: xr.Dataset) -> None:
    by_name = {outcome.subject: outcome.results for outcome in finished.outcomes}
    for row, subject in enumerate(sorted(by_name)):
        gain = by_name[subject]["lunar_gain"].data
        np.testing.assert_array_equal(series["irr_obs"][row], gain["irradiance_measured"])
        of_image = ("noise", "sky", "aperture", "defects", "lunar_radius", "solid_angle", "oversampling")
        relative = np.sqrt(sum((gain[f"k__u_{name}"].values / gain["k"].values) ** 2 for name in of_image))
        np.testing.assert_allclose(series["irr_obs_unc"][row] / series["irr_obs"][row], relative, rtol=1e-12)
        np.testing.assert_array_equal(series["dc_obs"][row], by_name[subject]["disk_signal"].data["signal"].round())


def test_dates_and_places_alone_give_the_model_s_irradiance(series: xr.Dataset) -> None:
    """Whoever takes date and position out of the file and runs the model gets what the calibration compared with: frame, units and times are right."""
    model, response = load_model("rolo2005", "tsis1_hsrs"), load_sensor("venus").response
    for row in range(series.sizes["date"]):
        for column, band in enumerate(BANDS):
            own = _modelled(
                series["date_chan"][row, column], series["sat_pos_chan"][row, column], model, response, band
            )
            # the geometry of the calibration is rounded to 1e-4 degree, 5e-6 of the irradiance
            assert own == pytest.approx(float(series["irr_mod"][row, column]), rel=1e-5)
            # one date and place for all bands: they are seconds apart, at 0.006 % a second
            common = _modelled(series["date"][row], series["sat_pos"][row], model, response, band)
            assert common == pytest.approx(float(series["irr_mod"][row, column]), rel=4e-4)


def _modelled(seconds: xr.DataArray, place_km: xr.DataArray, model: object, response: xr.DataArray, band: str) -> float:
    moment = np.datetime64("1970-01-01", "ns") + np.timedelta64(round(float(seconds) * 1e3), "ms")
    view = moon_geometry(Times.from_utc(np.array([moment])), place_km.values[np.newaxis] * 1e3)
    return float(band_irradiance(model, view, response.sel(band=[band])).item())  # type: ignore[arg-type]


def test_what_may_not_be_used_is_left_empty(finished: Finished) -> None:
    outcome = finished.outcomes[0]
    gain = outcome.results["lunar_gain"]
    valid = gain.data["valid"].copy(data=[True, False, True])
    spoiled = type(gain)(gain.dataset.assign(valid=valid), gain.lineage)
    data = xr.open_dataset(
        io.BytesIO(glod_series([Measurement(outcome.subject, {**outcome.results, "lunar_gain": spoiled})])),
        engine="h5netcdf",
    )
    assert np.isnan(data["irr_obs"].values).tolist() == [[False, True, False]]
    assert np.isnan(data["irr_obs_unc"].values).tolist() == [[False, True, False]]
    assert data["usable"].values.tolist() == [[1, 0, 1]]


def test_bands_that_an_acquisition_lacks_are_empty(finished: Finished) -> None:
    one, two = finished.outcomes[:2]
    lacking = {
        name: type(result)(result.data.isel(band=[0, 2]), result.lineage) for name, result in one.results.items()
    }
    found = [Measurement(one.subject, lacking), Measurement(two.subject, two.results)]
    data = xr.open_dataset(io.BytesIO(glod_series(found)), engine="h5netcdf")
    assert np.isnan(data["irr_obs"].values).tolist() == [[False, True, False], [False] * 3]
    assert np.isnan(data["dc_obs"].values).tolist() == [[False, True, False], [False] * 3]


def test_the_same_results_give_the_same_bytes(finished: Finished) -> None:
    found = [Measurement(outcome.subject, outcome.results) for outcome in finished.outcomes]
    assert glod_series(found) == glod_series(found[::-1]) == (finished.folder / "glod_venus.nc").read_bytes()


# --- spectral responses


def test_responses_are_what_the_lime_toolbox_demands(finished: Finished) -> None:
    """The demands of LIME's reader (lime_tbx, `_validate_schema_srf`): names, dimensions, types; the same samples empty in both tables."""
    data = opened(finished.folder / "srf_venus.nc")
    assert data["channel"].dims == ("channel",) and "channel" in data.coords
    assert data["srf"].dims == data["wavelength"].dims == ("sample", "channel")
    assert all(data[name].dtype.kind == "f" for name in ("channel", "srf", "wavelength"))
    assert data["channel_id"].dtype.kind == "S"
    assert data["wavelength"].attrs["units"] == data["channel"].attrs["units"] == "um"
    np.testing.assert_array_equal(np.isnan(data["srf"]), np.isnan(data["wavelength"]))


def test_responses_read_back_give_the_sensor_s_centres_and_irradiance(finished: Finished) -> None:
    data, sensor = opened(finished.folder / "srf_venus.nc"), load_sensor("venus")
    assert [name.decode() for name in data["channel_id"].values] == list(sensor.bands)
    centres = [band.centre for band in sensor.bands.values()]
    # the sensor file gives the centroids of the same curves to 0.1 nm
    np.testing.assert_allclose(1e3 * data["channel"], centres, atol=0.06)
    model = load_model("rolo2005", "tsis1_hsrs")
    place = np.array([[7e6, 0.0, 0.0]])
    view = moon_geometry(Times.from_utc(np.array([np.datetime64("2019-01-18T08:14:00")])), place)
    for number, band in enumerate(sensor.bands):
        known = ~np.isnan(data["srf"].values[:, number])
        response = xr.DataArray(
            data["srf"].values[known, number][np.newaxis],
            dims=("band", "wavelength"),
            coords={"band": [band], "wavelength": 1e3 * data["wavelength"].values[known, number]},
        )
        own = float(band_irradiance(model, view, sensor.response.sel(band=[band])).item())
        # nothing of the curve was cut or shifted: nanometres became micrometres and back
        assert float(band_irradiance(model, view, response).item()) == pytest.approx(own, rel=1e-9)
        np.testing.assert_allclose(
            data["wavenumber"].values[known, number] * data["wavelength"].values[known, number], 1e4
        )


def test_responses_that_are_not_those_of_the_results_are_left_out(
    finished: Finished, etalon: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(config.CONFIGS, tmp_path / "configs")
    table = tmp_path / "configs" / "sensors" / "responses" / "venus.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("\n555,", "\n555.1,"), encoding="utf-8")
    monkeypatch.setattr(config, "CONFIGS", tmp_path / "configs")
    assert (
        etalon("archive", "statistics", "--archive", finished.folder.parent.parent, "--output", tmp_path / "out").code
        == 0
    )
    assert (tmp_path / "out" / "glod_venus.nc").exists()
    assert not (tmp_path / "out" / "srf_venus.nc").exists()
