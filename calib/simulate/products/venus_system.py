"""A complete synthetic Venµs system product in sensor geometry, made of the images of a plain acquisition: so does the Moon come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from calib.acquisition import Acquisition, BandImage
from calib.products.venus_lines import EPOCH
from calib.products.venus_system import AXES, BINNING
from calib.simulate.products.elements import counted, write_image
from calib.simulate.products.venus_header import code, image_information, item, product_information, write_file
from calib.simulate.products.venus_vsc import useful_angles

_LEVELS = {"L0": "L0", "0E": "L0-EXTENDED", "1A": "L1A"}
#: the camera's settings that the technical file gives, in the order of the camera: one number per band
TDI = ("16", "16", "08", "08", "16", "16", "08", "08", "32", "16", "16", "32")
LEFT_GAIN, RIGHT_GAIN = tuple(range(101, 113)), tuple(range(201, 213))
LEFT_OFFSET, RIGHT_OFFSET = tuple(range(1, 13)), tuple(range(21, 33))
_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Variant:
    """What may differ from product to product: file class, level (L0, 0E, 1A), site, gains by band, columns before and after the detectors (0E), and
    which of masks, line date files, line models, image headers and technical file are there; `model_error_s` moves the line models."""

    file_class: str = "TEST"
    level: str = "1A"
    site: str = "M_THE_MOON"
    gains: Mapping[str, float] | None = None
    scan: tuple[int, int] | None = None
    masks: bool = True
    date_files: bool = True
    models: bool = True
    image_headers: bool = True
    technical: bool = True
    model_error_s: float = 0.0


def write_system(
    folder: Path, acquisition: Acquisition, counts: Iterable[tuple[str, np.ndarray]], variant: Variant | None = None
) -> Path:
    """Write the `counts` (band, uint16 image) of a simulated acquisition as a system product into `folder` and return the path of its header.

    Line dates are rounded to the microsecond that the files hold. Extensions of the header carry the binning and the axes of the image.
    """
    product = _Product(folder, acquisition, variant or Variant())
    for band, image in counts:
        product.add_image(band, image)
    return product.finish()


class _Product:
    """The product while it is being written: one image at a time."""

    def __init__(self, folder: Path, acquisition: Acquisition, variant: Variant) -> None:
        date = np.datetime_as_string(acquisition.start, "D").replace("-", "")
        self.instance = f"{variant.level}VALD_{variant.site[2:]}_{date}"
        self.name = f"VE_{variant.file_class}_VSC_{self.instance}"
        self.folder, self.acquisition, self.variant = folder, acquisition, variant
        self.data = folder / f"{self.name}.DBL.DIR"
        self.bands: dict[str, tuple[int, int]] = {}
        self.span = acquisition.start, acquisition.stop
        self.saturated: np.ndarray = np.zeros((0, 0), dtype="uint16")

    def file(self, kind: str, suffix: str = "") -> str:
        return f"VE_{self.variant.file_class}_{kind}_{self.instance}{suffix}"

    def add_image(self, band: str, image: np.ndarray) -> None:
        lines, columns = image.shape
        self.bands[band] = lines, columns
        name = self.file("VSC_PDTIMG", f"_{code(band)}")
        write_image(self.data / f"{name}.DBL.TIF", [image])
        self._write_image_header(name, {"Band_Code": code(band)}, [code(band)], (lines, columns))
        self._mark(band, image)
        if self.variant.date_files:
            self._write_dates(band, lines)

    def finish(self) -> Path:
        files = [(code(band), item(self.data.name, self.file("VSC_PDTIMG", f"_{code(band)}"))) for band in self.bands]
        organization: dict[str, Any] = {
            "List_of_Image_Files": counted("Image_File", files, key="sk"),
            "List_of_Quicklook_Files": {"@count": 0},
        }
        if self.variant.masks:
            masks = {sub: self._write_mask(sub) for sub in ("SAT", "PIX")}
            listed = [(sub, item(self.data.name, name)) for sub, name in masks.items()]
            organization["List_of_Mask_Files"] = counted("Mask_File", listed, key="sk")
        if self.variant.technical:
            private = f"{self.data.name}/PRIVATE"
            organization["Private_Data_File"] = item(private, self._write_technical(), suffix="EEF")
        columns = max(columns for _, columns in self.bands.values())
        image = image_information(
            [*map(code, self.bands)], ("NIL=VARIABLE_BY_BAND", columns), "UNSIGNED_SHORT", 10, "TIFF"
        )
        if self.variant.scan is not None:
            image["Pre_Post_Scan_Pixels"] = self._scan(columns)
        specific = {
            "Instance_Id": {"Nick_Name": self.instance[7:15], "Acquisition_Date": self.instance[-8:]},
            "Product_Information": self._information(columns),
            "Image_Information": image,
            "Product_Organization": organization,
        }
        return write_file(
            self.folder / f"{self.name}.HDR",
            "SystemProduct VSC_PDTSYS_Header_Type 1.6",
            self.span,
            specific,
            extensions=self._extensions(),
        )

    def _extensions(self) -> dict[str, str]:
        found = {BINNING: str(self.acquisition.binning)}
        vectors = self.acquisition.column_axis, self.acquisition.line_axis
        for keyword, axis in zip(AXES, vectors, strict=True):
            if axis is not None:
                found[keyword] = " ".join(repr(float(value)) for value in axis)
        return found

    def _scan(self, columns: int) -> dict[str, int]:
        before, after = self.variant.scan or (0, 0)
        names = ("Number_of_Pre_Scan_Pixels", "Number_of_Useful_Pixels", "Number_of_Post_Scan_Pixels")
        return dict(zip(names, (before, columns - before - after, after), strict=True))

    def _information(self, columns: int) -> dict[str, Any]:
        # no ground is seen on the Moon, but the schema demands directions
        directions = {"Useful_Image": useful_angles(35.0, 140.0)}
        own = {
            "Product_Level": _LEVELS[self.variant.level],
            "Solar_Angles": directions,
            "List_of_Viewing_Angles": counted(
                "Viewing_Angles", [{"Useful_Image": useful_angles(12.0 + unit, 101.0)} for unit in range(4)]
            ),
            "Reference_SiteDefinition_Id": f"VE_{self.variant.file_class}_MPL_SITDEF_{self.variant.site}",
        }
        return product_information(
            own,
            acquired=self.span[0],
            gains=self.variant.gains or {},
            serial=self.acquisition.versions.get("PHGAIN", "00001"),
            size=(max(lines for lines, _ in self.bands.values()), columns),
            sampling_m=5.0,
        )

    def _write_image_header(
        self, name: str, instance: Mapping[str, str], layers: list[str], size: tuple[int, int]
    ) -> None:
        if not self.variant.image_headers:
            return
        image = image_information(layers, size, "UNSIGNED_SHORT", 10, "TIFF")
        if self.variant.scan is not None:
            image["Pre_Post_Scan_Pixels"] = self._scan(size[1])
        specific = {
            "Instance_Id": {
                "Reference_Product_Semantic": self.instance[:6],
                "Reference_Product_Instance": self.instance[7:],
                **instance,
            },
            "Reference_Product_Header_Id": self.name,
            "Image_Information": image,
        }
        write_file(self.data / f"{name}.HDR", "ImageProduct PDTIMG_Header_Type 0.42", self.span, specific)

    def _mark(self, band: str, image: np.ndarray) -> None:
        """Gather the samples at the highest ten-bit count for the mask SAT, which is as large as the largest band."""
        size = tuple(max(pair) for pair in zip(self.saturated.shape, image.shape, strict=True))
        larger = np.zeros(size, dtype="uint16")
        larger[: self.saturated.shape[0], : self.saturated.shape[1]] = self.saturated
        larger[: image.shape[0], : image.shape[1]] |= (image >= 1023).astype("uint16") << (int(band[1:]) - 1)
        self.saturated = larger

    def _write_mask(self, sub: str) -> str:
        name = self.file("VSC_PDTIMG", f"_{sub}")
        mask = self.saturated if sub == "SAT" else np.zeros_like(self.saturated)
        write_image(self.data / f"{name}.DBL.TIF", [mask])
        self._write_image_header(name, {"Sub_Code": sub}, [sub], mask.shape)
        return name

    def _band(self, band: str) -> tuple[BandImage, int]:
        return self.acquisition.band(band), self.bands[band][0]

    def _write_dates(self, band: str, lines: int) -> None:
        image = self.acquisition.band(band)
        tags = [{"@unit": "10-6s", "#": f"MJD={(_elapsed(image, line) + 500) // 1000}"} for line in range(lines)]
        specific = {
            "Instance_Id": {
                "Reference_Product_Semantic": self.instance[:6],
                "Reference_Product_Instance": self.instance[7:],
                "Band_Code": code(band),
            },
            "Reference_Product_Header_Id": self.name,
        }
        block = {"List_of_Time_Tags": counted("Time_Tag", tags, key="sk", first=0)}
        path = self.data / "PRIVATE" / f"{self.file('TEC_LINDAT', f'_{code(band)}')}.EEF"
        write_file(path, "DatationLine LINDAT_File_Type 0.42", self.span, specific, data_block=block)

    def _write_technical(self) -> str:
        name = f"VE_{self.variant.file_class}_TEC_{self.instance}"
        degrees = {"@unit": "deg", "#": 0.0}
        metres = {"@unit": "m", "#": 5.0}
        information = {
            "Earth_Rotation_Parameters": {
                "X_Pole": {"@unit": "arcsec", "#": 0.1},
                "Y_Pole": {"@unit": "arcsec", "#": 0.3},
                "Delta_TU1-TUC": {"@unit": "s", "#": -0.05},
            },
            "List_of_Datation_Line_Models": self._models(),
            "Cape": degrees,
            "Attitude": {
                name: {"@unit": "deg", "#": value} for name, value in (("Roll", 1.5), ("Pitch", -2.5), ("Yaw", 90.0))
            },
            "Nadir": {"Long": degrees, "Lat": degrees},
            "Geom_Slide_Angle": degrees,
            "Along_Track_Resolution": metres,
            "Along_Detector_Resolution": metres,
            "Acquisition_Tech_Params_Set": {
                "TDI_Configuration_Values": " ".join(TDI),
                "Left_Gain_Values": " ".join(map(str, LEFT_GAIN)),
                "Left_Offset_Values": " ".join(map(str, LEFT_OFFSET)),
                "Right_Gain_Values": " ".join(map(str, RIGHT_GAIN)),
                "Right_Offset_Values": " ".join(map(str, RIGHT_OFFSET)),
            },
            "List_of_Line_Intervals": counted(
                "Line_Interval",
                [(code(band), {"First": 100, "Last": 99 + lines}) for band, (lines, _) in self.bands.items()],
                key="sk",
            ),
            "Used_InventoriedRaw_Product_Id": f"VE_{self.variant.file_class}_VSC_PDTINV_07993_VEN_KRN_07993_00001_1",
        }
        auxiliary = {"List_of_Auxiliary_Data_Files": {"@count": 0}}
        model = item(f"{self.data.name}/PRIVATE", self.file("TEC_GEOMDL"))
        specific = {
            "Instance_Id": {"Nick_Name": self.instance[7:15], "Acquisition_Date": self.instance[-8:]},
            "Reference_Product_Header_Id": self.name,
            "Private_Product_Information": information,
            "Private_Product_Organization": {**auxiliary, "Geom_Refinement_File": model},
        }
        path = self.data / "PRIVATE" / f"{name}.EEF"
        write_file(path, "SystemProductTechnicalData TEC_PDTSYS_File_Type 0.42", self.span, specific)
        return name

    def _models(self) -> dict[str, Any]:
        """Datation_Line_Model of each band, its reference in the middle of the image so that the line counts."""
        models = []
        for band in self.bands if self.variant.models else ():
            image, lines = self._band(band)
            middle = lines // 2
            since = _elapsed(image, middle) + round(self.variant.model_error_s * 1e9)
            # to the twelve decimals of the schema: 0.1 microseconds
            days = f"{Decimal(since) / _DAY_NS:.12f}"
            models.append(
                (
                    code(band),
                    {
                        "Line_Ref": float(middle),
                        "Time_Ref": {"@unit": "day", "#": f"MJD={days}"},
                        "Te": {"@unit": "s", "#": image.line_period_s},
                    },
                )
            )
        return counted("Datation_Line_Model", models, key="sk")


def _elapsed(image: BandImage, line: int) -> int:
    """Nanoseconds from the mission's epoch to a line: whole, for a float of them is good to a hundred nanoseconds only."""
    return int((image.line_time(line) - EPOCH).astype("timedelta64[ns]").astype(np.int64))
