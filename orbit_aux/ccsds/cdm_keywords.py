"""Keywords of conjunction data messages (CCSDS 508.0-B-1), in the order of the standard, with their units where they are numbers."""

from __future__ import annotations

HEADER = ("CREATION_DATE", "ORIGINATOR", "MESSAGE_ID")
RELATIVE = {"MISS_DISTANCE": "m", "RELATIVE_SPEED": "m/s", "COLLISION_PROBABILITY": ""}
RELATIVE_STATE = {
    **{f"RELATIVE_POSITION_{axis}": "m" for axis in "RTN"},
    **{f"RELATIVE_VELOCITY_{axis}": "m/s" for axis in "RTN"},
}
IDENTITY = ("OBJECT_DESIGNATOR", "OBJECT_NAME", "INTERNATIONAL_DESIGNATOR")
METADATA = (
    "OBJECT_DESIGNATOR",
    "CATALOG_NAME",
    "OBJECT_NAME",
    "INTERNATIONAL_DESIGNATOR",
    "OBJECT_TYPE",
    "OPERATOR_CONTACT_POSITION",
    "OPERATOR_ORGANIZATION",
    "OPERATOR_PHONE",
    "OPERATOR_EMAIL",
    "EPHEMERIS_NAME",
    "COVARIANCE_METHOD",
    "MANEUVERABLE",
    "ORBIT_CENTER",
    "REF_FRAME",
    "GRAVITY_MODEL",
    "ATMOSPHERIC_MODEL",
    "N_BODY_PERTURBATIONS",
    "SOLAR_RAD_PRESSURE",
    "EARTH_TIDES",
    "INTRACK_THRUST",
)
DETERMINATION = (
    "TIME_LASTOB_START",
    "TIME_LASTOB_END",
    "RECOMMENDED_OD_SPAN",
    "ACTUAL_OD_SPAN",
    "OBS_AVAILABLE",
    "OBS_USED",
    "TRACKS_AVAILABLE",
    "TRACKS_USED",
    "RESIDUALS_ACCEPTED",
    "WEIGHTED_RMS",
)
ADDITIONAL = (
    "AREA_PC",
    "AREA_DRG",
    "AREA_SRP",
    "MASS",
    "CD_AREA_OVER_MASS",
    "CR_AREA_OVER_MASS",
    "THRUST_ACCELERATION",
    "SEDR",
)
STATE = {"X": "km", "Y": "km", "Z": "km", "X_DOT": "km/s", "Y_DOT": "km/s", "Z_DOT": "km/s"}
_AXES = ("R", "T", "N", "RDOT", "TDOT", "NDOT")
#: lower triangle, row by row
COVARIANCE = {
    f"C{row}_{column}": ("m**2", "m**2/s", "m**2/s**2")[f"{row}{column}".count("DOT")]
    for place, row in enumerate(_AXES)
    for column in _AXES[: place + 1]
}
