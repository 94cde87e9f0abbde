"""A site scene as Pléiades Neo product in DIMAP version 2: bands of six in two sets of files, gains in either place or none; of our own making."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from calib.simulate.products.dimap_images import raster_data, special, write_tiles
from calib.simulate.products.elements import document
from calib.simulate.products.pleiades_dimap import (
    PLACES,
    counts,
    directions,
    identification,
    source,
    stamp,
    times,
)
from calib.simulate.products.pleiades_orbit import Strip
from calib.simulate.products.scene import SiteScene

#: DN / (W m-2 sr-1 um-1) and W m-2 um-1 at one astronomical unit; the bias is zero
GAIN = {"P": 7.9, "DB": 8.0, "B": 6.6, "G": 7.3, "R": 8.1, "RE": 9.9, "NIR": 12.1}
IRRADIANCE = {"P": 1569.5, "DB": 1787.4, "B": 1972.1, "G": 1816.2, "R": 1553.6, "RE": 1350.7, "NIR": 1059.7}
NODATA, SATURATED = 0, 32767
#: the layers of each set of files by SPECTRAL_PROCESSING
_GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "PAN": {"P": ("P",)},
    "MS": {"MS": ("R", "G", "B", "NIR")},
    "MS-FS": {"RGB": ("R", "G", "B"), "NED": ("NIR", "RE", "DB")},
}


def write(
    folder: Path,
    scene: SiteScene,
    *,
    sensor: Literal["pneo3", "pneo4"] = "pneo3",
    gains: Literal["direct", "listed", "none"] = "direct",
    tiles: tuple[int, int] = (1, 1),
    jp2: bool = False,
) -> Path:
    """The product's folder, made below `folder`: of band P, of R, G, B and NIR in one set of files, or of six bands in two.

    `gains` stand directly in the calibration block, in a list of measurements inside it, or nowhere.
    """
    spectral = "PAN" if scene.bands == ["P"] else "MS-FS" if "DB" in scene.bands else "MS"
    stem = f"{sensor.upper()}_{stamp(scene)}_{spectral}_SEN_SIM"
    product = folder / f"IMG_01_{sensor.upper()}_{spectral}"
    images = counts(scene, (GAIN, dict.fromkeys(GAIN, 0.0), IRRADIANCE), SATURATED)
    groups = _GROUPS[spectral]
    files = [
        {
            **write_tiles(product, f"IMG_{stem}_{name}", images, bands, (tiles, jp2)),
            "Raster_Display": {
                "Raster_Index_List": {"Raster_Index": [_index(*item) for item in enumerate(bands, start=1)]}
            },
        }
        for name, bands in groups.items()
    ]
    strip = Strip(scene, 43.555e-6 * (1 if spectral == "PAN" else 4), 0.3 if spectral == "PAN" else 1.2)
    content = {
        **identification("STE", f"{stem}", "PNEO_SENSOR", "2.0"),
        "Geoposition": {"Raster_CRS": {"RASTER_GEOMETRY": "SENSOR"}},
        "Processing_Information": _processing(spectral, scene.sampling_m),
        "Raster_Data": raster_data(
            scene.shape,
            (tiles, jp2),
            {"Data_Files": files},
            len(scene.bands),
            {"Special_Value": special(NODATA, SATURATED)},
        ),
        "Radiometric_Data": {
            "Dynamic_Range": {"ACQUISITION_RANGE": 12, "PRODUCT_RANGE": 16},
            "Radiometric_Calibration": _calibration(scene, gains),
        },
        "Geometric_Data": {
            "Refined_Model": {"Time": times(strip, "microsecond", 1e-6), **_motion(strip)},
            "Use_Area": {"Located_Geometric_Values": [_located(scene, label) for label in PLACES[9]]},
        },
        **source(scene, "PNEO", sensor[4:]),
    }
    (product / f"DIM_{stem}.XML").write_bytes(document("Dimap_Document", content))
    return product


def _index(number: int, band: str) -> dict[str, Any]:
    return {"BAND_ID": "PAN" if band == "P" else band, "BAND_INDEX": number}


def _processing(spectral: str, sampling_m: float) -> dict[str, Any]:
    return {
        "Production_Facility": {"SOFTWARE": {"@version": "1.0", "#": "SIM"}},
        "Product_Settings": {
            "PROCESSING_LEVEL": "SENSOR",
            "SPECTRAL_PROCESSING": spectral,
            "Radiometric_Settings": {"RADIOMETRIC_PROCESSING": "BASIC"},
            "Sampling_Settings": {"RESAMPLING_SPACING": {"@unit": "m", "#": sampling_m}},
            "MTF_Settings": {"PAN_RESTORATION": True},
        },
    }


def _calibration(scene: SiteScene, gains: str) -> dict[str, Any]:
    if gains == "none":
        return {}
    date = f"{scene.acquired.astype('datetime64[D]') - np.timedelta64(30, 'D')}T00:00:00.000Z"
    names = {band: "PAN" if band == "P" else band for band in scene.bands}
    measured: Mapping[str, Any] = {
        "Band_Radiance": [
            {"BAND_ID": name, "CALIBRATION_DATE": date, "GAIN": GAIN[band], "BIAS": 0} for band, name in names.items()
        ],
        "Band_Solar_Irradiance": [{"BAND_ID": name, "VALUE": IRRADIANCE[band]} for band, name in names.items()],
    }
    return dict(measured) if gains == "direct" else {"Instrument_Calibration": {"Band_Measurement_List": measured}}


def _motion(strip: Strip) -> dict[str, Any]:
    """Ephemeris and attitudes from before the first line to after the last."""
    # whole microseconds, as they are written
    after = np.round(np.linspace(-0.55, 0.55, 9) * max(strip.duration_s, 0.01), 6)
    dates = [f"{strip.scene.acquired + np.timedelta64(round(item * 1e6), 'us')}Z" for item in after]
    points = zip(strip.position_m(after), strip.velocity_m_s(after), dates, strict=True)
    turns = zip(strip.quaternion(after), dates, strict=True)
    return {
        "Ephemeris": {
            "Point_List": {
                "Point": [
                    {
                        "LOCATION_XYZ": {"@unit": "m", "#": vector(place)},
                        "VELOCITY_XYZ": {"@unit": "m/s", "#": vector(speed)},
                        "TIME": date,
                    }
                    for place, speed, date in points
                ]
            }
        },
        "Attitudes": {
            "Quaternion_List": {
                "Quaternion": [
                    {
                        "Q_STATUS": "NOMINAL",
                        **{f"Q{index}": float(value) for index, value in enumerate(turn)},
                        "TIME": date,
                    }
                    for turn, date in turns
                ]
            }
        },
        "Instrument_Configuration": {"FOCAL_LENGTH": {"@unit": "m", "#": 25.2}},
    }


def vector(values: np.ndarray) -> str:
    """Numbers as text that reads back to them."""
    return " ".join(repr(float(value)) for value in values)


def _located(scene: SiteScene, label: str) -> dict[str, Any]:
    sun, sun_azimuth, view, azimuth = directions(scene, label)
    # decoys where older products have what counts
    return {
        "LOCATION_TYPE": label,
        "TIME": f"{scene.acquired}Z",
        "Acquisition_Angles": {
            "IMAGE_ORIENTATION": 184.0,
            "AZIMUTH_ANGLE": azimuth,
            "INCIDENCE_ANGLE_ALONG_TRACK": -5.0,
            "INCIDENCE_ANGLE_ACROSS_TRACK": 9.0,
            "INCIDENCE_ANGLE": view,
        },
        "Solar_Incidences": {"SUN_AZIMUTH": sun_azimuth, "SUN_ELEVATION": 90 - sun},
    }
