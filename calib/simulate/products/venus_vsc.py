"""A complete synthetic Venµs level 1 product of the VSC form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calib.simulate.products.elements import counted, write_image
from calib.simulate.products.scene import SiteScene
from calib.simulate.products.venus_header import (
    CORNERS,
    angle_pair,
    code,
    image_information,
    item,
    product_information,
    write_file,
)

BANDS = tuple(f"B{number}" for number in range(1, 13))
GAINS = dict(zip(BANDS, (0.2, 0.7, 1.1, 1.3, 1.7, 1.8, 1.75, 1.5, 2.3, 1.7, 2.2, 1.9), strict=True))
#: detector unit of each band
UNITS = dict(zip(BANDS, (1, 1, 4, 4, 1, 4, 3, 3, 3, 2, 2, 2), strict=True))
#: by how much zenith and azimuth depart from the centre's at the upper left, upper right, lower left and lower right corner, in degrees
CORNER_DEPARTURES = ((0.6, -4.0), (-0.3, 5.0), (0.4, -3.0), (-0.5, 6.0))
QUANTIFICATION = 1000
_GRID_STEP = 16
_L1 = "L1PublishedProduct VSC_PDT_L1_Header_Type 1.6"
_SIGNED = {np.dtype("int16"): "SIGNED_SHORT", np.dtype("uint16"): "UNSIGNED_SHORT"}


def write(
    folder: Path,
    scene: SiteScene,
    *,
    file_class: str = "VM01",
    missing_units: Sequence[int] = (),
    dtype: str = "uint16",
    single_file: bool = False,
    grids: bool = True,
    pretty: bool = True,
) -> Path:
    """Write the product of the scene (bands B1..B12) into `folder` and return the path of its header.

    Variants: the file class, detector units without angles (Nil), the type of the samples, one .EEF instead of the .HDR, the annexes VIE and SOL, and a
    header without line breaks. SAT marks `scene.saturated` in the odd bands; PIX marks sample (line n, column n) of the n-th band; CLD is empty.
    """
    name = (
        f"VE_{file_class}_VSC_L1VALD_{scene.name:_<8.8}_{np.datetime_as_string(scene.acquired, 'D').replace('-', '')}"
    )
    data = f"{name}.DBL.DIR"
    image = name.replace("VSC_L1VALD", "VSC_PDTIMG_L1VALD")
    write_image(folder / data / f"{image}.DBL.TIF", [layer.astype(dtype) for layer in _layers(scene)])
    organization: dict[str, Any] = {"Image_File": item(data, image)}
    annexes = {code: image.replace("PDTIMG", "PDTANX") + f"_{code}" for code in (("VIE", "SOL") if grids else ())}
    for annex, file in annexes.items():
        _write_annex(folder / data, scene, annex, file, name)
    organization["List_of_Annex_Files"] = counted(
        "Annex_File", [(annex, item(data, file)) for annex, file in annexes.items()], key="sk"
    )
    specific = {
        "Instance_Id": {"Nick_Name": name[-17:-9], "Acquisition_Date": name[-8:]},
        "Product_Information": _information(scene, file_class, missing_units),
        "Image_Information": image_information(
            [*map(code, BANDS), "SAT", "PIX", "CLD"], scene.shape, _SIGNED[np.dtype(dtype)], 10
        ),
        "Geo_Referencing_Information": _georeference(scene),
        "Product_Organization": organization,
    }
    path = folder / f"{name}.{'EEF' if single_file else 'HDR'}"
    return write_file(path, _L1, (scene.acquired, scene.acquired + np.timedelta64(9, "s")), specific, pretty=pretty)


def useful_angles(zenith: float, azimuth: float) -> dict[str, Any]:
    """The content of a Useful_Image whose centre is seen at (zenith, azimuth), in degrees, and its corners a little differently."""
    corners = {
        name: angle_pair(zenith + tilt, azimuth + turn)
        for name, (tilt, turn) in zip(CORNERS, CORNER_DEPARTURES, strict=True)
    }
    return {**corners, "Image_Center": angle_pair(zenith, azimuth)}


def _layers(scene: SiteScene) -> list[np.ndarray]:
    counts = scene.counts(QUANTIFICATION)
    saturated, wrong, cloud = (np.zeros(scene.shape, dtype="uint16") for _ in range(3))
    for index in range(len(BANDS)):
        wrong[index + 1, index + 1] |= 1 << index
        if index % 2 == 0:
            saturated[scene.saturated] |= 1 << index
    return [*(counts.sel(band=band).values for band in BANDS), saturated, wrong, cloud]


def _information(scene: SiteScene, file_class: str, missing_units: Sequence[int]) -> dict[str, Any]:
    views: list[Mapping[str, Any]] = [
        {"Nil": "NIL=MISSING"} if unit in missing_units else {"Useful_Image": useful_angles(*scene.view[unit])}
        for unit in (1, 2, 3, 4)
    ]
    own = {
        "Product_Level": "L1",
        "Solar_Angles": {"Useful_Image": useful_angles(*scene.sun)},
        "List_of_Viewing_Angles": counted("Viewing_Angles", views),
        "Reference_SiteDefinition_Id": f"VE_{file_class}_MPL_SITDEF_S_{scene.name:_<8.8}",
        "Reflectance_Quantification_Value": "0.001",
    }
    return product_information(
        own, acquired=scene.acquired, gains=GAINS, serial="00007", size=scene.shape, sampling_m=scene.sampling_m
    )


def _georeference(scene: SiteScene) -> dict[str, Any]:
    lines, columns = scene.shape
    system = {"Code": f"EPSG:{scene.epsg}", "Short_Description": "projected"}
    half = scene.sampling_m / 2
    # the header gives centres of pixels, and sizes from centre to centre
    left, top = scene.upper_left_m[0] + half, scene.upper_left_m[1] - half
    width, height = (columns - 1) * scene.sampling_m, (lines - 1) * scene.sampling_m
    places = ((left, top), (left + width, top), (left, top - height), (left + width, top - height))
    corners = {
        name: {axis: _metres(value) for axis, value in zip("XY", place, strict=True)}
        for name, place in zip(CORNERS, places, strict=True)
    }
    return {
        "Product_Coverage": {
            "Cartographic": {
                "Coordinate_Reference_System": system,
                "Upper_Left_Corner": corners["Upper_Left_Corner"],
                "Width": _metres(width),
                "Height": _metres(height),
                "Sampling_Interval": {name: _metres(scene.sampling_m) for name in ("By_Line", "By_Column")},
            }
        },
        "Useful_Image_Coverage": {"Cartographic": {"Reference_System": system, **corners}},
    }


def _metres(value: float) -> dict[str, Any]:
    return {"@unit": "m", "#": value}


def _write_annex(folder: Path, scene: SiteScene, annex: str, file: str, product: str) -> None:
    """An angle grid at 0 and 1000 m: displacement to the east, and to the south, per metre of altitude; constant over the image."""
    lines, columns = (-(-size // _GRID_STEP) for size in scene.shape)
    directions = {f"{code(band)}_": scene.view[UNITS[band]] for band in BANDS} if annex == "VIE" else {"": scene.sun}
    channels, layers = [], []
    for prefix, (zenith, azimuth) in directions.items():
        tangent = np.tan(np.radians(zenith))
        east, south = tangent * np.sin(np.radians(azimuth)), -tangent * np.cos(np.radians(azimuth))
        for altitude in (0.0, 1000.0):
            for axis, value in (("DX", east), ("DY", south)):
                channels.append(f"{prefix}{axis}_ALT={altitude}m")
                layers.append(np.full((lines, columns), value, dtype="float32"))
    write_image(folder / f"{file}.DBL.TIF", layers)
    information = image_information(channels, (lines, columns), "FLOAT", 32)
    # the schema lets an image have fifteen layers at most, and an angle grid has more
    information["Size"]["Bands"] = min(len(channels), 15)
    information["Subsampling_Factor"] = {"By_Line": float(_GRID_STEP), "By_Column": float(_GRID_STEP)}
    information["Values_Unit"] = "m/m"
    specific = {
        "Instance_Id": {
            "Reference_Product_Semantic": "L1VALD",
            "Reference_Product_Instance": product[-17:],
            "Annex_Code": annex,
        },
        "Reference_Product_Header_Id": product,
        "Annex_Complete_Name": "Viewing angles Grid" if annex == "VIE" else "Solar angles Grid",
        "Annex_Information": information,
    }
    write_file(
        folder / f"{file}.HDR", "AnnexProduct PDTANX_Header_Type 0.42", (scene.acquired, scene.acquired), specific
    )
