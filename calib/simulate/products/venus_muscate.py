"""A site scene as Venµs product of the MUSCATE distribution: header, angles of the points, one TIFF per band, masks; all of our own making."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from lxml import etree
from lxml.builder import E
from numpy.typing import NDArray

from calib.simulate.products.scene import SiteScene

Files = list[tuple[str, dict[str, str], str]]
#: bits of the geophysical mask of L2A, from 1
_GEOPHYSICAL = {"Water": 1, "Cloud": 2, "Snow": 3, "Cloud_Shadow": 4, "Topography_Shadow": 5, "Sun_Too_Low": 7}
_CORNERS = ("upperLeft", "upperRight", "lowerRight", "lowerLeft")
ENCODINGS = {"int16": "int16", "uint16": "uint16", "uint8": "byte"}


def write(
    folder: Path,
    scene: SiteScene,
    *,
    level: Literal["L1C", "L2A"] = "L1C",
    quantification: int = 1000,
    nodata: int = -10000,
    points: bool = True,
    unpacked: bool = False,
) -> Path:
    """The product's folder, made below `folder`. Samples without data are `nodata`; reflectances are counts / `quantification`.

    L1C has packed masks (also `unpacked` beside, if asked) and, with `points`, a file of angles per point; L2A has plain masks, and flat reflectances
    equal to the others.
    """
    stamp = np.datetime_as_string(scene.acquired, unit="ms").replace("-", "").replace(":", "").replace("T", "-")
    name = f"VENUS-XS_{stamp.replace('.', '-')}_{level}_{scene.name}_C_V1-0"
    product = folder / name
    for part in (product, product / "MASKS", product / "DATA"):
        part.mkdir(parents=True, exist_ok=True)
    images = {}
    for nature, code in (
        {"TOA_Reflectance": "REF"} if level == "L1C" else {"Surface_Reflectance": "SRE", "Flat_Reflectance": "FRE"}
    ).items():
        images[nature] = _images(product, scene, f"{name}_{code}", (quantification, nodata))
    masks = _masks(product, scene, name, level, unpacked)
    data = [("Angles", {"group_id": "ALL"}, f"DATA/{name}_UII_ALL.xml")] if points and level == "L1C" else []
    data.append(("Job_Processing_Informations_File", {"group_id": "ALL"}, f"DATA/{name}_JPI_ALL.xml"))
    if points and level == "L1C":
        _save(product / data[0][2], _points(scene))
    _save(product / data[-1][2], _job())
    header = E.Muscate_Metadata_Document(
        E.Metadata_Identification(E.METADATA_FORMAT("METADATA_MUSCATE", version="1.14")),
        _identification(scene, name),
        _characteristics(scene, name, level),
        E.Product_Organisation(
            E.Muscate_Product(
                E.Image_List(*(_group("Image", nature, files) for nature, files in images.items())),
                E.Mask_List(*(_group("Mask", nature, files) for nature, files in masks.items())),
                E.Data_List(*(_group("Data", nature, [("", attributes, path)]) for nature, attributes, path in data)),
            )
        ),
        _position(scene),
        E.Geometric_Informations(E.Mean_Value_List(*_mean(scene))),
        _radiometry(scene, quantification, nodata),
        E.Quality_Informations(E.Product_Quality(E.Global_Index_List(E.QUALITY_INDEX("3", name="CloudPercent")))),
    )
    _save(product / f"{name}_MTD_ALL.xml", header)
    return product


def _images(product: Path, scene: SiteScene, stem: str, coding: tuple[int, int]) -> Files:
    quantification, nodata = coding
    counts = scene.counts(quantification)
    files: Files = []
    # alphabetical, as genuine headers are
    for band in sorted(scene.bands):
        values = counts.sel(band=band).values.astype("int16" if nodata < 0 else "uint16")
        values[scene.empty] = nodata
        _save_image(product / f"{stem}_{band}.tif", values, scene)
        files.append((values.dtype.name, {"band_id": band}, f"{stem}_{band}.tif"))
    return files


def _masks(product: Path, scene: SiteScene, name: str, level: str, unpacked: bool) -> dict[str, Files]:
    """The masks' files by nature: what is saturated, in every band; no cloud anywhere."""
    saturated = np.zeros(scene.shape, dtype="uint16")
    saturated[scene.saturated] = 1
    nothing = np.zeros(scene.shape, dtype="uint8")
    if level == "L2A":
        _save_image(product / "MASKS" / f"{name}_SAT_XS.tif", saturated * np.uint16(2**12 - 1), scene)
        _save_image(product / "MASKS" / f"{name}_MG2_XS.tif", nothing, scene)
        bits = {nature: {"group_id": "XS", "bit_number": str(bit)} for nature, bit in _GEOPHYSICAL.items()}
        found = {nature: [("uint8", bit, f"MASKS/{name}_MG2_XS.tif")] for nature, bit in bits.items()}
        found["Saturation"] = [
            ("uint16", {"band_id": band, "bit_number": band[1:]}, f"MASKS/{name}_SAT_XS.tif") for band in scene.bands
        ]
        return found
    masks: dict[str, Files] = {"Saturation": [], "Aberrant_Pixels": [], "Cloud": []}
    for nature, code in (("Saturation", "SAT"), ("Aberrant_Pixels", "PIX")):
        for band in scene.bands:
            stem = f"MASKS/{name}_{code}_{band}"
            _pack(product / stem, saturated.astype("uint8") if code == "SAT" else nothing, scene, unpacked)
            masks[nature].append(("uint8", {"band_id": band}, f"{stem}.zip"))
    _pack(product / f"MASKS/{name}_CLD_XS", nothing, scene, unpacked)
    masks["Cloud"].append(("uint8", {"group_id": "XS"}, f"MASKS/{name}_CLD_XS.zip"))
    return masks


def _pack(stem: Path, mask: NDArray[np.uint8], scene: SiteScene, unpacked: bool) -> None:
    image = stem.parent / f"{stem.name}.tif"
    _save_image(image, mask, scene)
    content = image.read_bytes()
    with zipfile.ZipFile(stem.parent / f"{stem.name}.zip", "w") as archive:
        # a date of its own: the same scene gives the same bytes
        archive.writestr(zipfile.ZipInfo(image.name, (1980, 1, 1, 0, 0, 0)), content)
    if not unpacked:
        image.unlink()


def _save_image(path: Path, values: NDArray[np.generic], scene: SiteScene) -> None:
    left, top = scene.upper_left_m
    step = scene.sampling_m
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype.name,
        crs=f"EPSG:{scene.epsg}",
        transform=rasterio.Affine(step, 0.0, left, 0.0, -step, top),
        compress="deflate",
    ) as image:
        image.write(values, 1)


def _save(path: Path, root: etree._Element) -> None:
    stream = BytesIO()
    etree.ElementTree(root).write(stream, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    path.write_bytes(stream.getvalue())


def _group(kind: str, nature: str, files: Files) -> etree._Element:
    """A group of images, masks or data files of one nature."""
    properties = [E.NATURE(nature), E.FORMAT("application/xml" if kind == "Data" else "image/tiff")]
    if kind != "Data":
        properties.append(E.ENCODING(ENCODINGS[files[0][0]]))
    listed = [E(f"{kind.upper()}_FILE", path, **attributes) for _, attributes, path in files]
    return E(kind, E(f"{kind}_Properties", *properties), E(f"{kind}_File_List", *listed))


def _identification(scene: SiteScene, name: str) -> etree._Element:
    return E.Dataset_Identification(
        E.IDENTIFIER(name),
        E.PRODUCER("ETALON SIMULATOR"),
        E.PROJECT("VENUS"),
        E.GEOGRAPHICAL_ZONE(scene.name, type="Site"),
        E.ORIGINAL_DATA_DIFFUSER("SIMULATED_01.00"),
    )


def _characteristics(scene: SiteScene, name: str, level: str) -> etree._Element:
    return E.Product_Characteristics(
        E.PRODUCT_ID(name),
        E.ACQUISITION_DATE(f"{np.datetime_as_string(scene.acquired, unit='ms')}Z"),
        E.PRODUCT_VERSION("1.0"),
        E.PRODUCT_LEVEL(level),
        E.PLATFORM("VENUS"),
        E.SPECTRAL_CONTENT("XS"),
        E.ORBIT_NUMBER("8021", type="Orbit"),
        E.Band_Global_List(*(E.BAND_ID(band) for band in scene.bands), count=str(len(scene.bands))),
    )


def _position(scene: SiteScene) -> etree._Element:
    left, top = scene.upper_left_m
    return E.Geoposition_Informations(
        E.Coordinate_Reference_System(
            E.Horizontal_Coordinate_System(E.HORIZONTAL_CS_TYPE("PROJECTED"), E.HORIZONTAL_CS_CODE(str(scene.epsg)))
        ),
        E.Geopositioning(
            E.Group_Geopositioning_List(
                E.Group_Geopositioning(
                    E.ULX(repr(left)),
                    E.ULY(repr(top)),
                    E.XDIM(repr(scene.sampling_m)),
                    E.YDIM(repr(-scene.sampling_m)),
                    E.NROWS(str(scene.shape[0])),
                    E.NCOLS(str(scene.shape[1])),
                    group_id="XS",
                )
            )
        ),
    )


def _direction(zenith: float, azimuth: float) -> list[etree._Element]:
    return [E.ZENITH_ANGLE(repr(zenith), unit="deg"), E.AZIMUTH_ANGLE(repr(azimuth), unit="deg")]


def _mean(scene: SiteScene) -> list[etree._Element]:
    units = scene.view.items()
    return [
        E.Sun_Angles(*_direction(*scene.sun)),
        E.Mean_Viewing_Incidence_Angle_List(
            *(E.Mean_Viewing_Incidence_Angle(*_direction(*angles), detector_id=f"{unit:02d}") for unit, angles in units)
        ),
    ]


def corner_angles(angles: tuple[float, float], corner: int) -> tuple[float, float]:
    """The angles at a corner of the scene (0: upper left, clockwise), near those of the centre."""
    return angles[0] + 0.25 * (corner - 1.5), angles[1] - 0.5 * (corner - 1.5)


def _points(scene: SiteScene) -> etree._Element:
    """Angles of the centre and of the corners."""

    def at_points(kind: str, angles: tuple[float, float]) -> list[etree._Element]:
        corners = [E(kind, *_direction(*corner_angles(angles, i)), name=corner) for i, corner in enumerate(_CORNERS)]
        return [*corners, E(kind, *_direction(*angles), name="center")]

    views = [
        E.Viewing_Incidence_Angles_List(*at_points("Viewing_Incidence_Angles", angles), detector_id=f"{unit:02d}")
        for unit, angles in scene.view.items()
    ]
    return E.Useful_Image_Informations(E.Sun_Angles_List(*at_points("Sun_Angles", scene.sun)), *views)


def _job() -> etree._Element:
    return E.JobProcessingInformations(
        E.Processing_Flags_And_Modes_List(E.Processing_Flags_And_Modes(E.Key("Straylight_T1"), E.Value("true"))),
        E.List_of_GIPP_Files(
            E.GIPP_File(
                E.Nature("GIP_PHGAIN"),
                E.Logical_Name("VE_TEST_GIP_PHGAIN_L_ALLSITES_00007_20170801_99999999"),
            )
        ),
    )


def _radiometry(scene: SiteScene, quantification: int, nodata: int) -> etree._Element:
    informations = [
        E.Spectral_Band_Informations(
            E.Calibration_Coefficients_Lists(E.Native_Coefficients_List(E.COEFFICIENT("1.5", name="Ak"))), band_id=band
        )
        for band in sorted(scene.bands)
    ]
    return E.Radiometric_Informations(
        E.REFLECTANCE_QUANTIFICATION_VALUE(str(quantification)),
        E.Special_Values_List(E.SPECIAL_VALUE(str(nodata), name="nodata")),
        E.Spectral_Band_Informations_List(*informations),
    )
