"""A site scene as Pléiades system file: gains, parameter versions, ephemeris, attitudes and lines of sight of a strip; of our own making."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from calib.simulate.products.dimap_images import write_tiles
from calib.simulate.products.elements import document
from calib.simulate.products.pleiades_dimap import (
    BIAS,
    GAIN,
    IRRADIANCE,
    LAYERS,
    NODATA,
    SATURATED,
    counts,
)
from calib.simulate.products.pleiades_neo import vector
from calib.simulate.products.pleiades_orbit import ALTITUDE_M, EARTH_ROTATION_RAD_S, Strip
from calib.simulate.products.scene import SiteScene

HEADING_DEG, TAI_UTC_S = 190.0, 37
_PARAMETERS = ("PHYSICAL_GAIN_DATA", "NOISE_MODEL", "PA_STRAYLIGHT", "XS_STRAYLIGHT", "XS_DARK_CURRENTS", "EARTH_MODEL")


def strip(scene: SiteScene) -> Strip:
    """The strip that `write` describes."""
    return Strip(scene, 0.0735e-3, 0.7, HEADING_DEG)


def write(
    folder: Path,
    scene: SiteScene,
    *,
    tiles: tuple[int, int] = (1, 1),
    doris_only: bool = False,
    listed_attitudes: bool = True,
) -> Path:
    """The product's folder, made below `folder`. With `doris_only` the ephemeris has no point list; without `listed_attitudes` only polynomials."""
    product = folder / "PHR1B_SYSTEM_001"
    layers = [band for band in LAYERS if band in scene.bands]
    named = write_tiles(product, "IMG", counts(scene, (GAIN, BIAS, IRRADIANCE), SATURATED), layers, (tiles, False))
    files = [{"DATA_FILE_PATH": item["DATA_FILE_PATH"]["@href"]} for item in named["Data_File"]]
    seen = strip(scene)
    shown = [_name(band) for band in (layers * 3 if layers == ["P"] else layers)]
    channels = ("RED_CHANNEL", "GREEN_CHANNEL", "BLUE_CHANNEL", "ALPHA_CHANNEL")
    special = [
        {"SPECIAL_VALUE_TEXT": text, "SPECIAL_VALUE_INDEX": value}
        for text, value in (("NODATA", NODATA), ("SATURATED", SATURATED))
    ]
    content = {
        "Metadata_Identification": {"METADATA_PROFILE": {"@version": "1.4", "#": "PHR_SYSTEM_RECTIFIED_PRODUCT"}},
        "Dataset_Identification": {"DATASET_NAME": f"DS_PHR1B_{scene.name}"},
        "Product_Frame": {"Dataset_Frame": {"Vertex": _corners(seen)}},
        "Product_Characteristics": {
            "PROCESSING_LEVEL": "SENSOR",
            "Product_Image_Characteristics": {
                "SPECTRAL_PROCESSING": "PA" if layers == ["P"] else "XS",
                "Data_Access": {"Data_File": files},
                "Image_Display_Order": dict(zip(channels, shown, strict=False)),
                "Special_Values": special,
            },
        },
        "Production": {"JOB_ID": "SIM", "Production_Facility": {"SOFTWARE_NAME": "SIM", "SOFTWARE_VERSION": "V_00_01"}},
        "Raster_Dimensions": {"NROWS": scene.shape[0], "NCOLS": scene.shape[1], "NBANDS": len(layers), "NBITS": 16},
        "Processing": {
            f"{name}_GIPP_List": {
                "GIPP_Identification": [
                    {"TYPE": kind, "PARAMETER_ID": f"PHR1B_{kind}_{serial:04}_20160901160000_O"} for kind in _PARAMETERS
                ]
            }
            for name, serial in (("Inventory", 9), ("Production", 10))
        },
        "Image_Interpretation": {"Spectral_Band_Info": [_gain(band) for band in scene.bands]},
        "Data_Strip": _data_strip(seen, doris_only, listed_attitudes),
        "Radiometric_Data": {"Processing_Options": {"STRAYLIGHT_CORRECTION": False, "RADIOMETRIC_STRETCH": False}},
        "Geometric_Data": {"Sensor_Model_Characteristics": _model(seen)},
    }
    (product / "PHRDIMAP_SIM.XML").write_bytes(document("PHR_Dimap_Document", content))
    return product


def _name(band: str) -> str:
    return "PA" if band == "P" else band


def _gain(band: str) -> dict[str, Any]:
    date = "2018-09-01T16:00:00.000Z"
    return {
        "BAND_ID": _name(band), "PHYSICAL_CALIBRATION_DATE": date, "PHYSICAL_GAIN": GAIN[band], "PHYSICAL_BIAS": BIAS[band],
    }  # fmt: skip


def _corners(seen: Strip) -> list[dict[str, Any]]:
    lines, columns = seen.scene.shape
    corners = []
    for line, column in ((0, 0), (0, columns - 1), (lines - 1, columns - 1), (lines - 1, 0)):
        longitude, latitude = seen.ground(line, column)
        corners.append({"LON": longitude, "LAT": latitude, "COL": column + 1, "ROW": line + 1})
    return corners


def _data_strip(seen: Strip, doris_only: bool, listed_attitudes: bool) -> dict[str, Any]:
    middle, after = seen.scene.acquired, np.arange(-60.0, 61.0, 30.0)
    listed = _attitude_times(seen)
    turns = [
        {"UTC_TIME": _date(middle, item), "Q_VALUES": vector(turn)}
        for item, turn in zip(listed, seen.quaternion(listed), strict=True)
    ]
    return {
        "Data_Strip_Identification": {"PLATFORM_NAME": "PHR", "PLATFORM_SERIAL_NUMBER": "1B"},
        "Sensor_Configuration": {
            "Acquisition_Configuration": {"TDI_CONFIG": "13 13 13 13 13"},
            "Time_Stamp": {"TAI_UTC": {"@unit": "s", "#": TAI_UTC_S}},
        },
        "Ephemeris": {
            "Doris_Point_List": {"Doris_Point": [_doris(seen, item) for item in (-10.0, 0.0, 10.0)]},
            **({} if doris_only else {"Point_List": {"Point": [_point(seen, item) for item in after]}}),
            "ACQUISITION_ORBIT_NUMBER": 305,
        },
        "Satellite_Attitudes": {
            "Corrected_Attitudes": {"WGS84_Attitudes_List": {"WGS84_Attitudes": turns if listed_attitudes else []}}
        },
        "Geometric_Header_List": {
            "Located_Geometric_Header": [_header(seen, share) for share in (0.02, 0.5, 0.98)],
        },
    }


def _date(middle: np.datetime64, after_s: float) -> str:
    return f"{middle + np.timedelta64(round(after_s * 1e9), 'ns')}Z"


def _point(seen: Strip, after_s: float) -> dict[str, Any]:
    """A point of the ephemeris, with the inertial velocity along Earth-fixed axes as genuine files have it."""
    at = np.array([after_s])
    place = seen.position_m(at)[0]
    speed = seen.velocity_m_s(at)[0] + np.cross([0, 0, EARTH_ROTATION_RAD_S], place)
    return {
        "LOCATION_VALUES": {"@unit": "m", "#": vector(place)},
        "VELOCITY_VALUES": {"@unit": "m/s", "#": vector(speed)},
        "UTC_TIME": _date(seen.scene.acquired, after_s),
    }


def _doris(seen: Strip, after_s: float) -> dict[str, Any]:
    at = np.array([after_s])
    return {
        "LOCATION_VALUES": {"@unit": "cm", "#": vector(seen.position_m(at)[0] * 100)},
        "VELOCITY_VALUES": {"@unit": "mm/s", "#": vector(seen.velocity_m_s(at)[0] * 1000)},
        "TAI_TIME": _date(seen.scene.acquired, after_s + TAI_UTC_S).removesuffix("Z"),
    }


def _attitude_times(seen: Strip) -> np.ndarray:
    """Seconds after the middle of the image, eight times a second and once beyond its ends."""
    steps = int(np.ceil(seen.duration_s / 2 / 0.125)) + 1
    return np.arange(-steps, steps + 1) * 0.125


def _header(seen: Strip, share: float) -> dict[str, Any]:
    """Angles of the scene; of the middle one only the view is exact."""
    (sun, sun_azimuth), (view, azimuth) = seen.scene.sun, seen.scene.view[1]
    turn, slope = np.radians(HEADING_DEG - azimuth), np.tan(np.radians(view))
    return {
        "UTC_TIME": _date(seen.scene.acquired, (share - 0.5) * seen.duration_s),
        "ORIENTATION": HEADING_DEG,
        "Incidences": {
            "GLOBAL_INCIDENCE": view,
            "ALONG_TRACK_INCIDENCE": float(np.degrees(np.arctan(slope * np.cos(turn)))),
            "ORTHO_TRACK_INCIDENCE": float(np.degrees(np.arctan(slope * np.sin(turn)))),
        },
        "Solar_Incidences": {"SUN_AZIMUTH": sun_azimuth, "SUN_ELEVATION": 90 - sun},
        "SATELLITE_ALTITUDE": ALTITUDE_M,
    }


def _model(seen: Strip) -> dict[str, Any]:
    scene = seen.scene
    end = seen.first_line + np.timedelta64(round(scene.shape[0] * seen.period_s * 1e9), "ns")
    listed = _attitude_times(seen)
    day = (scene.acquired - scene.acquired.astype("datetime64[D]")) / np.timedelta64(1, "ns") * 1e-9
    fits = np.polynomial.polynomial.polyfit(listed / listed[-1], seen.quaternion(listed), min(3, len(listed) - 1))
    return {
        "UTC_Sensor_Model_Range": {"START": f"{seen.first_line}Z", "END": f"{end}Z"},
        "Sensor_Attitudes": {
            "Polynomial_Models": {
                f"Q{index}": {"DEGREE": len(fits) - 1, "COEFFICIENTS": vector(fits[:, index])} for index in range(4)
            },
            "OFFSET": float(day),
            "SCALE": float(listed[-1]),
        },
        "SENSOR_LINE_PERIOD": seen.period_s * 1e3,
        "Sensor_Viewing_Model": {
            "Position_In_Retina": {"FIRST_COL": 1, "LAST_COL": scene.shape[1] + 1},
            "Viewing_Directions": {
                "PsiX_Model": {"DEGREE": 1, "COEFFICIENTS": vector(seen.psi_x_rad())},
                "PsiY_Model": {"DEGREE": 0, "COEFFICIENTS": repr(seen.psi_y_rad)},
            },
        },
    }
