"""The sample data of the project: small simulated acquisitions with their truth, a restituted orbit that changes one day, and a change of altitude.

`python -m flows.samples DIR` writes them; the same versions of the libraries give the same bytes.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from calib import config
from calib.lineage import digest_file
from calib.moon.irradiance import load_model
from calib.sensor import load_gains, load_sensor
from calib.simulate.moon import MoonScene
from flows.samples_change import Descent, write_descent, write_scene
from flows.samples_conjunction import write_conjunction
from flows.simulation import plan_looks, shifted, simulate_campaign
from orbit_aux.ccsds import read_oem, write_oem


@dataclass(frozen=True)
class Sample:
    """One simulated campaign of the samples."""

    sensor: str
    start: str
    phases_deg: tuple[float, ...]
    count: int
    binning: int
    bands: tuple[str, ...] = ()
    scene: dict[str, object] = field(default_factory=dict)


SAMPLES = (
    Sample(
        "venus",
        "2019-01-10T00:00:00Z",
        (-40.0, 55.0),
        4,
        6,
        scene={"oversampling": 2.0, "rate_variation": "1 %", "seed": 11},
    ),
    Sample("phr1a", "2019-02-01T00:00:00Z", (-40.0,), 2, 11, ("B0", "B1", "B2", "B3"), {"seed": 23}),
    Sample(
        "pneo3",
        "2022-06-01T00:00:00Z",
        (30.0,),
        1,
        22,
        ("DB", "B", "G", "R", "RE", "NIR"),
        {"seed": 37, "oversampling": 1.5},
    ),
)
RESTITUTED_ALONG_M = 3000.0
FOLDERS = ("moon", "orbits", "orbit_change", "geolocation", "conjunction")


def write_samples(folder: Path) -> None:
    """Write all samples into `folder`, which is emptied of earlier ones, with a MANIFEST of their digests."""
    for name in FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for sample in SAMPLES:
        sensor = load_sensor(sample.sensor)
        looks = plan_looks(sensor, sample.start, sample.phases_deg, sample.count)
        scene = _scene(sample)
        model = load_model("rolo2005", "tsis1_hsrs")
        simulate_campaign(sensor, load_gains(sample.sensor), model, looks, scene, folder / "moon", sample.bands or None)
    shutil.move(folder / "moon" / "orbits", folder / "orbits")
    venus = read_oem(folder / "orbits" / "VENUS.oem")
    day = venus.times.utc_strings(0)[0][:10]
    write_oem(
        folder / "orbits" / "VENUS_restituted.oem",
        shifted(venus, day, RESTITUTED_ALONG_M),
        creation_date=f"{day}T00:00:00Z",
    )
    write_descent(folder / "orbit_change", Descent(), _scene(SAMPLES[0]))
    write_scene(folder / "geolocation")
    write_conjunction(folder / "conjunction" / "example.cdm")
    files = sorted(path for name in FOLDERS for path in (folder / name).rglob("*") if path.is_file())
    manifest = {path.relative_to(folder).as_posix(): digest_file(path) for path in files}
    (folder / "MANIFEST.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _scene(sample: Sample) -> MoonScene:
    return config.parse(MoonScene, {"reference_utc": sample.start, "binning": sample.binning, **sample.scene}, "sample")


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
