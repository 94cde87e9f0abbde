"""Headers of synthetic Sentinel-2 products: the product's own and the datastrip's, with the figures that readers must give back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from lxml import etree
from lxml.builder import E
from numpy.typing import NDArray

from calib.products.sentinel2_tile import BANDS, RESOLUTIONS_M
from calib.simulate.products.scene import SiteScene

QUANTIFICATION = 10_000
#: solar irradiance of each band in W m-2 um-1, round numbers; centre of its response in nm
IRRADIANCE = dict(
    zip(BANDS, (1885.5, 1960, 1823, 1512, 1425, 1288, 1162, 1042, 955, 813, 367, 246, 85.25), strict=True)
)
CENTRES_NM = dict(zip(BANDS, (443, 493, 560, 665, 704, 740, 783, 833, 865, 945, 1374, 1614, 2202), strict=True))
EARTH_SUN_U = 0.9678
#: satellite on its orbit: position in m, velocity in m/s, Earth-fixed, and the quaternion with the scalar last
POSITION_M, VELOCITY_M_S, QUATERNION = (7.0e6, 1.2e6, -3.5e5), (-400.0, 0.0, -7500.0), (0.1, -0.7, 0.5, 0.5)


def namespaced(tag: str, schema: str, *parts: etree._Element) -> etree._Element:
    """A root in the namespace of its schema."""
    space = f"https://psd-14.sentinel2.eo.esa.int/PSD/{schema}"
    root = etree.Element(f"{{{space}}}{tag}", nsmap={"n1": space})
    root.extend(parts)
    return root


def product_header(
    scene: SiteScene,
    name: str,
    identifier: str,
    stems: Mapping[str, str],
    offsets: Mapping[str, int],
    version: tuple[str, str, bool],
) -> etree._Element:
    """The product's header; `version` is the baseline, the unit, and whether images are named as before format 14."""
    baseline, craft, old_names = version
    when = f"{np.datetime_as_string(scene.acquired, unit='ms')}Z"
    images = [
        E.IMAGE_ID(stem.rpartition("/")[2]) if old_names else E.IMAGE_FILE(stem)
        for stem in (*stems.values(), *(stems[band][:-3] + "TCI" for band in list(stems)[:1]))
    ]
    listed = {str(BANDS.index(band)): band for band in scene.bands}
    traits = [
        _special("NODATA", 0),
        _special("SATURATED", 65535),
        E.QUANTIFICATION_VALUE(str(QUANTIFICATION), unit="none"),
        E.Reflectance_Conversion(
            E.U(repr(EARTH_SUN_U)),
            E.Solar_Irradiance_List(
                *(
                    E.SOLAR_IRRADIANCE(repr(IRRADIANCE[band]), bandId=number, unit="W/m²/µm")
                    for number, band in listed.items()
                )
            ),
        ),
        E.Spectral_Information_List(*(_response(number, band) for number, band in listed.items())),
        *(E.PHYSICAL_GAINS("4.1", bandId=number) for number in listed),
    ]
    if offsets:
        additions = [
            E.RADIO_ADD_OFFSET(str(offsets[band]), band_id=number) for number, band in listed.items() if band in offsets
        ]
        traits.insert(3, E.Radiometric_Offset_List(*additions))
    return namespaced(
        "Level-1C_User_Product",
        "User_Product_Level-1C.xsd",
        E.General_Info(
            E.Product_Info(
                E.PRODUCT_START_TIME(when),
                E.PRODUCT_URI(f"{name}.SAFE"),
                E.PROCESSING_LEVEL("Level-1C"),
                E.PROCESSING_BASELINE(baseline),
                E.Datatake(E.SPACECRAFT_NAME(f"Sentinel-2{craft}"), E.SENSING_ORBIT_NUMBER("51")),
                E.Product_Organisation(
                    E.Granule_List(E("Granules" if old_names else "Granule", *images, granuleIdentifier=identifier))
                ),
            ),
            E.Product_Image_Characteristics(*traits),
        ),
        E.Auxiliary_Data_Info(
            E.GIPP_List(
                E.GIPP_FILENAME(f"S2{craft}_OPER_GIP_R2EQOG_SIMU_V20190101_B02", type="GIP_R2EQOG", version="0001")
            )
        ),
        E.Quality_Indicators_Info(E.Cloud_Coverage_Assessment("3.5")),
    )


def _special(text: str, index: int) -> etree._Element:
    return E.Special_Values(E.SPECIAL_VALUE_TEXT(text), E.SPECIAL_VALUE_INDEX(str(index)))


def response_values(band: str) -> tuple[int, list[float]]:
    """The first wavelength (nm) and the response of a band in steps of 1 nm: a triangle of 21 samples."""
    return CENTRES_NM[band] - 10, [round(1 - abs(step) / 11, 6) for step in range(-10, 11)]


def _response(number: str, band: str) -> etree._Element:
    least, values = response_values(band)
    return E.Spectral_Information(
        E.RESOLUTION(str(RESOLUTIONS_M[band])),
        E.Wavelength(E.MIN(str(least), unit="nm"), E.MAX(str(least + 20), unit="nm")),
        E.Spectral_Response(E.STEP("1", unit="nm"), E.VALUES(" ".join(repr(value) for value in values))),
        bandId=number,
        physicalBand=band,
    )


def datastrip_header(times: NDArray[np.datetime64]) -> etree._Element:
    """The datastrip's header with orbit and attitude at the times, 10 s apart."""
    dates = [np.datetime_as_string(date, unit="ms") for date in times]
    points = [
        E.GPS_Point(
            E.POSITION_VALUES(
                " ".join(str(round(1000 * (p + v * 10 * step))) for p, v in zip(POSITION_M, VELOCITY_M_S, strict=True)),
                unit="mm",
            ),
            E.VELOCITY_VALUES(" ".join(str(round(1000 * value)) for value in VELOCITY_M_S), unit="mm/s"),
            E.GPS_TIME(date),
        )
        for step, date in enumerate(dates)
    ]
    attitudes = [
        E.Values(E.QUATERNION_VALUES(" ".join(map(repr, QUATERNION))), E.QUATERNION_VALIDITY("true"), E.GPS_TIME(date))
        for date in dates
    ]
    quality = E.Radiometric_Quality(E.ABSOLUTE_CALIBRATION_ACCURACY("5"), bandId="1")
    return namespaced(
        "Level-1C_DataStrip_ID",
        "S2_PDI_Level-1C_Datastrip_Metadata.xsd",
        E.Satellite_Ancillary_Data_Info(
            E.Ephemeris(E.GPS_Points_List(*points)), E.Attitudes(E.Corrected_Attitudes(*attitudes))
        ),
        E.Quality_Indicators_Info(E.Radiometric_Info(E.Radiometric_Quality_List(quality))),
    )
