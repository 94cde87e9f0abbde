"""The numbers of a report: coefficients averaged over acquisitions with their budget, and what each acquisition gave. No text, no drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from calib.report.model import Case
from calib.uncertainty import Component, Uncertain, from_dataset, stack, weighted_mean

GAIN, DISK, SIGNAL, GEOMETRY = "lunar_gain", "lunar_disk", "disk_signal", "moon_geometry"
DATES = "acquisition"


@dataclass(frozen=True)
class BandMean:
    """One band's coefficient over the acquisitions. Shares (`u_k`, `difference`, `scatter`) are of one; gains in DN / (W m-2 sr-1 um-1)."""

    band: str
    gain: float
    k: float
    u_k: float
    scatter: float
    used: int
    seen: int
    flags: tuple[tuple[str, int], ...]

    @property
    def proposed(self) -> float:
        return self.k * self.gain

    @property
    def u_proposed(self) -> float:
        return self.proposed * self.u_k

    @property
    def difference(self) -> float:
        return self.k - 1.0

    @property
    def notable(self) -> bool:
        """Differs from the gain in force by more than twice the standard uncertainty."""
        return bool(abs(self.difference) > 2 * self.k * self.u_k)


@dataclass(frozen=True)
class Source:
    """One component of the mean's uncertainty: relative effect (k = 1, shares of one) per band, and what shares one error of it."""

    name: str
    correlation: str
    effect: tuple[float, ...]


@dataclass(frozen=True)
class Group:
    """The acquisitions of one sensor that were made with one version of its official parameters; dates are never merged across versions."""

    sensor: str
    po: str
    cases: tuple[Case, ...]
    bands: tuple[BandMean, ...]
    sources: tuple[Source, ...]

    @property
    def measured(self) -> tuple[BandMean, ...]:
        return tuple(band for band in self.bands if band.used)


def gain_of(case: Case) -> xr.Dataset | None:
    """The lunar gain of an acquisition, where it was made."""
    return case.results[GAIN].data if GAIN in case.results else None


def band_names(datasets: Iterable[xr.Dataset]) -> list[str]:
    """All bands in the sensor's order: that of the fullest dataset, others appended."""
    orders = sorted(([str(name) for name in data["band"].values] for data in datasets), key=len, reverse=True)
    return list(dict.fromkeys(name for order in orders for name in order))


def flags_of(case: Case) -> dict[str, list[str]]:
    """The flags that the steps of an acquisition raised, each with the bands concerned."""
    found: dict[str, list[str]] = {}
    for step in (DISK, SIGNAL, GAIN):
        data = case.results[step].data if step in case.results else xr.Dataset()
        if "flags" not in data:
            continue
        for band, text in zip(data["band"].values, data["flags"].values, strict=True):
            for flag in filter(None, (item.strip() for item in str(text).split(","))):
                bands = found.setdefault(flag, [])
                if str(band) not in bands:
                    bands.append(str(band))
    return found


def phase_of(case: Case) -> float:
    """Mean phase angle over the bands, signed, degrees; NaN where there is none."""
    for step in (GEOMETRY, GAIN):
        if step in case.results and "phase" in case.results[step].data:
            values = np.asarray(case.results[step].data["phase"].values, dtype=float)
            if np.isfinite(values).any():
                return float(np.nanmean(values))
    return float("nan")


def usable(data: xr.Dataset) -> np.ndarray:
    """Which bands' coefficients may enter a mean: valid, and finite with all their components."""
    finite = [np.isfinite(data[name].values) for name in (*_coefficient(data), "gain_used")]
    return np.asarray(np.logical_and.reduce([data["valid"].values.astype(bool), *finite]))


def _coefficient(data: xr.Dataset) -> list[str]:
    return [str(name) for name in data.data_vars if name == "k" or str(name).startswith("k__u_")]


def coefficient(data: xr.Dataset) -> Uncertain:
    """k of an acquisition with its components; a component that is missing in a band counts as zero there."""
    names = _coefficient(data)
    gaps = [name for name in names if name != "k" and not np.isfinite(data[name].values).all()]
    filled = {name: data[name].copy(data=np.nan_to_num(data[name].values, posinf=0.0, neginf=0.0)) for name in gaps}
    return from_dataset(data[names].assign(filled), "k")


def spread(item: Uncertain, beyond: str = "") -> np.ndarray:
    """Standard uncertainty (k = 1) of each element; with `beyond`, only the part that differs along that dimension, such as from date to date."""
    kept = [part.values.values for part in item.components if not (beyond and part.same_along(beyond))]
    return np.sqrt(np.sum(np.square(kept), axis=0)) if kept else np.zeros(item.value.shape)


def groups(cases: Sequence[Case]) -> tuple[Group, ...]:
    """The coefficients of the current results, per sensor and version of official parameters, in order of first appearance."""
    found: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        if gain_of(case) is not None and not case.superseded:
            # the label's tail tells how the version was chosen, which differs from date to date
            found.setdefault((case.sensor, case.po.split(" (")[0]), []).append(case)
    return tuple(_group(sensor, po, members) for (sensor, po), members in found.items())


def _group(sensor: str, po: str, cases: list[Case]) -> Group:
    cases = sorted(cases, key=lambda case: case.start_utc)
    tables = [data for case in cases if (data := gain_of(case)) is not None]
    bands = band_names(tables)
    gains = _gains_in_force(tables)
    keep = np.array([_kept(data, bands, gains) for data in tables])
    stacked = _stacked(tables, bands)
    mean = _mean(stacked, keep)
    flagged = [flags_of(case) for case in cases]
    rows = []
    for index, (band, value, total) in enumerate(zip(bands, mean.value.values, spread(mean), strict=True)):
        used = [float(data["k"].sel(band=band)) for data, kept in zip(tables, keep[:, index], strict=True) if kept]
        flags = Counter(flag for flags in flagged for flag, where in flags.items() if band in where)
        rows.append(
            BandMean(
                band=band,
                gain=gains.get(band, float("nan")),
                k=float(value),
                u_k=_share(float(total), float(value)),
                scatter=_share(float(np.std(used, ddof=1)), float(value)) if len(used) > 1 else float("nan"),
                used=len(used),
                seen=sum(band in data["band"].values for data in tables),
                flags=tuple(sorted(flags.items())),
            )
        )
    return Group(sensor, po, tuple(cases), tuple(rows), _sources(mean, stacked))


def _share(part: float, whole: float) -> float:
    return abs(part / whole) if whole else float("nan")


def _gains_in_force(tables: list[xr.Dataset]) -> dict[str, float]:
    """The gain of the latest acquisition that has one, per band; `tables` in the order of time."""
    return {
        str(band): float(gain)
        for data in tables
        for band, gain in zip(data["band"].values, data["gain_used"].values, strict=True)
        if np.isfinite(gain)
    }


def _kept(data: xr.Dataset, bands: list[str], gains: dict[str, float]) -> list[bool]:
    """Which of `bands` this acquisition adds to the mean: usable, and made with the gain in force."""
    found = {
        str(band): bool(good) and bool(np.isclose(gain, gains[str(band)], rtol=1e-9))
        for band, good, gain in zip(data["band"].values, usable(data), data["gain_used"].values, strict=True)
        if np.isfinite(gain)
    }
    return [found.get(band, False) for band in bands]


def _stacked(tables: list[xr.Dataset], bands: list[str]) -> Uncertain:
    return stack([(str(index), _filled(data, bands)) for index, data in enumerate(tables)], DATES)


def _mean(stacked: Uncertain, keep: np.ndarray) -> Uncertain:
    """Plain mean over the usable acquisitions: what is the same on all dates does not average down. NaN where there is none."""
    counted = keep.any(axis=0)
    weights = xr.DataArray(np.where(counted, keep, 1.0), dims=(DATES, "band"), coords=stacked.value.coords)
    mean = weighted_mean(stacked, DATES, weights)
    return Uncertain(mean.value.where(counted), mean.components)


def _filled(data: xr.Dataset, bands: list[str]) -> Uncertain:
    """k over all `bands` with zeros where it is missing: weights of zero then leave these out, which NaN would not allow."""
    item = coefficient(data)
    components = tuple(Component(part.name, _spread(part.values, bands), part.correlation) for part in item.components)
    return Uncertain(_spread(item.value, bands), components)


def _spread(array: xr.DataArray, bands: list[str]) -> xr.DataArray:
    known = dict(zip(map(str, array["band"].values), array.values.tolist(), strict=True))
    values = np.nan_to_num([known.get(band, 0.0) for band in bands], posinf=0.0, neginf=0.0)
    return xr.DataArray(values, dims="band", coords={"band": bands}, attrs={"units": array.attrs["units"]})


def _sources(mean: Uncertain, single: Uncertain) -> tuple[Source, ...]:
    """Components of the mean relative to it, largest first, with the correlation that each has in a `single` acquisition."""
    correlation = {part.name: part.correlation for part in single.components}
    found = []
    for part in mean.components:
        relative = np.abs((part.values / mean.value).values)
        found.append(Source(part.name, correlation[part.name], tuple(float(item) for item in relative)))
    return tuple(sorted(found, key=lambda item: -np.nansum(np.square(item.effect))))
