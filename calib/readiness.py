"""What a product lacks for which method: said when a product is inspected, and before anything is computed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from calib.acquisition import Acquisition


def missing_for(acquisition: Acquisition) -> dict[str, list[str]]:
    """For each calibration method, what this product lacks for it, as short phrases; an empty list where nothing is missing.

    What comes from elsewhere (an orbit file, official parameters, a reference scene) is not asked of the product.
    """
    missing = {}
    for method, (kind, *needs) in METHODS.items():
        other = kind(acquisition)
        missing[method] = [other] if other else [phrase for need in needs if (phrase := need(acquisition))]
    return missing


def _kind(*wanted: str) -> Callable[[Acquisition], str]:
    return lambda found: (
        "" if found.kind in wanted else f"an image of a {' or '.join(wanted)}, this is one of a {found.kind}"
    )


def _dated(found: Acquisition) -> str:
    return "" if all(image.dated for image in found.bands.values()) else "dates of its lines (sensor geometry)"


def _axes(found: Acquisition) -> str:
    return "" if found.column_axis is not None else "the axes of its image in the sky (from the attitude)"


def _angles(found: Acquisition) -> str:
    names = ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")
    whole = found.angles is not None and all(
        np.isfinite(found.angles[name].sel(point="center")).all() for name in names
    )
    return "" if whole else "Sun and viewing angles of every band"


def _reflectance(found: Acquisition) -> str:
    bands = [image.calibration for image in found.bands.values()]
    if all(band.quantification or (band.gain and band.solar_irradiance) for band in bands):
        return ""
    if all(band.gain for band in bands):
        return "the Sun's irradiance per band (a table can give it), for reflectances"
    return "gains (the table of official parameters can give them) or a scaling to reflectance"


def _level(found: Acquisition) -> str:
    return (
        "top-of-atmosphere values, this is a surface product" if found.facts.get("level", "").startswith("L2") else ""
    )


def _raw_lines(found: Acquisition) -> str:
    return "" if any(image.dated for image in found.bands.values()) else "columns of the camera (sensor geometry)"


#: the kinds of image that a method takes, then what else it needs
METHODS: dict[str, tuple[Callable[[Acquisition], str], ...]] = {
    "moon": (_kind("moon"), _dated, _axes),
    "stars": (_kind("star"), _dated, _axes),
    "sno": (_kind("site"), _level, _reflectance, _angles),
    "desert": (_kind("site"), _level, _reflectance, _angles),
    "mtf": (_kind("site", "star", "moon"), _level),
    "noise": (_kind("site", "star", "moon"), _level, _raw_lines),
}
