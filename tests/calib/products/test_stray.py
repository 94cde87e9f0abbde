"""Stray images: a TIFF and a small YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml

from calib.errors import InputError
from calib.products import open_acquisition
from calib.radiometry import choose, radiance

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

COUNTS = np.random.default_rng(3).integers(0, 4000, (2, 40, 30), dtype="u2")
CONTENT: dict[str, Any] = {
    "format": "etalon-image",
    "sensor": "phr1b",
    "kind": "site",
    "acquired_utc": "2017-03-08T06:55:34Z",
    "bands": {"B0": {"layer": 2, "gain": 9.5, "bias": 0.5, "solar_irradiance": 1915.0}, "B1": {"layer": 1}},
    "sun": {"zenith": "34.2 deg", "azimuth": "-221 deg"},
    "nodata": 0,
}


def stray(folder: Path, name: str = "piece.TIF", **changes: Any) -> Path:
    path = folder / name
    profile = (
        {"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": 100} if name.endswith("jp2") else {"driver": "GTiff"}
    )
    with rasterio.open(path, "w", width=30, height=40, count=2, dtype="uint16", **profile) as target:
        target.write(COUNTS)
    content = {key: value for key, value in {**CONTENT, **changes}.items() if value is not None}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("name", ["piece.TIF", "piece.tif", "piece.jp2", "a [b] c.tiff"])
@pytest.mark.parametrize("point_at", ["image", "yaml"])
def test_image_and_yaml(tmp_path: Path, name: str, point_at: str) -> None:
    path = stray(tmp_path, name)
    made = open_acquisition(path if point_at == "image" else path.with_suffix(".yaml"))
    assert (made.name, made.sensor, made.kind, list(made.bands)) == (path.stem, "phr1b", "site", ["B0", "B1"])
    assert made.acquired == np.datetime64("2017-03-08T06:55:34", "ns") == made.start
    assert np.array_equal(made.band("B0").counts().values, COUNTS[1])
    assert np.array_equal(made.counts().values, COUNTS[::-1])
    assert made.angles is not None
    angles = made.angles.sel(band="B1", point="center")
    assert angles["sun_zenith"].item() == pytest.approx(34.2) and angles["sun_azimuth"].item() == pytest.approx(139)
    assert np.isnan(angles["view_zenith"].item())
    assert set(made.files) == {path.name, path.with_suffix(".yaml").name}
    assert not made.band("B0").dated


def test_the_numbers_are_the_users(tmp_path: Path) -> None:
    made = open_acquisition(stray(tmp_path))
    light = radiance(made.band("B0").counts(), choose(made).of("B0"))
    assert np.array_equal(light.values, COUNTS[1] / 9.5 + 0.5)
    assert (
        light.attrs["gain_origin"].startswith("user: 9.5") and "piece.yaml: bands.B0.gain" in light.attrs["gain_origin"]
    )
    with pytest.raises(InputError, match="gives no gain"):
        radiance(made.band("B1").counts(), choose(made).of("B1"))


def test_dated_lines(tmp_path: Path) -> None:
    made = open_acquisition(stray(tmp_path, first_line_utc="2017-03-08T06:55:34Z", line_period="0.5 ms"))
    assert made.band("B0").line_time(10) - made.start == np.timedelta64(5, "ms")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bands": {"B0": {"layer": 3}}}, "has 2 layers, no layer 3"),
        ({"bands": {"B0": {"layer": 1, "gain": 0.0}}}, "gain"),
        ({"bands": {"B0": {"layer": 1, "gian": 1.0}}}, "did you mean 'gain'"),
        ({"acquired_utc": "yesterday"}, "is not a date in UTC"),
        ({"line_period": "1 ms"}, "give both or neither"),
        ({"sun": {"zenith": "200 deg", "azimuth": "0 deg"}}, "zenith"),
        ({"sensor": None}, "sensor"),
    ],
)
def test_a_wrong_yaml_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = stray(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        open_acquisition(path)
    assert words in str(caught.value) and "piece" in str(caught.value) and "\n" not in str(caught.value)


def test_an_image_alone_is_of_no_known_format(tmp_path: Path) -> None:
    path = stray(tmp_path)
    path.with_suffix(".yaml").unlink()
    with pytest.raises(InputError, match=r"not a product of a known format .*YAML of the same name"):
        open_acquisition(path)
