"""Proposals: the next serial of a PHGAIN, NOISMO or STRLGT file, with other numbers and a later start. The file that it is based on stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from calib.errors import RequestError
from calib.products.venus_parameters.gains import read_table, write_table
from calib.products.venus_parameters.header import Header, open_source
from calib.products.venus_parameters.names import Name, parse_name
from calib.products.venus_parameters.straylight import Straylight, write_straylight
from calib.products.venus_parameters.write import new_header

#: a value for every TDI configuration that the file has, or for each by itself
PerTdi = float | Mapping[int, float]


def propose_phgain(
    based_on: Path,
    gains: Mapping[str, PerTdi],
    validity_start: np.datetime64,
    folder: Path,
    note: str = "",
    creation_date: np.datetime64 | None = None,
) -> Path:
    """The PHGAIN file with other gains for the bands named, as the next serial, valid from `validity_start`; the path of the new file in `folder`.

    A band whose gain depends on the TDI configuration needs a gain for each to be changed. The creation date is the validity start unless given.
    """
    header, table = _base(based_on, "GIP_PHGAIN", validity_start, note, creation_date)
    table = _changed(based_on, table, "gain", gains)
    bad = [str(band) for band in table.band.values if (table.gain.sel(band=band) <= 0).any()]
    if bad:
        raise RequestError(f"{based_on.name}: the gain proposed for {', '.join(bad)} is not positive; correct it")
    _refuse_taken(based_on, folder, header)
    return write_table(folder, header, table)


def propose_noismo(
    based_on: Path,
    coefficients: Mapping[str, Mapping[str, PerTdi]],
    validity_start: np.datetime64,
    folder: Path,
    note: str = "",
    creation_date: np.datetime64 | None = None,
) -> Path:
    """The NOISMO file with other coefficients, `{"B1": {"a": 1.2, "b": 0.01}}`, as the next serial; otherwise as `propose_phgain`."""
    header, table = _base(based_on, "GIP_NOISMO", validity_start, note, creation_date)
    for name in ("a", "b"):
        changes = {band: values[name] for band, values in coefficients.items() if name in values}
        table = _changed(based_on, table, name, changes)
    for band, values in coefficients.items():
        if not values or values.keys() - {"a", "b"}:
            raise RequestError(f"noise model of {band}: coefficients {', '.join(values) or 'none'}; they are a and b")
    _refuse_taken(based_on, folder, header)
    return write_table(folder, header, table)


def propose_strlgt(
    based_on: Path,
    content: Straylight,
    validity_start: np.datetime64,
    folder: Path,
    note: str = "",
    creation_date: np.datetime64 | None = None,
) -> Path:
    """The STRLGT file with other content (see `Straylight.with_factors`), as the next serial: a .HDR and its .DBL.DIR; otherwise as `propose_phgain`."""
    source = open_source(based_on)
    header = _successor(based_on, source.header, "GIP_STRLGT", validity_start, note, creation_date)
    if content.band != header.name.band:
        raise RequestError(f"{based_on.name}: is of band {header.name.band}, the content of {content.band}; match them")
    _refuse_taken(based_on, folder, header)
    return write_straylight(folder, header, content)


def new_strlgt(
    content: Straylight, validity_start: np.datetime64, folder: Path, note: str = "", file_class: str = "OPER"
) -> Path:
    """A first STRLGT file for a band, of all sites, where there is none to base it on: serial 1, valid until further notice."""
    name = Name(file_class, "GIP_STRLGT", "L", "ALLSITES", serial=1, band=content.band)
    header = new_header(name, (validity_start, None), notes=note)
    _refuse_taken(folder / name.text, folder, header)
    return write_straylight(folder, header, content)


def _base(
    based_on: Path, file_type: str, validity_start: np.datetime64, note: str, creation_date: np.datetime64 | None
) -> tuple[Header, xr.Dataset]:
    source = open_source(based_on)
    header = _successor(based_on, source.header, file_type, validity_start, note, creation_date)
    return header, read_table(source)


def _successor(
    based_on: Path,
    base: Header,
    file_type: str,
    validity_start: np.datetime64,
    note: str,
    creation_date: np.datetime64 | None,
) -> Header:
    """The header of the next serial; RequestError where the base is of another type, already the last, or out of force at that start."""
    if base.file_type != file_type:
        raise RequestError(f"{based_on}: is a {base.file_type}; a proposal of {file_type} is based on such a file")
    serial = (base.name.serial or 0) + 1
    if serial > 99999:
        raise RequestError(f"{based_on}: serial 99999 is the last; there is no next one")
    return new_header(
        replace(base.name, serial=serial),
        (validity_start, base.validity_stop),
        site_ids=base.site_ids,
        notes=note,
        creation_date=creation_date,
    )


def _refuse_taken(based_on: Path, folder: Path, header: Header) -> None:
    """RequestError where the serial, or a later one, is taken beside the base or in the folder."""
    for place in dict.fromkeys((based_on.parent, folder)):
        for path in sorted(place.glob(f"VE_*_{header.file_type}_*")) if place.is_dir() else ():
            name = parse_name(path.name.split(".")[0])
            if (
                name is not None
                and name.series == header.name.series
                and (name.serial or 0) >= (header.name.serial or 0)
            ):
                raise RequestError(
                    f"{path}: serial {name.serial:05d} exists already; nothing is overwritten: base the proposal on that file"
                )


def _changed(based_on: Path, table: xr.Dataset, variable: str, changes: Mapping[str, PerTdi]) -> xr.Dataset:
    """The table with other values of a variable where `changes` names them."""
    values = table[variable].copy(deep=True)
    for band, change in changes.items():
        if band not in table.band:
            raise RequestError(f"{based_on.name}: has no band {band}; its bands are {', '.join(table.band.values)}")
        row = values.sel(band=band)
        there = [int(tdi) for tdi in table.tdi.values if np.isfinite(row.sel(tdi=tdi))]
        if not isinstance(change, Mapping):
            if len(np.unique([float(row.sel(tdi=tdi)) for tdi in there])) > 1:
                raise RequestError(
                    f"{based_on.name}: {variable} of {band} depends on the TDI configuration; give one for each of {there}"
                )
            change = dict.fromkeys(there, change)
        for tdi, value in change.items():
            if tdi not in there:
                raise RequestError(f"{based_on.name}: {band} has no TDI {tdi}; it has {there}")
            if not np.isfinite(value):
                raise RequestError(f"{variable} proposed for {band}, TDI {tdi}, is {value}; correct it")
            values.loc[{"band": band, "tdi": tdi}] = float(value)
    return table.assign({variable: values})
