"""What a parameter file is, in values that JSON can hold: for a person who asks what lies there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from calib.products.venus_parameters.header import Header
from calib.products.venus_parameters.spectral import ReflectanceConstants, SpectralSensitivities
from calib.products.venus_parameters.straylight import Straylight

Content = xr.Dataset | Straylight | SpectralSensitivities | ReflectanceConstants


def header_facts(header: Header) -> dict[str, Any]:
    """Type, serial, site, bands and TDI of the name, validity (None where open), origin and warnings."""
    name = header.name
    edges = header.validity_start, header.validity_stop, header.creation_date
    start, stop, created = (None if edge is None else str(edge) for edge in edges)
    return {
        "type": header.file_type,
        "name": header.file_name,
        "class": name.file_class,
        "serial": name.serial,
        "site": name.site,
        "sites": list(header.sites),
        "validity": {"start": start, "stop": stop},
        "created": created,
        "creator": " ".join(filter(None, [header.creator, header.creator_version])),
        "notes": header.notes,
        "schema_version": header.schema_version,
    }


def content_facts(content: Content) -> dict[str, Any]:
    """Bands and TDI configurations that the content covers, how many values, and the range of each quantity with its unit."""
    if isinstance(content, xr.Dataset):
        return _dataset_facts(content)
    if isinstance(content, Straylight):
        return _straylight_facts(content)
    if isinstance(content, SpectralSensitivities):
        irradiance = content.solar_irradiance
        return {
            "bands": [str(band) for band in irradiance.band.values],
            "solar_irradiance": dict(zip(irradiance.band.values.tolist(), irradiance.values.tolist(), strict=True)),
            "responses": {band: len(tables) for band, tables in content.tables.items()},
            "ranges": {"wavelength": _wavelengths(content)},
        }
    return {"constants": dict(content.__dict__)}


def _dataset_facts(content: xr.Dataset) -> dict[str, Any]:
    facts: dict[str, Any] = {"sizes": {str(name): int(size) for name, size in content.sizes.items()}}
    for name, label in (("band", "bands"), ("tdi", "tdi")):
        if name in content.coords:
            facts[label] = np.atleast_1d(content[name].values).tolist()
    if "time" in content.coords:
        facts["time"] = [str(content.time.values.min()), str(content.time.values.max())]
    for name in ("epoch", "gps_epoch", "frame", "convention"):
        if name in content.attrs:
            facts[name] = str(content.attrs[name])
    facts["ranges"] = {
        str(name): _range(values.values, str(values.attrs["units"])) for name, values in content.data_vars.items()
    }
    return facts


def _straylight_facts(content: Straylight) -> dict[str, Any]:
    return {
        "bands": [content.band],
        "type1": {
            "margin": content.margin,
            "filters": [
                {
                    "first": item.first,
                    "last": item.last,
                    "type": item.filter.kind,
                    "size": list(item.filter.kernel.shape),
                }
                for item in content.ghosts
            ],
        },
        "type2": [
            {
                "source": item.source,
                "margin": item.margin,
                "size": list(item.filter.kernel.shape),
                "strips": [dict(strip.__dict__) for strip in item.strips],
            }
            for item in content.crosstalks
        ],
    }


def _wavelengths(content: SpectralSensitivities) -> Mapping[str, Any]:
    axes = [table.response.wavelength.values for tables in content.tables.values() for table in tables]
    return _range(np.array([edge for axis in axes for edge in (axis[0], axis[-1])]), "nm")


def _range(values: np.ndarray, units: str) -> dict[str, Any]:
    """Least and greatest of the values that are there, None where there is none."""
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    least, most = (None, None) if not known.size else (known.min().item(), known.max().item())
    return {"least": least, "most": most, "units": units}
