"""Reading a Pléiades or Pléiades Neo product in DIMAP version 2: one header, its images as TIFF or JPEG 2000, whole or in tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from calib.acquisition import Acquisition, BandImage, Calibration
from calib.products import dimap_geometry as geometry
from calib.products import dimap_header as header
from calib.products import dimap_images as image
from calib.products.files import inside
from calib.products.xml import Node
from calib.raster import Raster


@dataclass(frozen=True)
class Family:
    """What tells the products of one mission from those of another: MISSION, MISSION_INDEX -> sensor; the bands in the sensor's order."""

    mission: str
    sensors: Mapping[tuple[str, str], str]
    bands: tuple[str, ...]
    reader: str


def recognises(path: Path, mission: str) -> bool:
    """Whether a header of that mission lies at `path`, in the folder or one level below; never raises."""
    return any(header.mission(item) == mission for item in header.headers(path, header.HEADERS))


def read_product(path: Path, family: Family, images: bool) -> Acquisition:
    """The product of a mission whose header is at `path`. No pixel is read; without `images` its image files need not exist."""
    found = [item for item in header.headers(path, header.HEADERS) if header.mission(item) == family.mission]
    root = header.opened(path, found, header.HEADERS)
    folder = root.file.parent
    header.refuse_processed(root)
    sensor, strip = header.identity(root, family.sensors)
    warnings: list[str] = []
    acquired = geometry.center_date(root)
    acquired = header.imaging_date(strip) if acquired is None else acquired
    rasters, used = image.rasters(root, folder, family.bands, images)
    masks = image.vector_masks(root, folder, warnings if images else [])
    calibrations = header.calibrations(root, list(rasters), acquired, warnings)
    orbit, attitude = geometry.refined_orbit(root, warnings)
    facts = header.facts(root, strip)
    model = root.maybe("Geoposition/Geoposition_Models/Rational_Function_Model/Component/COMPONENT_PATH")
    if model is not None:
        rational = inside(folder, model.attribute("href"))
        facts["rational function model"] = rational.name
        used.append(rational)
    used += [mask.path for mask in masks.values()]
    named = [root.file, *(file for file in used if header.present(file))]
    return Acquisition(
        name=root.text("Dataset_Identification/DATASET_NAME"),
        sensor=sensor,
        kind="site",
        path=path if path.is_file() else folder,
        bands=_bands(root, rasters, calibrations, warnings),
        files={str(file.relative_to(folder)): None for file in named},
        versions=header.versions(root, list(rasters)),
        reader=family.reader,
        acquired=acquired,
        angles=geometry.angles(root, list(rasters), warnings),
        orbit=orbit,
        attitude=attitude,
        masks=masks,
        facts=facts,
        warnings=tuple(warnings),
    )


def _bands(
    root: Node, rasters: Mapping[str, Raster], calibrations: Mapping[str, Calibration], warnings: list[str]
) -> dict[str, BandImage]:
    lines = next(iter(rasters.values())).lines
    first, period_s = geometry.line_dates(root, lines, warnings)
    special = image.special_values(root)
    absent = [name for name in ("NODATA", "SATURATED") if name not in special]
    if absent:
        warnings.append(
            f"Special_Value: the product gives no count for {', '.join(absent)}; such samples cannot be told"
        )
    spacing = root.maybe("Processing_Information/Product_Settings/Sampling_Settings/RESAMPLING_SPACING")
    sampling_m = spacing.number(least=0.01, most=100) if spacing and spacing.attribute("unit", "m") == "m" else None
    return {
        band: BandImage(
            raster=raster,
            first_line=first,
            line_period_s=period_s,
            calibration=calibrations[band],
            nodata=special.get("NODATA"),
            saturated=special.get("SATURATED"),
            sampling_m=sampling_m,
        )
        for band, raster in rasters.items()
    }
