"""A site scene as Pléiades product in DIMAP version 2: header, tiled images, masks, rational function model; all of our own making."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from calib.simulate.products.dimap_images import raster_data, special, write_tiles
from calib.simulate.products.elements import document
from calib.simulate.products.pleiades_orbit import Strip
from calib.simulate.products.scene import SiteScene

#: DN / (W m-2 sr-1 um-1), W m-2 sr-1 um-1, W m-2 um-1 at one astronomical unit
GAIN = {"P": 11.9, "B0": 10.21, "B1": 10.09, "B2": 11.13, "B3": 17.05}
BIAS = {"P": 0.0, "B0": 0.25, "B1": 0.0, "B2": -0.125, "B3": 0.0}
IRRADIANCE = {"P": 1548.0, "B0": 1915.0, "B1": 1830.0, "B2": 1544.0, "B3": 1033.0}
#: micrometres
_RANGES = {"P": (0.47, 0.83), "B0": (0.43, 0.55), "B1": (0.5, 0.62), "B2": (0.59, 0.71), "B3": (0.74, 0.94)}
NODATA, SATURATED = 0, 4095
#: as genuine files store them: red first
LAYERS = ("P", "B2", "B1", "B0", "B3")
_HEADING_DEG = 190.0
_CHANNELS = ("RED_CHANNEL", "GREEN_CHANNEL", "BLUE_CHANNEL", "ALPHA_CHANNEL")
_MASKS = ("CLD", "SLT", "DET", "QTE", "ROI", "SNW", "VIS")
PLACES = {
    3: ("Top Center", "Center", "Bottom Center"),
    9: (
        "TopLeft", "TopCenter", "TopRight", "BottomLeft", "BottomCenter", "BottomRight", "CenterLeft", "Center", "CenterRight",
    ),
}  # fmt: skip


def write(
    folder: Path,
    scene: SiteScene,
    *,
    sensor: Literal["phr1a", "phr1b"] = "phr1b",
    geometry: Literal["SENSOR", "GROUND"] = "SENSOR",
    tiles: tuple[int, int] = (1, 1),
    jp2: bool = False,
    blocks: Literal[3, 9] = 3,
    gain_date: str = "2018-09-01T16:00:00.000Z",
) -> Path:
    """The product's folder, made below `folder`: of band P, or of B0 to B3. An image in `SENSOR` geometry has dates for its lines.

    `tiles` are rows and columns of tiles, `blocks` the number of located angles, without IMAGE_ORIENTATION.
    """
    spectral = "P" if scene.bands == ["P"] else "MS"
    stem = f"{sensor.upper()}_{spectral}_{stamp(scene)}_{geometry[:3]}_SIM"
    product = folder / f"IMG_{sensor.upper()}_{spectral}_001"
    layers = [band for band in LAYERS if band in scene.bands]
    image = write_tiles(
        product, f"IMG_{stem}", counts(scene, (GAIN, BIAS, IRRADIANCE), SATURATED), layers, (tiles, jp2)
    )
    strip = Strip(scene, 0.0735e-3 * (1 if spectral == "P" else 4), 0.7 if spectral == "P" else 2.8)
    content = {
        **identification("PHR", f"DS_{stem}", f"PHR_{'SENSOR' if geometry == 'SENSOR' else 'PROJECTED'}", "2.15"),
        "Geoposition": _geoposition(geometry, scene, stem),
        "Processing_Information": _processing(spectral, geometry, scene.sampling_m),
        "Raster_Data": raster_data(scene.shape, (tiles, jp2), {"Data_Files": image}, len(layers), _display(layers)),
        "Radiometric_Data": {
            "Dynamic_Range": {"ACQUISITION_RANGE": 12, "PRODUCT_RANGE": 12},
            "Dynamic_Adjustment": {"ADJUSTMENT_TYPE": "NONE"},
            "Radiometric_Calibration": {
                "Instrument_Calibration": {"Band_Measurement_List": _measurements(scene.bands, gain_date)}
            },
        },
        "Geometric_Data": {
            **({"Refined_Model": {"Time": times(strip, "ms", 1e-3)}} if geometry == "SENSOR" else {}),
            "Use_Area": {"Located_Geometric_Values": [_located(scene, label) for label in PLACES[blocks]]},
        },
        "Quality_Assessment": {"Imaging_Quality_Measurement": [_mask(product, code, stem) for code in _MASKS]},
        **source(scene, "PHR", sensor.upper()[3:]),
    }
    text = document("Dimap_Document", content, stylesheet="LIBRARY/STYLE.XSL", encoding="ISO-8859-1")
    (product / f"DIM_{stem}.XML").write_bytes(text)
    (product / f"RPC_{stem}.XML").write_bytes(document("Dimap_Document", {"Rational_Function_Model": None}))
    return product


def stamp(scene: SiteScene) -> str:
    """The date of a scene as names carry it."""
    return "".join(mark for mark in str(scene.acquired.astype("datetime64[ms]")) if mark.isdigit())


def counts(
    scene: SiteScene,
    radiometry: tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float]],
    saturated: int,
    distance_au: float = 1.0,
) -> dict[str, np.ndarray]:
    """Counts of each band for gain, bias and solar irradiance: counts = gain (radiance - bias), rounded; the saturated and empty parts marked."""
    gain, bias, irradiance = radiometry
    light = math.cos(math.radians(scene.sun[0])) / (math.pi * distance_au**2)
    out = {}
    for band in scene.bands:
        radiance = scene.reflectance.sel(band=band).values * irradiance[band] * light
        values = np.clip(np.round(gain[band] * (radiance - bias[band])), 1, saturated - 1).astype("uint16")
        values[scene.saturated], values[scene.empty] = saturated, NODATA
        out[band] = values
    return out


def directions(scene: SiteScene, label: str) -> tuple[float, float, float, float]:
    """Sun zenith and azimuth, view zenith and azimuth at a place of the image, degrees: the scene's own at the center."""
    down = 0.0 if label.startswith("Top") else 1.0 if label.startswith("Bottom") else 0.5
    across = 0.0 if label.endswith("Left") else 1.0 if label.endswith("Right") else 0.5
    (sun, sun_azimuth), (view, azimuth) = scene.sun, scene.view[1]
    return (
        sun - 0.2 * (down - 0.5),
        sun_azimuth + 0.1 * (across - 0.5),
        view + 0.8 * (across - 0.5),
        azimuth - 3 * (down - 0.5),
    )


def identification(product: str, name: str, profile: str, version: str) -> dict[str, Any]:
    """The first blocks of a header."""
    return {
        "Metadata_Identification": {
            "METADATA_FORMAT": {"@version": version, "#": "DIMAP"},
            "METADATA_PROFILE": profile,
        },
        "Dataset_Identification": {
            "DATASET_NAME": {"@version": "1.0", "#": name},
            "Legal_Constraints": {"COPYRIGHT": "© simulated, free of rights"},
        },
        "Product_Information": {"Delivery_Identification": {"JOB_ID": "SIM", "PRODUCT_CODE": product}},
    }


def times(strip: Strip, unit: str, second: float) -> dict[str, Any]:
    """First and last line, and the period in a unit of `second` seconds."""
    last = strip.first_line + np.timedelta64(round(strip.duration_s * 1e9), "ns")
    return {
        "Time_Range": {"START": f"{strip.first_line}Z", "END": f"{last}Z"},
        "Time_Stamp": {"LINE_PERIOD": {"@unit": unit, "#": strip.period_s / second}},
    }


def source(scene: SiteScene, mission: str, index: str) -> dict[str, Any]:
    """The strip that the product was made of."""
    day, time = str(scene.acquired.astype("datetime64[ms]")).split("T")
    strip = {
        "MISSION": mission,
        "MISSION_INDEX": index,
        "IMAGING_DATE": day,
        "IMAGING_TIME": f"{time}Z",
        "BAND_MODE": "PX",
    }
    return {"Dataset_Sources": {"Source_Identification": {"SOURCE_TYPE": "Strip_Source", "Strip_Source": strip}}}


def _display(layers: Sequence[str]) -> dict[str, Any]:
    shown = list(layers) * 3 if len(layers) == 1 else layers
    order = dict(zip(_CHANNELS, shown, strict=False))
    return {"Band_Display_Order": order, "Special_Value": special(NODATA, SATURATED)}


def _geoposition(geometry: str, scene: SiteScene, stem: str) -> dict[str, Any]:
    left, upper = scene.upper_left_m
    model = {"COMPONENT_TITLE": "RPC Model", "COMPONENT_PATH": {"@href": f"RPC_{stem}.XML"}}
    corner = {"ULXMAP": left, "ULYMAP": upper, "XDIM": scene.sampling_m, "YDIM": scene.sampling_m}
    return {
        "Raster_CRS": {"RASTER_GEOMETRY": geometry},
        **({"Geoposition_Insert": corner} if geometry == "GROUND" else {}),
        "Geoposition_Models": {"Rational_Function_Model": {"Component": model}},
    }


def _processing(spectral: str, geometry: str, sampling_m: float) -> dict[str, Any]:
    return {
        "Production_Facility": {"SOFTWARE": {"@version": "V_00_01", "#": "SIM"}, "PROCESSING_CENTER": "SIM"},
        "Product_Settings": {
            "PROCESSING_LEVEL": "SENSOR" if geometry == "SENSOR" else "PROJECTED",
            "SPECTRAL_PROCESSING": spectral,
            "Radiometric_Settings": {
                "RADIOMETRIC_PROCESSING": "BASIC",
                "INTER_DETECTOR_NORMALIZATION": True,
                "STRAYLIGHT_CORRECTION": False,
                "RADIOMETRIC_STRETCH": False,
            },
            "Sampling_Settings": {"RESAMPLING_SPACING": {"@unit": "m", "#": sampling_m}},
            "MTF_Settings": {"PAN_RESTORATION": False},
        },
    }


def _measurements(bands: Sequence[str], gain_date: str) -> dict[str, Any]:
    launch = "2012-12-02T00:00:00.000Z"
    return {
        "Band_Spectral_Range": [
            {"BAND_ID": band, "CALIBRATION_DATE": launch, "MIN": _RANGES[band][0], "MAX": _RANGES[band][1]}
            for band in bands
        ],
        "Band_Radiance": [
            {
                "BAND_ID": band,
                "CALIBRATION_DATE": gain_date,
                "MEASURE_UNIT": "watt/m2/steradians/micrometers",
                "GAIN": GAIN[band],
                "BIAS": BIAS[band],
            }
            for band in bands
        ],
        "Band_Solar_Irradiance": [
            {"BAND_ID": band, "CALIBRATION_DATE": launch, "VALUE": IRRADIANCE[band]} for band in bands
        ],
    }


def _located(scene: SiteScene, label: str) -> dict[str, Any]:
    sun, sun_azimuth, view, azimuth = directions(scene, label)
    turn, slope = math.radians(_HEADING_DEG - azimuth), math.tan(math.radians(view))
    along, across = (math.degrees(math.atan(slope * part)) for part in (math.cos(turn), math.sin(turn)))
    return {
        "LOCATION_TYPE": label,
        "TIME": f"{scene.acquired}Z",
        "Acquisition_Angles": {
            "AZIMUTH_ANGLE": _HEADING_DEG,
            "VIEWING_ANGLE_ACROSS_TRACK": {"@unit": "deg", "#": 0.9 * along},
            "VIEWING_ANGLE_ALONG_TRACK": {"@unit": "deg", "#": -0.9 * across},
            "INCIDENCE_ANGLE_ALONG_TRACK": along,
            "INCIDENCE_ANGLE_ACROSS_TRACK": across,
            "INCIDENCE_ANGLE": view,
        },
        "Solar_Incidences": {
            "SUN_AZIMUTH": {"@unit": "deg", "#": sun_azimuth},
            "SUN_ELEVATION": {"@unit": "deg", "#": 90 - sun},
        },
    }


def _mask(product: Path, code: str, stem: str) -> dict[str, Any]:
    name = f"MASKS/{code}_{stem}_MSK.GML"
    (product / "MASKS").mkdir(exist_ok=True)
    (product / name).write_bytes(document("Mask", {"maskMembers": None}, namespace="http://www.opengis.net/gml"))
    return {"MEASURE_NAME": code, "Quality_Mask": {"Component": {"COMPONENT_PATH": {"@href": name}}}}
