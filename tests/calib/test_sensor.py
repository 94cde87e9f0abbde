"""A camera and its official parameters are data, and what is wrong in them is said."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from calib.config import complete, parse, read_yaml, to_yaml
from calib.errors import InputError, RequestError
from calib.sensor import GainHistory, Sensor, load_gains, load_sensor, read_responses

CAMERA = """
name: small
platform: SMALL-1
title: A small camera
pixel_angle_across: 10 urad
pixel_angle_along: 11 urad
line_period: 2.9 ms
columns: 512
bits: 12
saturation: 4095 DN
dark_level: 100 DN
responses: small.csv
reference_band: B2
bands:
  B1: {centre: 450 nm, width: 40 nm, noise_floor: 2 DN, noise_slope: 0.04 DN}
  B10: {centre: 0.8 um, width: 20 nm, noise_floor: 2 DN, noise_slope: 0.04 DN, time_offset: 150 ms}
  B2: {centre: 550 nm, width: 40 nm, noise_floor: 2 DN, noise_slope: 0.04 DN}
phases:
- {name: first, start: 2017-11-01, altitude: 720 km, descending_node: 10:30}
straylight:
- {kind: crosstalk, band: B1, source: B10, factor: 0.01}
provenance:
  bands.*.noise_floor: {status: unconfirmed, source: guess}
  bands.B1.centre: {status: published, source: table}
  straylight.B1.factor: {status: computed, source: fit}
"""
RESPONSES = "# relative\nwavelength_nm,B1,B2,B10\n440,1,0,0\n450,4,0,0\n550,0,5,0\n800,0,0,0.5\n"

Change = Callable[[dict[str, Any]], Any]


def camera(folder: Path, change: Change = lambda content: None, responses: str = RESPONSES) -> Sensor:
    path = folder / "small.yaml"
    path.write_text(CAMERA, encoding="utf-8")
    content = read_yaml(path)
    change(content)
    path.write_text(to_yaml(content), encoding="utf-8")
    (folder / "small.csv").write_text(responses, encoding="utf-8")
    return load_sensor(str(path))


def test_numbers_are_read_in_their_units(tmp_path: Path) -> None:
    sensor = camera(tmp_path)
    assert sensor.pixel_angle_across == pytest.approx(1e-5, rel=1e-15)
    assert sensor.bands["B10"].centre == pytest.approx(800.0, rel=1e-15)
    assert sensor.bands["B10"].time_offset == pytest.approx(0.15, rel=1e-15)
    assert sensor.bands["B1"].time_offset == 0.0, "zero unless the file says otherwise"
    assert sensor.phases[0].descending_node == "10:30"
    assert sensor.band_unconfirmed() == ["bands.*.noise_floor"]


def test_responses_are_normalised_in_the_order_of_the_sensor(tmp_path: Path) -> None:
    response = camera(tmp_path).response
    assert list(response["band"].values) == ["B1", "B10", "B2"]
    np.testing.assert_array_equal(response, [[0.25, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    assert response["wavelength"].attrs["units"] == "nm"
    assert response.attrs["units"] == "1"


def test_a_completed_sensor_comes_back_equal(tmp_path: Path) -> None:
    sensor = camera(tmp_path)
    (tmp_path / "again.yaml").write_text(to_yaml(complete(sensor)), encoding="utf-8")
    again = load_sensor("again.yaml", beside=tmp_path)
    assert complete(again) == complete(sensor)
    assert again.digest == sensor.digest
    assert pickle.loads(pickle.dumps(sensor)).digest == sensor.digest


def _set(*trail: str | int, to: object) -> Change:
    def change(content: dict[str, Any]) -> None:
        place: Any = content
        for part in trail[:-1]:
            place = place[part]
        place[trail[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            _set("provenance", "bands.B1.centr", to={"status": "published", "source": "x"}),
            "provenance names 'bands.B1.centr', which does not exist; did you mean 'centre'?",
        ),
        (
            _set("provenance", "bands.B11.centre", to={"status": "published", "source": "x"}),
            "provenance names 'bands.B11.centre', which does not exist; did you mean 'B1'?",
        ),
        (
            _set("provenance", "dark_levle", to={"status": "published", "source": "x"}),
            "provenance names 'dark_levle', which does not exist; did you mean 'dark_level'?",
        ),
        (
            _set("provenance", "bits.deeper", to={"status": "published", "source": "x"}),
            "provenance names 'bits.deeper', which does not exist; allowed: none",
        ),
        (
            _set("provenance", "bits", to={"status": "publishd", "source": "x"}),
            "provenance.bits.status: 'publishd' is not allowed; did you mean 'published'?",
        ),
        (_set("straylight", 0, "source", to="B100"), "straylight names band 'B100'; did you mean 'B10'?"),
        (_set("straylight", 0, "source", to=None), "a crosstalk names its source band, a ghost has none"),
        (_set("straylight", 0, "kind", to="ghost"), "a crosstalk names its source band, a ghost has none"),
        (_set("reference_band", to="B3"), "reference_band 'B3' is no band; "),
        (_set("bands", "B1", "centre", to=450), "bands.B1.centre: 450 has no unit; write for example '450 nm'"),
        (_set("phases", 0, "altitude", to="720 s"), "phases.0.altitude: '720 s': 's' cannot be converted to km"),
        (_set("phases", 0, "start", to="2017-13-01"), "phases.0.start: '2017-13-01': "),
        (_set("satuartion", to="4095 DN"), "satuartion: unknown key 'satuartion'; did you mean 'saturation'?"),
    ],
)
def test_what_is_wrong_in_a_sensor_is_said(tmp_path: Path, change: Change, sentence: str) -> None:
    with pytest.raises(RequestError) as caught:
        camera(tmp_path, change)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'small.yaml'}: ")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("", "cannot be read as a table of responses"),
        ("wavelength_nm,B1,B2\n440,1,1\n", "needs the columns wavelength_nm and B1, B10, B2; missing: B10"),
        ("nm,B1,B2,B10\n440,1,1,1\n", "missing: wavelength_nm"),
        ("wavelength_nm,B1,B2,B10\n440,1,x,1\n", "cannot be read as a table of responses"),
        ("wavelength_nm,B1,B2,B10\n440,1,1,1\n450,1\n", "cannot be read as a table of responses"),
        ("wavelength_nm,B1,B2,B10\n440,1\n450,1\n", "needs rows of 4 values (wavelength_nm, B1, B2, B10)"),
        ("wavelength_nm,B1,B2,B10\n", "needs rows of 4 values"),
        ("wavelength_nm,B1,B2,B10\n440,1,1,1\n430,1,1,1\n", "wavelengths must grow and every value must be finite"),
        ("wavelength_nm,B1,B2,B10\n440,1,nan,1\n", "wavelengths must grow and every value must be finite"),
        ("wavelength_nm,B1,B2,B10\n440,1,0,1\n", "the response of B2 is nowhere positive"),
    ],
)
def test_what_is_wrong_in_a_table_of_responses_is_said(tmp_path: Path, table: str, sentence: str) -> None:
    with pytest.raises(RequestError) as caught:
        camera(tmp_path, responses=table)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "small.csv"))


def test_a_table_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"gone\.csv: cannot be read"):
        read_responses(tmp_path / "gone.csv", ["B1"])


def test_the_digest_is_of_the_numbers_not_of_the_words(tmp_path: Path) -> None:
    before = camera(tmp_path).digest
    words = [_set("title", to="Reworded"), _set("provenance", to={}), _set("phases", 0, "name", to="VM1")]
    for change in [*words, _set("bands", "B1", "centre", to="450.0 nm")]:
        assert camera(tmp_path, change).digest == before
    for change in (_set("bands", "B1", "noise_floor", to="3 DN"), _set("line_period", to="3 ms"), _set("bits", to=13)):
        assert camera(tmp_path, change).digest != before
    assert camera(tmp_path, responses=RESPONSES.replace("440,1", "440,2")).digest != before
    # twice the response is the same relative response
    assert camera(tmp_path, responses=RESPONSES.replace("550,0,5", "550,0,10")).digest == before


def test_a_changed_copy_has_its_own_digest(tmp_path: Path) -> None:
    sensor = camera(tmp_path)
    before = sensor.digest
    assert sensor.model_copy(update={"bits": 13}).digest != before
    assert sensor.model_copy().digest == sensor.digest == before
    po = history().in_force(np.datetime64("2018-06-01"))
    before = po.digest
    assert po.model_copy(update={"gains": {"B1": 9.0}}).digest != before


def test_a_sensor_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        camera(tmp_path).bits = 10  # type: ignore[misc]


def history(**changes: Any) -> GainHistory:
    versions = [
        {"version": "1", "start": "2018-01-01", "stop": "2019-01-01", "source": "s", "gains": {"B1": 1.0, "B2": 2.0}},
        {"version": "2", "start": "2019-01-01", "source": "s", "gains": {"B1": 3.0, "B2": 4.0}},
        {"version": "2b", "start": "2020-01-01", "stop": "2020-02-01", "source": "s", "gains": {"B1": 5.0}},
    ]
    content = {"sensor": "small", "unit": "DN / (W m-2 sr-1 um-1)", "versions": versions, **changes}
    return parse(GainHistory, content, "small.yaml")


@pytest.mark.parametrize(
    ("date", "version"),
    [
        ("2018-01-01T00:00:00", "1"),
        ("2018-12-31T23:59:59.999999999", "1"),
        ("2019-01-01T00:00:00", "2"),
        ("2020-01-31T23:59:59", "2b"),
        ("2020-02-01T00:00:00", "2"),
        ("2050-01-01", "2"),
    ],
)
def test_the_version_in_force_begins_on_its_day_and_ends_before_its_last(date: str, version: str) -> None:
    assert history().in_force(np.datetime64(date)).version == version


def test_before_the_first_version_there_is_none() -> None:
    with pytest.raises(InputError, match="official parameters of small: no version is valid on 2017-12-31"):
        history().in_force(np.datetime64("2017-12-31T23:59:59"))


def test_the_version_that_the_product_names_comes_first() -> None:
    chosen = history().in_force(np.datetime64("2019-06-01"), "1")
    assert (chosen.version, chosen.origin) == ("1", "named by the product")
    assert chosen.label == "PO small 1 (named by the product)"
    with pytest.raises(InputError, match=r"version '2c', which is not known; did you mean '2'\?"):
        history().in_force(np.datetime64("2019-06-01"), "2c")


def test_official_parameters_are_known_by_their_gains_not_by_how_they_were_chosen() -> None:
    by_date, by_name = history().in_force(np.datetime64("2018-06-01")), history().in_force(np.datetime64("2020"), "1")
    assert by_date.digest == by_name.digest
    assert by_date.digest != history().in_force(np.datetime64("2019-06-01")).digest


def test_gains_come_with_units_in_the_order_asked() -> None:
    chosen = history().in_force(np.datetime64("2018-06-01"))
    gains = chosen.gain(["B2", "B1"])
    np.testing.assert_array_equal(gains, [2.0, 1.0])
    assert list(gains["band"].values) == ["B2", "B1"]
    assert gains.attrs["units"] == "DN / (W m-2 sr-1 um-1)"
    with pytest.raises(InputError, match=r"PO small 1 .*: no gain for band B3; add it"):
        chosen.gain(["B1", "B3"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"unit": "W m-2"}, "unit: 'W m-2' is not allowed"),
        ({"versions": []}, "versions: "),
        (
            {"versions": [{"version": "1", "start": "2018-01-01", "source": "s", "gains": {"B1": 0.0}}]},
            "the gain of B1 is 0.0; a gain is positive",
        ),
        ({"versions": [{"version": "1", "source": "s", "gains": {}}]}, "versions.0.start: this key is required"),
    ],
)
def test_what_is_wrong_in_a_history_of_gains_is_said(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError) as caught:
        history(**changes)
    assert sentence in str(caught.value)


def test_a_history_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "po.yaml").write_text(to_yaml(complete(history())), encoding="utf-8")
    assert load_gains("po.yaml", beside=tmp_path) == history()
