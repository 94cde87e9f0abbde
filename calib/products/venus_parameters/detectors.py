"""Tables over the 5200 detectors of an array: RELSEN (sensitivities), DARKCU (dark currents), OUTORD (defects), VIEDIR (viewing directions).

Columns count from 0 in every dataset: OUTORD counts them from 1, as the running numbers of the other tables do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from calib.products.venus_parameters.header import Source
from calib.products.venus_parameters.names import TDI
from calib.products.venus_parameters.records import COLUMNS, integers, items, rows, table
from calib.products.xml import Node, shortened

#: bit of each type of defect in the mask
DEFECTS = {"BLIND": 1, "NOISY": 2, "FILTER_HOLE": 4}
#: more ranges than columns and types make no sense
_MOST_DEFECTS = 3 * COLUMNS


def read_relative_sensitivities(source: Source) -> xr.Dataset:
    """`a1`, `a2` (1) and `knee` (DN) over (tdi, column): two slopes and where the second begins (the model is inferred; the file says a1, a2, Zs)."""
    values = rows(source.block.child("List_of_Relative_Sensitivities"), "Relative_Sensitivity", 3)
    return _over_columns(
        source,
        {
            "a1": (values[:, 0], {"units": "1"}),
            "a2": (values[:, 1], {"units": "1"}),
            "knee": (values[:, 2], {"units": "DN", "comment": "Zs; two slopes and a knee, inferred"}),
        },
    )


def read_viewing_directions(source: Source) -> xr.Dataset:
    """`tan_psi_x`, `tan_psi_y` (1) over (tdi, column): tangents of the viewing direction."""
    values = rows(source.block.child("List_of_View_Dirs"), "View_Dir", 2)
    return _over_columns(
        source, {f"tan_psi_{axis}": (values[:, index], {"units": "1"}) for index, axis in enumerate("xy")}
    )


def read_dark_currents(source: Source) -> xr.Dataset:
    """`dark` (DN) over (tdi, column); of the columns that spike, over `spike`: position as in the file, threshold, polynomial and line.

    The schema lets positions run from 0 to 5200: `column_base` of `spike_position` says 0 or 1 where a position tells, else "unknown".
    """
    dark = rows(source.block.child("List_of_Dark_Currents"), "Dark_Current", 1)[:, 0]
    if (dark < 0).any():
        raise source.block.refuse(
            f"Dark_Current[{int(np.argmax(dark < 0)) + 1}] is negative; dark currents are not: the file is damaged"
        )
    return _over_columns(source, {"dark": (dark, {"units": "DN"})}).merge(_spikes(source))


def read_defects(source: Source) -> xr.Dataset:
    """`defect` over (tdi, column): bits BLIND 1, NOISY 2, FILTER_HOLE 4; only the TDI configurations that the file lists."""
    listed: dict[int, np.ndarray] = {}
    configurations = source.block.child("List_of_TDI_Configuration_Defects")
    for node in items(configurations, "TDI_Configuration_Defect", most=len(TDI)):
        code = node.text("TDI_Configuration_Code")
        tdi = {f"{value:02d}": value for value in TDI}.get(code)
        if tdi is None or tdi in listed:
            raise node.refuse(f"TDI_Configuration_Code {shortened(code)!r} is unknown or repeated; the file is damaged")
        listed[tdi] = _defect_mask(node.child("List_of_Defects"))
    order = sorted(listed)
    mask = np.stack([listed[tdi] for tdi in order]) if order else np.zeros((0, COLUMNS), dtype=np.uint8)
    attrs = {"units": "1", "flag_masks": list(DEFECTS.values()), "flag_meanings": " ".join(DEFECTS)}
    return xr.Dataset({"defect": (("tdi", "column"), mask, attrs)}, coords=_coordinates(source, order))


def column_range(node: Node, base: int, path: str = "Col_Range") -> tuple[int, int]:
    """First and last column at `path`, both included, brought to count from 0; `base` is the number of the first column in the file."""
    first, last = (
        node.integer(f"{path}/{which}", least=base, most=base + COLUMNS - 1) - base for which in ("First", "Last")
    )
    if last < first:
        raise node.refuse(f"{path} ends at {last + base}, before it starts at {first + base}; the file is damaged")
    return first, last


def _defect_mask(defects: Node) -> np.ndarray:
    mask = np.zeros(COLUMNS, dtype=np.uint8)
    for node in items(defects, "Defect", most=_MOST_DEFECTS):
        first, last = column_range(node, 1)
        name = node.text("Defect_Type")
        if name not in DEFECTS:
            raise node.refuse(f"Defect_Type {shortened(name)!r} is not known; the schema has {', '.join(DEFECTS)}")
        mask[first : last + 1] |= DEFECTS[name]
    return mask


def _spikes(source: Source) -> xr.Dataset:
    # files of before schema 1.9 have no such list
    listed = source.block.maybe("List_of_Spike_Characterization")
    widths = {"Pixel_Position": 1, "Pixel_Threshold": 1, "Polynomial_Coefficients": 4, "Linear_Coefficients": 2}
    if listed is None or (not len(listed.element) and not items(listed, "Spike_Coefficients")):
        values = {field: np.zeros((0, width)) for field, width in widths.items()}
        position = values["Pixel_Position"].astype(np.int64)
    else:
        values = table(listed, "Spike_Coefficients", widths, most=COLUMNS)
        position = integers(listed, "Pixel_Position", values["Pixel_Position"], COLUMNS)
    base = "0" if (position == 0).any() else "1" if (position == COLUMNS).any() else "unknown"
    return xr.Dataset(
        {
            "spike_position": ("spike", position[:, 0], {"units": "1", "column_base": base}),
            "spike_threshold": ("spike", values["Pixel_Threshold"][:, 0], {"units": "DN"}),
            "spike_polynomial": (("spike", "power"), values["Polynomial_Coefficients"], _coefficients("power")),
            "spike_line": (("spike", "term"), values["Linear_Coefficients"], _coefficients("term")),
        }
    )


def _coefficients(dimension: str) -> dict[str, str]:
    return {
        "units": "1",
        "comment": f"as in the file, in its order along {dimension}; the formula is not in the schema",
    }


def _over_columns(source: Source, variables: Mapping[str, tuple[np.ndarray, dict[str, str]]]) -> xr.Dataset:
    """A table that the file gives once for all its TDI configurations, over each of them."""
    tdi = source.header.name.tdi
    return xr.Dataset(
        {
            name: (("tdi", "column"), np.broadcast_to(values, (len(tdi), COLUMNS)), attrs)
            for name, (values, attrs) in variables.items()
        },
        coords=_coordinates(source, tdi),
    )


def _coordinates(source: Source, tdi: Sequence[int]) -> dict[str, object]:
    return {
        "band": source.header.name.band,
        "tdi": ("tdi", np.array(tdi, dtype=np.int64), {"units": "1"}),
        "column": ("column", np.arange(COLUMNS), {"units": "1", "comment": "counted from 0"}),
    }
