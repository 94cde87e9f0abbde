"""A site scene as Sentinel-2 level 1C product of one tile: the SAFE folder with its headers, JPEG 2000 images, masks, datastrip and manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import rasterio
from lxml import etree
from lxml.builder import E
from numpy.typing import NDArray

from calib.products.sentinel2_tile import BANDS, RESOLUTIONS_M
from calib.simulate.products.scene import SiteScene
from calib.simulate.products.sentinel2_headers import QUANTIFICATION, datastrip_header, namespaced, product_header

NODES = 23
_QUALITY_LAYERS = 8


def detector_view(band: int, detector: int) -> tuple[float, float]:
    """Zenith and azimuth in degrees under which a detector (1, 2) sees the whole tile in a band."""
    return 3.0 + 0.1 * band + 0.2 * detector, (350.0 if detector == 1 else 10.0)


def write(
    folder: Path,
    scene: SiteScene,
    *,
    baseline: str = "05.11",
    offsets: Mapping[str, int] | None = None,
    craft: str = "A",
    datastrip: bool = True,
    seen_rows: tuple[int, int] = (0, NODES),
    old_names: bool = False,
) -> Path:
    """The SAFE folder, made below `folder`. The scene's samples are those of 60 m; the bands of 20 and 10 m repeat them.

    `offsets` by band are listed as given, by default -1000 for all bands from baseline 04.00 on; then masks are images, before they are outlines.
    Detectors see the grid rows `seen_rows`: detector 1 the left half, detector 2 the right half, both the column between. `old_names` writes the
    layout before format 14.
    """
    modern = tuple(int(part) for part in baseline.split(".")) >= (4, 0)
    if offsets is None:
        offsets = dict.fromkeys(scene.bands, -1000) if modern else {}
    stamp = np.datetime_as_string(scene.acquired, unit="s").replace("-", "").replace(":", "")
    name = f"S2{craft}_MSIL1C_{stamp}_N{baseline.replace('.', '')}_R051_T31TFJ_{stamp}"
    product = folder / f"{name}.SAFE"
    identifier = f"S2{craft}_OPER_MSI_L1C_TL_SIMU_{stamp}_A000001_T31TFJ_N{baseline}"
    granule = f"GRANULE/{identifier if old_names else f'L1C_T31TFJ_A000001_{stamp}'}"
    strip = f"DATASTRIP/DS_SIMU_{stamp}"
    for part in (f"{granule}/IMG_DATA", f"{granule}/QI_DATA", strip):
        (product / part).mkdir(parents=True, exist_ok=True)
    stems = {band: f"{granule}/IMG_DATA/T31TFJ_{stamp}_B{band[1:].rjust(2, '0')}" for band in scene.bands}
    for band, stem in stems.items():
        _save_image(product / f"{stem}.jp2", [_counts(scene, band, offsets.get(band, 0))], scene)
    masks = _masks(product, scene, granule, modern)
    times = scene.acquired + np.arange(-20, 21, 10).astype("timedelta64[s]")
    headers = {
        f"{granule}/" + (f"{identifier.replace('_MSI_', '_MTD_')}.xml" if old_names else "MTD_TL.xml"): _tile(
            scene, identifier, masks, seen_rows
        ),
        f"S2{craft}_OPER_MTD_SAFL1C_SIMU_{stamp}.xml" if old_names else "MTD_MSIL1C.xml": product_header(
            scene, name, identifier, stems, offsets, (baseline, craft, old_names)
        ),
    }
    if datastrip:
        headers[f"{strip}/" + (f"S2{craft}_OPER_MTD_L1C_DS_X.xml" if old_names else "MTD_DS.xml")] = datastrip_header(
            times
        )
    for path, root in headers.items():
        _save(product / path, root)
    _save(product / "manifest.safe", _manifest(product))
    return product


def _counts(scene: SiteScene, band: str, offset: int) -> NDArray[np.uint16]:
    """Counts of a band at its own resolution: 0 without data, 65535 where saturated."""
    empty = np.zeros(scene.shape, dtype=bool)
    empty[scene.empty] = True
    counts = (scene.reflectance.sel(band=band).values * QUANTIFICATION).round().astype(int) - offset
    counts[empty] = 0
    counts[scene.saturated] = 65535
    return _repeated(counts.astype("uint16"), band)


def _repeated(values: NDArray[np.generic], band: str) -> NDArray:  # type: ignore[type-arg]
    factor = 60 // RESOLUTIONS_M[band]
    return np.repeat(np.repeat(values, factor, axis=0), factor, axis=1)


def _save_image(path: Path, layers: Sequence[NDArray], scene: SiteScene) -> None:  # type: ignore[type-arg]
    first = layers[0]
    step_m = 60.0 * scene.shape[0] / first.shape[0]
    with rasterio.open(
        path,
        "w",
        driver="JP2OpenJPEG",
        height=first.shape[0],
        width=first.shape[1],
        count=len(layers),
        dtype=first.dtype.name,
        crs=f"EPSG:{scene.epsg}",
        transform=rasterio.Affine(step_m, 0.0, scene.upper_left_m[0], 0.0, -step_m, scene.upper_left_m[1]),
        QUALITY="100",
        REVERSIBLE="YES",
    ) as image:
        image.write(np.stack(layers))


def _save(path: Path, root: etree._Element) -> None:
    stream = BytesIO()
    etree.ElementTree(root).write(stream, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    path.write_bytes(stream.getvalue())


def _masks(product: Path, scene: SiteScene, granule: str, modern: bool) -> list[etree._Element]:
    """The masks' elements: of the product before baseline 04.00 outlines without any shape in them, else images that mark what is saturated."""
    saturated, nothing = np.zeros((2, *scene.shape), dtype="uint8")
    saturated[scene.saturated] = 1
    listed = []
    for number, band in enumerate(BANDS):
        if band not in scene.bands:
            continue
        stem = f"{granule}/QI_DATA/MSK_{{}}_B{band[1:].rjust(2, '0')}"
        if not modern:
            path = f"{stem.format('SATURA')}.gml"
            _save(product / path, E.Mask(E.name("no shape")))
            listed.append(E.MASK_FILENAME(path, bandId=str(number), type="MSK_SATURA"))
            continue
        path = f"{stem.format('QUALIT')}.jp2"
        quality = [nothing] * (_QUALITY_LAYERS - 1) + [saturated]
        _save_image(product / path, [_repeated(layer, band) for layer in quality], scene)
        listed.append(E.MASK_FILENAME(path, bandId=str(number), type="MSK_QUALIT"))
    if modern:
        path = f"{granule}/QI_DATA/MSK_CLASSI_B00.jp2"
        _save_image(product / path, [nothing] * 3, scene)
        listed.append(E.MASK_FILENAME(path, type="MSK_CLASSI"))
    return listed


def _tile(scene: SiteScene, identifier: str, masks: list[etree._Element], seen_rows: tuple[int, int]) -> etree._Element:
    lines, columns = scene.shape
    left, top = scene.upper_left_m
    ids = [BANDS.index(band) for band in scene.bands]
    sun = np.full((2, NODES, NODES), 0.0) + np.array(scene.sun)[:, None, None]
    # the Sun turns along the rows
    sun[1] += np.linspace(-0.5, 0.5, NODES)[:, None]
    steps_m = 60.0 * lines / (NODES - 1), 60.0 * columns / (NODES - 1)
    views = [
        _grids(
            "Viewing_Incidence_Angles_Grids",
            _seen(band, detector, seen_rows),
            steps_m,
            bandId=str(band),
            detectorId=str(detector),
        )
        for band in ids
        for detector in (1, 2)
    ]
    means = [
        E.Mean_Viewing_Incidence_Angle(*_direction(detector_view(band, 1)[0] + 0.1, 0.0), bandId=str(band))
        for band in ids
    ]
    return namespaced(
        "Level-1C_Tile_ID",
        "S2_PDI_Level-1C_Tile_Metadata.xsd",
        E.General_Info(E.TILE_ID(identifier), E.SENSING_TIME(f"{np.datetime_as_string(scene.acquired, unit='us')}Z")),
        E.Geometric_Info(
            E.Tile_Geocoding(
                E.HORIZONTAL_CS_CODE(f"EPSG:{scene.epsg}"),
                *(
                    E.Size(
                        E.NROWS(str(lines * 60 // metres)), E.NCOLS(str(columns * 60 // metres)), resolution=str(metres)
                    )
                    for metres in (10, 20, 60)
                ),
                E.Geoposition(E.ULX(repr(left)), E.ULY(repr(top)), E.XDIM("10"), E.YDIM("-10"), resolution="10"),
            ),
            E.Tile_Angles(
                _grids("Sun_Angles_Grid", sun, steps_m),
                E.Mean_Sun_Angle(*_direction(*scene.sun)),
                *views,
                E.Mean_Viewing_Incidence_Angle_List(*means),
            ),
        ),
        E.Quality_Indicators_Info(E.Pixel_Level_QI(*masks)),
    )


def _seen(band: int, detector: int, seen_rows: tuple[int, int]) -> NDArray[np.float64]:
    """Angles of a detector over (2, row, column), not-a-number where it does not see: detector 1 left of the middle and there, 2 from there on."""
    grid = np.full((2, NODES, NODES), np.nan)
    columns = slice(0, NODES // 2 + 1) if detector == 1 else slice(NODES // 2, NODES)
    grid[:, slice(*seen_rows), columns] = np.array(detector_view(band, detector))[:, None, None]
    return grid


def _grids(tag: str, grid: NDArray[np.float64], steps_m: tuple[float, float], **attributes: str) -> etree._Element:
    parts = []
    for name, values in zip(("Zenith", "Azimuth"), grid, strict=True):
        rows = [E.VALUES(" ".join("NaN" if np.isnan(value) else repr(float(value)) for value in row)) for row in values]
        steps = E.COL_STEP(repr(steps_m[1]), unit="m"), E.ROW_STEP(repr(steps_m[0]), unit="m")
        parts.append(E(name, *steps, E.Values_List(*rows)))
    return E(tag, *parts, **attributes)


def _direction(zenith: float, azimuth: float) -> list[etree._Element]:
    return [E.ZENITH_ANGLE(repr(zenith), unit="deg"), E.AZIMUTH_ANGLE(repr(azimuth), unit="deg")]


def _manifest(product: Path) -> etree._Element:
    """Every file with its size and digest."""
    objects = []
    for path in sorted(item for item in product.rglob("*") if item.is_file()):
        content = path.read_bytes()
        digest = hashlib.sha3_256(content).hexdigest()
        objects.append(
            E.dataObject(
                E.byteStream(
                    E.fileLocation(href=f"./{path.relative_to(product).as_posix()}"),
                    E.checksum(digest, checksumName="SHA3-256"),
                    size=str(len(content)),
                )
            )
        )
    return E.XFDU(E.dataObjectSection(*objects))
