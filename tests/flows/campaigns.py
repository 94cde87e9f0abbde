"""A small simulated campaign for the tests of the flows: three Moons, three bands, a disk of 205 pixels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from calib import config
from calib.moon.irradiance import load_model
from calib.sensor import load_gains, load_sensor
from calib.simulate.moon import MoonScene, truth_folder
from flows.campaign import Finished, run_campaign
from flows.prepare import prepare
from flows.request import read_request
from flows.simulation import plan_looks, simulate_campaign

BANDS = ("B2", "B4", "B9")


def make_products(folder: Path, count: int = 3, bands: tuple[str, ...] = BANDS, **scene: object) -> list[Path]:
    """Venµs products and their orbit in `folder`."""
    sensor = load_sensor("venus")
    start = "2019-01-10T00:00:00Z"
    chosen = config.parse(
        MoonScene, {"reference_utc": start, "binning": 6, "oversampling": 2.0, "seed": 5, **scene}, "scene"
    )
    looks = plan_looks(sensor, start, (-40.0,), count)
    return simulate_campaign(
        sensor, load_gains("venus"), load_model("rolo2005", "tsis1_hsrs"), looks, chosen, folder, bands
    )


def write_request(folder: Path, products: Path, archive: Path, **keys: object) -> Path:
    """A request over all products of a folder."""
    path = folder / "request.yaml"
    content = {
        "name": "test",
        "acquisitions": [str(products / "*_MOON_*")],
        "orbits": [str(products / "orbits" / "*.oem")],
        "archive": str(archive),
        "engine": "local",
        **keys,
    }
    path.write_text(config.to_yaml(content), encoding="utf-8")
    return path


def run(request: Path, **options: str | None) -> Finished:
    """Run a request in this process with the local engine, or as the options say."""
    asked = read_request(request, **options)
    return run_campaign(prepare(asked), "local" if asked.engine == "auto" else asked.engine)


def coefficients(finished: Finished) -> dict[tuple[str, str], float]:
    """k by acquisition and band."""
    found = {}
    for outcome in finished.outcomes:
        if "lunar_gain" in outcome.results:
            k = outcome.results["lunar_gain"].dataset["k"]
            found |= {(outcome.subject, str(band)): float(k.sel(band=band)) for band in k["band"].values}
    return found


def true_gain_errors(product: Path) -> dict[str, float]:
    """k as it was injected, by band."""
    truth = json.loads((truth_folder(product) / "truth.json").read_text(encoding="utf-8"))
    return {band: 1.0 + error for band, error in truth["gain_error"].items()}


def copy_products(source: Path, target: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(source, target))
