"""`etalon moon irradiance`: a table of times and places in, the irradiance of the Moon by one model or several out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from calib.errors import RequestError
from calib.moon.irradiance import IrradianceModel, irradiance_at, load_model
from calib.moon.model_uncertainty import spread, uncertain_irradiance
from calib.sensor import load_sensor
from calib.units import stamp
from flows.geometries import read_geometries
from orbit_aux.moon_view import behind_earth, lunar_eclipse, moon_geometry
from orbit_aux.time import Times

_ANGLES = ("phase", "observer_latitude", "observer_longitude", "sun_latitude", "sun_longitude")
_SCALARS = {**dict.fromkeys(_ANGLES, "deg"), "moon_distance": "km", "sun_distance": "au"}


def write_irradiance(
    geometries: Path,
    output: Path,
    models: Sequence[str],
    solar_spectrum: str = "tsis1_hsrs",
    *,
    sensor: str | None = None,
    wavelengths: str | None = None,
    force: bool = False,
) -> list[str]:
    """Read the CSV `geometries`, write the CSV `output` (see docs/irradiance.md), and return the lines to print: remarks first, then what was written.

    `models` as `load_model` takes them; either a sensor for its bands or `wavelengths` in nm ("440,550").
    """
    if output.resolve() == geometries.resolve():
        raise RequestError(f"{output}: is the input; give another file to --output")
    at = _asked(sensor, wavelengths)
    loaded = [load_model(name, solar_spectrum, force=force) for name in models]
    times, position_m = read_geometries(geometries)
    table = irradiance_table(times, position_m, loaded, at)
    _write_csv(table, times, [model.solar_spectrum for model in loaded], output)
    flagged = int((table["flags"] != "").any("model").sum())
    remarks = [f"remark: {text}" for model in loaded for text in model.remarks]
    return [*remarks, *(f"model: {model.label}" for model in loaded), f"{output}: {len(times)} rows, {flagged} flagged"]


def irradiance_table(
    times: Times, position_m: np.ndarray, models: Sequence[IrradianceModel], at: xr.DataArray | np.ndarray
) -> xr.Dataset:
    """Geometry and irradiance for GCRF positions (n, 3) in m, over "row", "model" and "band" or "wavelength".

    `irradiance` and its standard `uncertainty` (k = 1, of the model alone) in W m-2 um-1; `flags` (row, model), empty or comma-separated:
    phase_outside_model and eclipse, where no model holds and both are NaN; behind_earth, where they hold but nothing is seen. With two models or more,
    `model_spread` is the relative standard uncertainty by their disagreement over the rows where all hold.
    """
    view = moon_geometry(times, position_m)[list(_SCALARS)].rename(time="row").drop_vars("row")
    eclipse = lunar_eclipse(times).values <= 0
    hidden = behind_earth(times, position_m).values
    phase = np.abs(view["phase"].values)
    outside = np.stack([(phase < model.phase_limits_deg[0]) | (phase > model.phase_limits_deg[1]) for model in models])
    computed = [_computed(model, view, ~(out | eclipse), at) for model, out in zip(models, outside, strict=True)]
    raised = {"phase_outside_model": outside, "eclipse": eclipse[np.newaxis], "behind_earth": hidden[np.newaxis]}
    index = xr.DataArray([model.title for model in models], dims="model", name="model")
    table = view.assign({name: xr.concat([item[name] for item in computed], index) for name in computed[0]})
    table["flags"] = ("model", "row"), _flags(raised, (len(models), len(phase)))
    together = np.flatnonzero(~(outside.any(axis=0) | eclipse))
    if len(models) > 1 and together.size:
        table["model_spread"] = abs(spread(models, view.isel(row=together), at).values)
    return table


def _computed(
    model: IrradianceModel, view: xr.Dataset, valid: np.ndarray, at: xr.DataArray | np.ndarray
) -> dict[str, xr.DataArray]:
    """Irradiance and uncertainty of every row, NaN where it is not `valid`."""
    places = np.flatnonzero(valid)
    inside = view.isel(row=places)
    value = irradiance_at(model, inside, at)
    pieces = {"irradiance": value, "uncertainty": uncertain_irradiance(model, inside, at, value).total()}
    result = {}
    for name, piece in pieces.items():
        values = np.full((len(valid), piece.shape[1]), np.nan)
        values[places] = piece.transpose("row", ...).values
        result[name] = stamp(xr.DataArray(values, dims=("row", value.dims[1]), coords=value.coords), "W m-2 um-1")
    return result


def _flags(raised: dict[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Texts of the given shape: the names of what is raised, joined by commas."""
    code = sum(np.broadcast_to(state, shape).astype(int) << bit for bit, state in enumerate(raised.values()))
    words = [
        ",".join(name for bit, name in enumerate(raised) if number >> bit & 1) for number in range(1 << len(raised))
    ]
    return np.asarray(np.array(words)[code])


def _asked(sensor: str | None, wavelengths: str | None) -> xr.DataArray | np.ndarray:
    if (sensor is None) == (wavelengths is None):
        raise RequestError("give either --sensor, for its bands, or --wavelengths, for example 440,550,870")
    if sensor is not None:
        return load_sensor(sensor).response
    try:
        values = np.array([float(text) for text in str(wavelengths).split(",")])
    except ValueError:
        values = np.array([np.nan])
    if not np.all((values > 0) & (values < 1e5)) or len(set(values.tolist())) < len(values):
        raise RequestError(f"--wavelengths '{wavelengths}': give different numbers in nm, for example 440,550,870")
    return values


def _write_csv(table: xr.Dataset, times: Times, suns: Sequence[str], output: Path) -> None:
    """One line per row and model: what and where, then irradiance, uncertainty and spread of each band or wavelength."""
    along = str(table["irradiance"].dims[-1])
    labels = [f"{item:.10g}nm" if along == "wavelength" else str(item) for item in table[along].values]
    kinds = [name for name in ("irradiance", "uncertainty") if name in table]
    head = ["row", "utc", "model", "solar_spectrum", "flags", *(f"{name}_{units}" for name, units in _SCALARS.items())]
    head += [f"{kind}_{label}_W_m-2_um-1" for label in labels for kind in kinds]
    spreads: list[str] = []
    if "model_spread" in table:
        head += [f"model_spread_{label}_percent" for label in labels]
        spreads = [f"{100 * value:.4g}" for value in table["model_spread"].values]
    where = np.stack([table[name].values for name in _SCALARS], axis=1)
    # (row, model, band and kind), as the head has it
    what = np.stack([table[kind].transpose("row", "model", along).values for kind in kinds], axis=-1)
    count = len(suns)
    every = np.concatenate([np.repeat(where, count, axis=0), what.reshape(len(where) * count, -1)], axis=1).tolist()
    form = ",".join(["%.9g"] * len(every[0]))
    flags = table["flags"].transpose("row", "model").values.ravel()
    titles = [str(title).replace('"', '""') for title in table["model"].values]
    models = [f'"{title}","{sun}"' for title, sun in zip(titles, suns, strict=True)]
    partial = output.with_name(f".{output.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            stream.write(",".join(head) + "\n")
            for place, utc in enumerate(np.repeat(times.utc_strings(), count).tolist()):
                # what is not a number is left empty
                numbers = (form % tuple(every[place])).replace("nan", "")
                first = f'{place // count + 1},{utc},{models[place % count]},"{flags[place]}"'
                stream.write(",".join([first, numbers, *spreads]) + "\n")
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RequestError(
            f"{output}: cannot be written ({error.strerror}); give a file in a folder that exists"
        ) from None
