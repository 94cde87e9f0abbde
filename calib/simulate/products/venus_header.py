"""What all synthetic Venµs VSC headers hold, in the order and the words of the interface schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calib.simulate.products.elements import counted, document

NAMESPACE = "http://eop-cfi.esa.int/CFI"
CORNERS = ("Upper_Left_Corner", "Upper_Right_Corner", "Lower_Left_Corner", "Lower_Right_Corner")
FLAGS = (
    "Equalization",
    "Bad_Pixels_Correction",
    "Restoration",
    "Remanence",
    "Straylight_T1",
    "Straylight_T2",
    "Polarization",
    "Geometrical_Refinement_With_Ref_Image",
    "Interband_Geometrical_Refinement",
)
WAVELENGTHS_NM = (424, 447, 492, 555, 620, 620, 666, 702, 741, 782, 861, 909)


def code(band: str) -> str:
    """ "B1" as the header writes it: B01."""
    return f"B{int(band[1:]):02d}"


def utc_text(date: np.datetime64) -> str:
    """A date as the header writes it, to the second."""
    return f"UTC={np.datetime_as_string(date.astype('datetime64[s]'))}"


def angle_pair(zenith: float, azimuth: float) -> dict[str, Any]:
    """The elements of a direction, to the microdegree that the headers hold."""
    return {name: {"@unit": "deg", "#": round(value, 6)} for name, value in (("Azimuth", azimuth), ("Zenith", zenith))}


def write_file(
    path: Path, what: str, span: tuple[np.datetime64, np.datetime64], specific: Mapping[str, Any], **options: Any
) -> Path:
    """Write a header file (.HDR), or a file of header and data block (.EEF), whose Specific_Product_Header is `specific`.

    `what` is "<File_Description> <schema's root type> <schema version>"; options: `extensions` (keyword to text), `data_block`.
    """
    name, (description, kind, version) = path.name.split(".")[0], what.split()
    extensions: Mapping[str, str] = options.get("extensions", {})
    header = {
        "Fixed_Header": {
            "File_Name": name,
            "File_Description": description,
            "Notes": None,
            "Mission": "VENuS",
            "File_Class": name[3:7],
            "File_Type": name[8:18],
            "Validity_Period": {"Validity_Start": utc_text(span[0]), "Validity_Stop": utc_text(span[1])},
            "File_Version": "0001",
            "Source": {
                "System": "VIP",
                "Creator": "ETALON_SIMULATOR",
                "Creator_Version": "1",
                "Creation_Date": utc_text(span[1]),
            },
        },
        "Variable_Header": {
            "Main_Product_Header": {
                "List_of_Consumers": {"@count": 0},
                "List_of_Extensions": counted(
                    "Extension", [{"Keyword": key, "Value": value} for key, value in extensions.items()]
                ),
            },
            "Specific_Product_Header": specific,
        },
    }
    typed = {"@xsi:type": kind, "@schema_version": version}
    single = path.suffix == ".EEF"
    content = (
        {**typed, "Earth_Explorer_Header": header, "Data_Block": options.get("data_block")}
        if single
        else {**typed, **header}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    tag = "Earth_Explorer_File" if single else "Earth_Explorer_Header"
    path.write_bytes(document(tag, content, namespace=NAMESPACE, pretty=options.get("pretty", True)))
    return path


def item(folder: str, name: str, *, suffix: str = "HDR") -> dict[str, Any]:
    """The reference to a file of the product."""
    return {"Nature": name[8:18], "File_Location": f"./{folder}/{name}.{suffix}", "Logical_Name": name}


def image_information(
    bands: Sequence[str], size: tuple[int | str, int], data_type: str, bits: int, tiff: str = "GEOTIFF"
) -> dict[str, Any]:
    """Image_Information of an image whose layers are `bands`."""
    return {
        "Format": tiff,
        "Binary_Encoding": "LITTLE_ENDIAN",
        "Data_Type": data_type,
        "Number_of_Significant_Bits": bits,
        "Nodata_Value": 0,
        "Size": {"Lines": size[0], "Columns": size[1], "Bands": len(bands)},
        "Image_Compacting_Tool": "NO",
        "List_of_Bands": counted("Band", bands),
    }


def parameter_files(serial: str, bands: Sequence[str]) -> list[dict[str, Any]]:
    """GIPP files: the gains (with `serial`), one of the spectral sensitivities, and one dark table per band."""
    names = [f"VE_TEST_GIP_PHGAIN_L_ALLSITES_{serial}_20170801_99991231"]
    names.append("VE_TEST_GIP_SPECSE_L_ALLSITES_00002_20170801_99991231")
    names += [f"VE_TEST_GIP_DARKCU_L_ALLSITES_00008_20171021_99991231_{code(band)}_111101" for band in bands]
    return [{"Nature": name[8:18], "File_Location": "NIL=OTHER:EXTERNAL", "Logical_Name": name} for name in names]


def product_information(
    own: Mapping[str, Any],
    *,
    acquired: np.datetime64,
    gains: Mapping[str, float],
    serial: str,
    size: tuple[int, int],
    sampling_m: float,
) -> dict[str, Any]:
    """Product_Information of a level 1 or a system product; `own` replaces elements by their names (Product_Level, Solar_Angles ...)."""
    places = {
        "Upper_Left_Corner": (0, 0),
        "Upper_Right_Corner": (0, 1),
        "Lower_Left_Corner": (1, 0),
        "Lower_Right_Corner": (1, 1),
        "Center": (0.5, 0.5),
    }
    coverage = {
        name: {
            "Long": {"@unit": "deg", "#": round(4.8 + 0.1 * right, 6)},
            "Lat": {"@unit": "deg", "#": round(43.6 - 0.1 * down, 6)},
            "Line": round(down * size[0]),
            "Column": round(right * size[1]),
        }
        for name, (down, right) in places.items()
    }
    metres = {"@unit": "m", "#": sampling_m}
    information = {
        "Product_Level": None,
        "Acquisition_Date_Time": utc_text(acquired),
        "Acquisition_Orbit_Number": {"@unit": "abs", "#": 7993},
        "Processing_Information": {
            "Date_Time": utc_text(acquired + np.timedelta64(8, "h")),
            "List_of_GIPP_Files": counted("GIPP_File", parameter_files(serial, list(gains))),
        },
        "Web_Site_URL": "none",
        "List_of_Quality_Indexes": counted(
            "Quality_Index",
            [{"Code": "RATE_PIXELS_OK_L1A", "Value": "0.999", "Band_Code": code(band)} for band in gains],
        ),
        "Useful_Image_Geo_Coverage": {
            "Reference_System": {"Code": "EPSG:4326", "Short_Description": "WGS84"},
            **coverage,
        },
        "List_of_Band_Central_Wavelength": counted(
            "Band_Central_Wavelength",
            [(f"B{n:02d}", {"@unit": "nanometer", "#": value}) for n, value in enumerate(WAVELENGTHS_NM, start=1)],
            key="sk",
        ),
        "Solar_Angles": None,
        "List_of_Viewing_Angles": None,
        "Product_Sampling": {"By_Line": metres, "By_Column": metres},
        "Viewing_Angles_In_Satellite_Frame": {
            "@unit": "deg",
            "X_Direction": 1.0,
            "Y_Direction": 11.0,
            "XY_Direction": 11.04,
        },
        "Reference_SiteDefinition_Id": None,
        "Cloud_Percentage": 0.0,
        "Used_DEM": {"DEM_Reference": "NONE"},
        "Reflectance_Quantification_Value": "NONE",
        "List_of_Aks": counted("Ak", [(code(band), {"#": round(value, 5)}) for band, value in gains.items()], key="sk"),
        "List_of_Polarization_Coefficients": counted(
            "Polarization_Coefficient", [(code(band), {"#": "-0.001"}) for band in gains], key="sk"
        ),
        "Processing_Flags_And_Modes": dict.fromkeys(FLAGS, True) | {"Restoration": False, "Remanence": False},
        "Used_Reference_Image": "NONE",
    }
    # keys keep their places: the order of the schema
    return information | dict(own)
