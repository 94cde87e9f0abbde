"""What a Sentinel-2 product says of its counts: quantification, offsets, solar irradiance, special values, spectral responses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from calib.acquisition import Calibration, Known
from calib.products.sentinel2_tile import band_of, limited
from calib.products.xml import Node, shortened

MAX_RESPONSE = 5_000
#: from this processing baseline on, products have offsets
_OFFSET_SINCE = (4, 0)


def calibrations(
    traits: Node, bands: list[str], baseline: tuple[int, ...], warnings: list[str]
) -> Mapping[str, Calibration]:
    """How counts become reflectances in each band: reflectance = (counts + offset) / quantification, the offset only where the file lists one."""
    quantification = _known(traits.child("QUANTIFICATION_VALUE"), "DN", least=1, most=1e6)
    offsets = by_band(limited(traits, "Radiometric_Offset_List/RADIO_ADD_OFFSET"))
    irradiance = by_band(limited(traits, "Reflectance_Conversion/Solar_Irradiance_List/SOLAR_IRRADIANCE"))
    if bool(offsets) != (baseline >= _OFFSET_SINCE):
        warnings.append(
            f"PROCESSING_BASELINE {'.'.join(f'{part:02d}' for part in baseline)} {'with' if offsets else 'without'} "
            "RADIO_ADD_OFFSET is unusual; what the file lists is applied"
        )
    for name in bands:
        if offsets and name not in offsets:
            raise traits.refuse(f"RADIO_ADD_OFFSET of band {name} is missing where others have one; fetch it again")
        if name not in irradiance:
            warnings.append(f"SOLAR_IRRADIANCE of band {name} is missing")
    for node in irradiance.values():
        _check_irradiance_unit(node)
    return {
        name: Calibration(
            quantification=quantification,
            offset=_known(offsets[name], "DN", least=-1e5, most=1e5) if name in offsets else None,
            solar_irradiance=_known(irradiance[name], "W m-2 um-1", least=0, most=1e4) if name in irradiance else None,
        )
        for name in bands
    }


def by_band(nodes: list[Node]) -> dict[str, Node]:
    """The elements by band; InputError for one of the same band again."""
    found: dict[str, Node] = {}
    for node in nodes:
        name = band_of(node)
        if name in found:
            raise node.refuse(f"band {name} is given twice; the file is damaged")
        found[name] = node
    return found


def _check_irradiance_unit(node: Node) -> None:
    unit = node.attribute("unit", "W/m²/µm")
    if unit.replace("²", "2").replace("\u00b5", "u").replace("\u03bc", "u") != "W/m2/um":
        raise node.refuse(f"unit {shortened(unit)!r} is not read; accepted: W/m²/µm")


def _known(node: Node, unit: str, *, least: float, most: float) -> Known:
    place = f"{node.file.name}: {node.where}"
    if node.attribute("bandId", "") or node.attribute("band_id", ""):
        place += f"[{band_of(node)}]"
    return Known(node.number(least=least, most=most), unit, "product", place)


def special_counts(traits: Node, warnings: list[str]) -> dict[str, int]:
    """The counts that mean something else, by their name."""
    special = {
        item.text("SPECIAL_VALUE_TEXT"): item.integer("SPECIAL_VALUE_INDEX", most=2**16 - 1)
        for item in limited(traits, "Special_Values")
    }
    missing = [name for name in ("NODATA", "SATURATED") if name not in special]
    if missing:
        warnings.append(f"Special_Values: no value of {' and '.join(missing)}; such samples cannot be told")
    return special


def responses(traits: Node, bands: list[str], warnings: list[str]) -> xr.DataArray | None:
    """Spectral responses over (band, wavelength in nm), on every wavelength that one of them is given at; outside of its own, a response is zero."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, item in by_band(limited(traits, "Spectral_Information_List/Spectral_Information")).items():
        for path in ("Wavelength/MIN", "Spectral_Response/STEP"):
            if item.child(path).attribute("unit", "nm") != "nm":
                raise item.refuse(f"{path} in {shortened(item.child(path).attribute('unit'))!r}; accepted: nm")
        values = item.numbers("Spectral_Response/VALUES")
        least, step = item.number("Wavelength/MIN", least=100), item.number("Spectral_Response/STEP", least=0.01)
        if not 1 < len(values) <= MAX_RESPONSE or not values.max() > 0 or step > 100:
            raise item.refuse(f"{len(values)} values in steps of {step:g} nm are no response; the file is damaged")
        if least + step * (len(values) - 1) != item.number("Wavelength/MAX"):
            warnings.append(f"Spectral_Response of band {name} does not end at its Wavelength/MAX")
        found[name] = least + step * np.arange(len(values)), values
    if missing := [name for name in bands if name not in found]:
        warnings.append(f"Spectral_Information of band {', '.join(missing)} is missing")
    given = [name for name in bands if name in found]
    if not given:
        return None
    grid = np.unique(np.concatenate([found[name][0] for name in given]))
    return xr.DataArray(
        np.stack([np.interp(grid, *found[name], left=0.0, right=0.0) for name in given]),
        dims=("band", "wavelength"),
        coords={"band": given, "wavelength": ("wavelength", grid, {"units": "nm"})},
        attrs={"units": "1"},
    )
