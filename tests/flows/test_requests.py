"""Requests: what is read, what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaigns import write_request

from calib.errors import RequestError
from flows.method import Method
from flows.prepare import METHODS, prepare
from flows.product_simulation import simulate_product
from flows.request import Request, expand, parse_setting, read_request


def refusal(path: Path, *settings: str) -> str:
    with pytest.raises(RequestError) as caught:
        prepare(read_request(path, settings))
    return str(caught.value)


def test_paths_count_from_the_request(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        "name: a\nacquisitions: [products/*]\norbits: [o.oem]\narchive: out\nmodel: own.yaml\n", encoding="utf-8"
    )
    request = read_request(path)
    assert request.acquisitions == [str(tmp_path / "products/*")]
    assert request.archive == str(tmp_path / "out")
    assert request.model == str(tmp_path / "own.yaml")


def test_paths_of_settings_count_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_request(tmp_path, tmp_path, tmp_path / "archive")
    monkeypatch.chdir(tmp_path.parent)
    assert read_request(path, ["archive=elsewhere"]).archive == str(tmp_path.parent / "elsewhere")


def test_default_archive_lies_beside_the_request(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("name: a\nacquisitions: [x]\norbits: [o.oem]\n", encoding="utf-8")
    assert read_request(path).archive == str(tmp_path / "etalon-archive")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("enigne=local", "unknown key 'enigne'; did you mean 'engine'?"),
        ("engine=prefct", "engine: 'prefct' is not allowed; did you mean 'prefect'?"),
        ("method=mon", "method: 'mon' is not allowed"),
        ("cluster", "expected key=value"),
        ("parameters.lunar_dsk={}", "method 'moon' has no such step; did you mean 'lunar_disk'?"),
        ("parameters.lunar_disk.lit_half_angel=3", "unknown key 'lit_half_angel'; did you mean 'lit_half_angle'?"),
        ("parameters.lunar_disk.lit_half_angle=70", "has no unit; write for example '70 deg'"),
        ("parameters.lunar_disk.lit_half_angle='70 kg'", "cannot be converted to deg"),
        ("model=rolo2006", "no models configuration 'rolo2006'; did you mean 'rolo2005'?"),
        ("solar_spectrum=thuillier", "thuillier"),
        ("acquisitions=[/nowhere/at/all]", "nothing there"),
    ],
)
def test_refusals_name_the_key_and_the_remedy(products: Path, tmp_path: Path, setting: str, says: str) -> None:
    text = refusal(write_request(tmp_path, products, tmp_path / "archive"), setting)
    assert says in text
    assert "\n" not in text


def test_a_wrong_key_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("name: a\nacquisition: [x]\norbits: [o.oem]\n", encoding="utf-8")
    text = refusal(path)
    assert f"{path}: acquisition: unknown key 'acquisition'; did you mean 'acquisitions'?" in text


def test_settings_reach_into_sections_and_keep_types() -> None:
    assert parse_setting("a.b=[1, 2]") == ("a.b", [1, 2])
    assert parse_setting("x=2 pixel") == ("x", "2 pixel")


def test_patterns_leave_the_truth_out(products: Path) -> None:
    assert all(not path.name.endswith(".truth") for path in expand([str(products / "*_MOON_*")], "acquisitions"))


def test_every_method_declares_its_last_step_last() -> None:
    for method in (item for several in METHODS.values() for item in several.values()):
        assert isinstance(method, Method)
        assert method.final is method.steps[-1]


def test_a_moon_that_its_product_cannot_name(tmp_path: Path) -> None:
    """A Pléiades system product with dates, orbit, attitude, lines of sight and gains of its own needs nothing but the word that it shows the Moon."""
    product = simulate_product("pleiades-system", tmp_path / "product", "MOON", "2019-02-04T10:34:37.5", 0)
    content = {"name": "a", "acquisitions": [str(product)], "archive": str(tmp_path / "archive")}
    (refused,) = prepare(Request.model_validate(content)).refused
    assert "an image of a moon, this is one of a site" in (refused.reason or "")
    prepared = prepare(Request.model_validate({**content, "kind": "moon"}))
    assert prepared.refused == ()
    (case,) = prepared.cases
    assert case.inputs["acquisition"].kind == "moon" and case.inputs["acquisition"].column_axis is not None
    assert case.inputs["po"].origin == "carried by the product"
    assert case.inputs["orbit"].orbit.object_name == "PHR1B"
