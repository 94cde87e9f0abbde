"""What the report shows of one acquisition: the images with the limb, profiles, growth of the aperture, k by band, and the numbers behind k."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from markupsafe import Markup

from calib.report import plots, straylight, text
from calib.report.images import contact_sheet
from calib.report.limb_plots import laplacian_sheet, limb_strips, residuals
from calib.report.lunar_plots import foot, plateau, sky_sheet
from calib.report.model import Case
from calib.report.plots import Curve, Point, Style
from calib.report.summary import DATES, DISK, GAIN, SIGNAL, coefficient, gain_of, phase_of, spread

#: columns of the table behind k: step, variable, heading, unit, significant digits (0: a whole number)
_COLUMNS = (
    (GAIN, "irradiance_measured", "E measured", "W m⁻² µm⁻¹", 4),
    (GAIN, "irradiance_model", "E model", "W m⁻² µm⁻¹", 4),
    (GAIN, "model_spread", "spread between models", "of E model", 2),
    (GAIN, "solid_angle", "solid angle of a sample", "sr", 4),
    (GAIN, "oversampling", "oversampling", "", 4),
    (SIGNAL, "mean_signal", "mean signal", "DN", 3),
    (SIGNAL, "sky_level", "sky", "DN", 4),
    (SIGNAL, "saturated_pixels", "saturated", "pixels", 0),
    (SIGNAL, "defective_pixels", "defective", "pixels", 0),
    (SIGNAL, "cosmic_hits", "cosmic hits", "", 0),
    (DISK, "limb_residual", "limb residual", "pixel rms", 2),
)


@dataclass(frozen=True)
class Section:
    """One acquisition, ready for the template. Plots are empty where their step did not run."""

    case: Case
    bands: tuple[str, ...]
    look: Mapping[str, Style]
    sheet: str
    laplacian: str
    strips: str
    sky: str
    residuals: Markup
    profile: Markup
    foot: Markup
    growth: Markup
    plateau: Markup
    by_band: Markup
    straylight: Markup
    headings: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    k_range: str


def section(case: Case, look: dict[str, Style]) -> Section:
    """Draw one acquisition; `look` tells how each band is drawn in the whole page."""
    disk, signal, gain = (case.results[name].data if name in case.results else None for name in (DISK, SIGNAL, GAIN))
    if disk is not None and signal is not None and "quicklook" in signal:
        # the pictures are made where the counts are summed, which reads them all
        disk = disk.assign(signal[["quicklook", "quicklook_step"]].data_vars)
    tables = [data for data in (disk, signal, gain) if data is not None]
    names = {str(band) for data in tables for band in data["band"].values}
    bands = tuple(band for band in look if band in names)
    headings, rows = _table(case, bands)
    return Section(
        case=case,
        bands=bands,
        look=look,
        sheet=contact_sheet(disk) if disk is not None and "quicklook" in disk else "",
        laplacian=laplacian_sheet(disk) if disk is not None else "",
        strips=limb_strips(disk) if disk is not None else "",
        residuals=residuals(disk, look) if disk is not None else Markup(""),
        sky=sky_sheet(disk, signal) if disk is not None and signal is not None else "",
        profile=_curves(disk, "limb_profile", "profile_radius", look, ("radius [disk radii]", "mean count [DN]")),
        foot=foot(disk, look) if disk is not None else Markup(""),
        growth=_curves(signal, "growth", "dilation", look, ("dilation of the aperture [pixel]", "relative flux [1]")),
        plateau=plateau(case.results[SIGNAL], disk, look) if disk is not None and signal is not None else Markup(""),
        by_band=_by_band(gain, look) if gain is not None else Markup(""),
        straylight=straylight.section(case.results),
        headings=headings,
        rows=rows,
        k_range=_k_range(gain),
    )


def points_of(case: Case) -> dict[str, Point]:
    """The coefficients of an acquisition as points of a time series, per band; their bars are the part that differs from date to date."""
    data = gain_of(case)
    if data is None:
        return {}
    own = spread(coefficient(data), beyond=DATES)
    return {
        str(band): Point(
            time_s=moment,
            value=float(k),
            bar=float(bar) if np.isfinite(bar) else 0.0,
            hollow=bool(case.superseded) or not valid,
            hint=_hint(case, str(band), float(k), float(bar), bool(valid)),
        )
        for band, k, bar, valid, moment in zip(
            data["band"].values, data["k"].values, own, data["valid"].values, _moments(case, data), strict=True
        )
    }


def _moments(case: Case, data: xr.Dataset) -> list[float]:
    """When each band crossed the Moon, else when the acquisition started: seconds since 1970 UTC; NaN where neither is a date."""
    try:
        start = np.datetime64(case.start_utc.removesuffix("Z"))
    except ValueError:
        start = np.datetime64("NaT")
    times = data["crossing_time"].values if "crossing_time" in data else np.full(data.sizes["band"], start)
    chosen = np.where(np.isnat(times), start, times).astype("datetime64[ms]")
    return [float("nan") if np.isnat(moment) else float(moment.astype("int64")) / 1000 for moment in chosen]


def _hint(case: Case, band: str, k: float, bar: float, valid: bool) -> str:
    phase = phase_of(case)
    remarks = (
        f"phase {text.fixed(phase, 1)}°" if np.isfinite(phase) else "",
        "superseded" if case.superseded else "" if valid else "not valid, left out of the mean",
    )
    lines = (
        f"{band} · k {text.fixed(k, 4)} ± {text.percent(bar / abs(k) if k else 0.0)} %",
        f"{case.name} · {text.date(case.start_utc)}",
        " · ".join(filter(None, remarks)),
    )
    return "\n".join(filter(None, lines))


def _curves(
    data: xr.Dataset | None, variable: str, coordinate: str, look: dict[str, Style], names: tuple[str, str]
) -> Markup:
    if data is None or variable not in data or coordinate not in data:
        return Markup("")
    x = np.asarray(data[coordinate].values, dtype=float)
    dim = data[coordinate].dims[-1]
    table = data[variable].transpose("band", dim).values
    lines = [
        Curve(str(band), x, np.asarray(row, dtype=float)) for band, row in zip(data["band"].values, table, strict=True)
    ]
    return plots.curves(lines, look, names, f"{names[1]} over {names[0]}, per band")


def _by_band(gain: xr.Dataset, look: dict[str, Style]) -> Markup:
    item = coefficient(gain)
    bands = [str(band) for band in gain["band"].values]
    # what all bands share cannot explain a difference between bands
    own = spread(item, beyond="band")
    return plots.by_band(bands, item.value.values, spread(item), own, look, "k over the bands")


def _k_range(gain: xr.Dataset | None) -> str:
    values = gain["k"].values[np.isfinite(gain["k"].values)] if gain is not None else np.array([])
    if not values.size:
        return ""
    low, high = text.fixed(float(values.min()), 4), text.fixed(float(values.max()), 4)
    return f"k = {low}" if low == high else f"k {low} to {high}"


def _table(
    case: Case, bands: tuple[str, ...]
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    gain = gain_of(case)
    columns: list[tuple[tuple[str, str], dict[str, str]]] = []
    if gain is not None:
        item = coefficient(gain)
        share = item.value.copy(data=spread(item)) / np.abs(item.value.where(item.value != 0))
        columns.append((("k", ""), _texts(item.value, lambda value: text.fixed(value, 4))))
        columns.append((("u(k)", "%, k = 1"), _texts(share, text.percent)))
        columns.append((("valid", ""), _texts(gain["valid"].astype(float), lambda value: "yes" if value else "no")))
    for step, variable, heading, unit, digits in _COLUMNS:
        data = case.results[step].data if step in case.results else xr.Dataset()
        if variable in data and data[variable].notnull().any():
            columns.append(((heading, unit), _texts(data[variable].astype(float), _digits(digits))))
    rows = tuple((band, tuple(cells.get(band, text.NOTHING) for _, cells in columns)) for band in bands)
    return tuple(heading for heading, _ in columns), rows


def _digits(digits: int) -> Callable[[float], str]:
    return lambda value: text.significant(value, digits) if digits else text.fixed(value, 0)


def _texts(array: xr.DataArray, show: Callable[[float], str]) -> dict[str, str]:
    return {str(band): show(float(value)) for band, value in zip(array["band"].values, array.values, strict=True)}
