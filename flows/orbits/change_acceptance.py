"""Acceptance at a new orbit: the gains that an archive's Moons propose since a date or in a phase of the mission, against those before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from calib.archive import Archive
from calib.comparison import compare_periods
from calib.errors import RequestError
from calib.moon.steps import LUNAR_GAIN
from calib.products.plain import utc
from calib.sensor import Sensor
from calib.types import Result, same_order
from calib.uncertainty import Component, Uncertain, from_dataset, stack
from calib.units import stamp
from flows.orbits.change_facts import Inputs, requests_with_coefficients

#: of the uncertainty of the difference: within it a band is accepted
ACCEPTED = 2.0


@dataclass(frozen=True, eq=False)
class Acceptance:
    """Of one sensor: `table` over band (see `compare_periods`), and of each acquisition its date (s since 1970), whether it is of the new period, and its gains
    over the mean before, by band (NaN where not used)."""

    sensor: str
    since: str
    table: xr.Dataset
    seconds: np.ndarray
    after: np.ndarray
    relative: xr.DataArray

    @property
    def refused(self) -> tuple[str, ...]:
        """Bands that differ by more than twice the uncertainty of the difference."""
        return self._bands(np.abs(self.table["significance"].values) > ACCEPTED)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Bands without a valid value on one side."""
        return self._bands(np.isnan(self.table["significance"].values))

    @property
    def accepted(self) -> bool:
        return not self.refused and len(self.unknown) < self.table.sizes["band"]

    def verdict(self, band: str) -> str:
        """accepted, not accepted, or no values."""
        return "not accepted" if band in self.refused else "no values" if band in self.unknown else "accepted"

    def _bands(self, chosen: np.ndarray) -> tuple[str, ...]:
        return tuple(str(band) for band in self.table["band"].values[chosen])

    def rows(self) -> list[dict[str, Any]]:
        """One row for each band of acceptance.csv."""
        rows: list[dict[str, Any]] = []
        for band in self.table["band"].values:
            item = {str(name): float(array.sel(band=band)) for name, array in self.table.data_vars.items()}
            percents = {f"{name}_percent": 100 * item[name] for name in ("change", "uncertainty")}
            gains = {f"gain_{name}_DN_per_W_m-2_sr-1_um-1": item[name] for name in ("before", "after")}
            counts: dict[str, Any] = {
                f"acquisitions_{name}": int(item[f"count_{name}"]) for name in ("before", "after")
            }
            figures = {**gains, **percents, "significance": item["significance"]}
            told = {name: f"{value:.7g}" if np.isfinite(value) else "" for name, value in figures.items()}
            rows.append(
                {"sensor": self.sensor, "band": str(band), **counts, **told, "verdict": self.verdict(str(band))}
            )
        return rows


def accept(archive: Archive, since: str) -> list[Acceptance]:
    """Current gains of each sensor before against since `since`, a date (UTC) or the name of a phase of its mission (then until the phase ends).

    RequestError where no sensor has such a phase, or none has coefficients on both sides.
    """
    found, sides = [], []
    for sensor, results in _by_sensor(archive).values():
        span = _span(sensor, since)
        if span is None:
            continue
        dates = np.array([result.dataset["crossing_time"].values.min() for result in results])
        kept = dates < span[1]
        after = dates >= span[0]
        sides.append(f"{sensor.name}: {int((~after).sum())} before, {int((after & kept).sum())} since")
        if (~after).any() and (after & kept).any():
            chosen = [result for result, keep in zip(results, kept, strict=True) if keep]
            found.append(_compared(sensor.name, since, chosen, dates[kept], after[kept]))
    if not sides:
        raise RequestError(
            f"--accept-since {since}: neither a date (2021-05-01) nor a phase of a mission in the archive"
        )
    if not found:
        raise RequestError(f"--accept-since {since}: needs coefficients on both sides ({'; '.join(sides)})")
    return found


def _by_sensor(archive: Archive) -> Mapping[str, tuple[Sensor, list[Result]]]:
    inputs = Inputs()
    found: dict[str, tuple[Sensor, list[Result]]] = {}
    for request, kept in requests_with_coefficients(archive):
        for item in kept:
            result = archive.get(item.key, LUNAR_GAIN.name)
            if result is not None:
                sensor = inputs.sensor(request, item.sensor)
                found.setdefault(sensor.name, (sensor, []))[1].append(result)
    return found


def _span(sensor: Sensor, since: str) -> tuple[np.datetime64, np.datetime64] | None:
    """First date of the new period and the one after its last; None where the sensor's mission has no such phase."""
    never = np.datetime64("2200-01-01", "ns")
    phase = next((item for item in sensor.phases if item.name.upper() == since.upper()), None)
    if phase is not None:
        return np.datetime64(phase.start, "ns"), never if phase.stop is None else np.datetime64(phase.stop, "ns")
    try:
        return utc(since if "T" in since else f"{since}T00:00:00Z"), never
    except ValueError:
        return None


def _compared(sensor: str, since: str, results: list[Result], dates: np.ndarray, after: np.ndarray) -> Acceptance:
    first = [str(band) for band in results[0].dataset["band"].values]
    bands = same_order(set(first).intersection(*(map(str, item.dataset["band"].values) for item in results)), first)
    tables = [item.content.sel(band=bands) for item in results]
    gains = stack([(str(number), _gain(table)) for number, table in enumerate(tables)], "acquisition")
    used = np.stack([table["valid"].values.astype(bool) & np.isfinite(table["k"].values) for table in tables])
    phase = np.array([float(table["phase"].mean()) for table in tables])
    table = compare_periods(gains, phase, used, after)
    relative = (
        gains.value.drop_attrs().where(xr.DataArray(used, dims=("acquisition", "band"))) / table["before"].drop_attrs()
    )
    seconds = (dates - np.datetime64(0, "s")) / np.timedelta64(1, "s")
    order = np.argsort(seconds)
    return Acceptance(sensor, since, table, seconds[order], after[order], relative.isel(acquisition=order))


def _gain(table: xr.Dataset) -> Uncertain:
    """The gain proposed, with the components of its coefficient: gains in force may change between the periods, the camera's own do not."""
    k, used = from_dataset(table, "k"), table["gain_used"].drop_attrs()
    parts = tuple(Component(part.name, (part.values * used).drop_attrs(), part.correlation) for part in k.components)
    return Uncertain(stamp((k.value * used).drop_attrs(), str(table["gain_used"].attrs["units"])), parts)
