"""What an archive and the requests in it say of its current coefficients without any product being opened."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calib import config
from calib.archive import Archive
from calib.errors import RequestError
from calib.products.plain import utc
from calib.sensor import Sensor, load_sensor
from calib.types import Result
from flows.orbit import MOON_GEOMETRY, read_orbits
from flows.prepare import METHODS
from flows.request import Request, matching
from orbit_aux.orbit import Orbit


@dataclass(frozen=True)
class Kept:
    """A current coefficient: its acquisition, key and sensor; the product and its first and last date, which earlier versions did not note."""

    acquisition: str
    key: str
    sensor: str
    product: Path | None
    span: tuple[np.datetime64, np.datetime64] | None


class Inputs:
    """Sensors and orbits that several requests name, each read once."""

    def __init__(self) -> None:
        self._sensors: dict[str, Sensor] = {}
        self._orbits: dict[Path, Orbit] = {}

    def sensor(self, request: Request, name: str) -> Sensor:
        place = request.sensors.get(name, name)
        if place not in self._sensors:
            self._sensors[place] = load_sensor(place)
        return self._sensors[place]

    def orbits(self, paths: Sequence[Path]) -> list[tuple[Path, Orbit]]:
        self._orbits |= dict(read_orbits([path for path in paths if path not in self._orbits]))
        return [(path, self._orbits[path]) for path in paths]


def requests_with_coefficients(archive: Archive) -> list[tuple[Request, list[Kept]]]:
    """Of each run folder its request and the current coefficients that it holds; the latest run that holds a key counts."""
    finals = {method.final.name for several in METHODS.values() for method in several.values()}
    current = {entry.key: entry for name in finals for entry in archive.results(step=name, current_only=True)}
    found = []
    for folder in reversed(archive.runs()):
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        mine = []
        for item in summary["acquisitions"]:
            key = next((key for name, key in item["keys"].items() if name in finals and key in current), None)
            if key is not None:
                mine.append(_noted(item, key, current.pop(key).sensor))
        if mine:
            request = config.load(Request, folder / "request.yaml")
            # the archive may have been moved since
            found.append((request.model_copy(update={"archive": str(archive.folder)}), mine))
    if not found:
        raise RequestError(
            f"{archive.folder}: no finished run holds a current coefficient; run a request into this archive first"
        )
    return found


def _noted(item: Mapping[str, Any], key: str, sensor: str) -> Kept:
    if not item.get("product"):
        return Kept(item["acquisition"], key, sensor, None, None)
    return Kept(
        item["acquisition"], key, sensor, Path(item["product"]), (utc(item["start_utc"]), utc(item["stop_utc"]))
    )


def platforms(archive: Archive) -> set[str]:
    """The satellites that the archive holds current coefficients of."""
    inputs = Inputs()
    return {
        inputs.sensor(request, item.sensor).platform
        for request, kept in requests_with_coefficients(archive)
        for item in kept
    }


def geometry_key(archive: Archive, gain_key: str) -> str | None:
    """The key of the geometry that a coefficient was computed from."""
    manifest = archive.manifest(gain_key)
    causes = () if manifest is None else manifest.lineage.causes
    return next((cause.key for cause in causes if cause.role == "geometry"), None)


def arc_digest(archive: Archive, gain_key: str) -> str | None:
    """The digest of the arc that a coefficient was computed from."""
    key = geometry_key(archive, gain_key)
    manifest = archive.manifest(key) if key else None
    causes = () if manifest is None else manifest.lineage.causes
    return next((cause.content for cause in causes if cause.role == "orbit"), None)


def geometry_behind(archive: Archive, gain_key: str) -> Result | None:
    """The geometry that a coefficient was computed from."""
    key = geometry_key(archive, gain_key)
    return archive.get(key, MOON_GEOMETRY.name) if key else None


def old_orbits(request: Request, new: Collection[Path]) -> list[Path]:
    """The orbit files of a request that are still there, without the new ones."""
    return [path for pattern in request.orbits for path in matching(pattern) if path.resolve() not in new]
