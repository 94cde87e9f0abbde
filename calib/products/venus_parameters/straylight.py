"""STRLGT, the stray light filters of one band: the local ghost (type 1) and the crosstalk from other bands (type 2)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calib.errors import EtalonError, RequestError
from calib.products.files import inside, open_raster
from calib.products.venus_parameters.detectors import column_range
from calib.products.venus_parameters.header import Header, Source
from calib.products.venus_parameters.names import BANDS, band_code
from calib.products.venus_parameters.records import COLUMNS, band_at, items
from calib.products.venus_parameters.write import Tag, listing, refuse_existing, write_file, write_filters
from calib.products.xml import Node, shortened

FILTERS = ("SPATIAL", "FREQUENTIAL", "WAVELET")
#: all filters of a file together; 256 MiB of float32
MAX_SAMPLES = 64 * 1024 * 1024
MAX_FACTOR = 10000.0


@dataclass(frozen=True, eq=False)
class Filter:
    """A filter: its type and its float32 values over (row, column), unit 1."""

    kind: str
    kernel: np.ndarray

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and self.kind == other.kind and np.array_equal(self.kernel, other.kernel)

    def __hash__(self) -> int:
        return hash((self.kind, self.kernel.shape))


@dataclass(frozen=True)
class Ghost:
    """Type 1: the filter of the columns first..last (both included, counted from 0) of the band itself."""

    first: int
    last: int
    filter: Filter


@dataclass(frozen=True)
class Strip:
    """Where a crosstalk falls: columns first..last (both included, counted from 0), its factor, and its shift in columns."""

    first: int
    last: int
    factor: float
    shift: int = 0


@dataclass(frozen=True)
class Crosstalk:
    """Type 2: the light of band `source`, filtered, times the factor of each strip, shifted, is to be subtracted; `margin` in columns."""

    source: str
    filter: Filter
    margin: int
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Straylight:
    """The stray light of `band`: ghosts of type 1, whose strips overlap by `margin` columns, and at most two crosstalks of type 2."""

    band: str
    margin: int = 0
    ghosts: tuple[Ghost, ...] = ()
    crosstalks: tuple[Crosstalk, ...] = ()

    def with_factors(self, factors: Mapping[str, float | Sequence[float]]) -> Straylight:
        """The same with other factors of crosstalk by source band: one for all strips of it, or one for each."""
        known = {crosstalk.source: crosstalk for crosstalk in self.crosstalks}
        for source, factor in factors.items():
            if source not in known:
                raise RequestError(
                    f"band {self.band} has no crosstalk from {source}; its sources are {', '.join(known) or 'none'}"
                )
            strips = known[source].strips
            values = [float(value) for value in ([factor] * len(strips) if isinstance(factor, int | float) else factor)]
            if len(values) != len(strips):
                raise RequestError(
                    f"crosstalk {source} to {self.band}: {len(values)} factors for {len(strips)} strips; give one or all"
                )
            changed = (replace(strip, factor=value) for strip, value in zip(strips, values, strict=True))
            known[source] = replace(known[source], strips=tuple(changed))
        return replace(self, crosstalks=tuple(known.values()))


def read_straylight(source: Source) -> Straylight:
    """The filters of a band with their values; InputError where a filter's file is missing, of another size or type, or all are too large."""
    parameters = source.block.child("Correction_Parameters")
    files = _Files(source)
    first = parameters.child("Type1_Correction")
    ghosts = [
        Ghost(*column_range(node, 0), files.read(node.child("Filter_Array")))
        for node in items(first.child("Type1_Filters"), "Type1_Filter", most=1000)
    ]
    second = items(parameters.child("Type2_Correction/Type2_Filters"), "Type2_Filter", most=2)
    band = str(source.header.name.band)
    crosstalks = tuple(_crosstalk(node, files) for node in second)
    sources = [crosstalk.source for crosstalk in crosstalks]
    if band in sources or len(set(sources)) != len(sources):
        raise parameters.refuse(
            f"CrossTalk_Source_Band of {band}: {', '.join(sources)}; sources are other bands, each once: the file is damaged"
        )
    return Straylight(band, first.integer("Overlap_Margin", most=COLUMNS), tuple(ghosts), crosstalks)


def write_straylight(folder: Path, header: Header, content: Straylight) -> Path:
    """A STRLGT file, the path of its .HDR: that is written last, so that one who finds it finds the filters in the .DBL.DIR."""
    _check(content)
    name = header.name.text
    refuse_existing(folder / f"{name}.HDR")
    kernels: dict[str, np.ndarray] = {}
    ghosts = [
        [_columns(item.first, item.last), _array(kernels, f"TYPE1_{number:04d}", item.filter)]
        for number, item in enumerate(content.ghosts, 1)
    ]
    crosstalks = [_crosstalk_tags(kernels, item) for item in content.crosstalks]
    first = [Tag("Overlap_Margin", str(content.margin)), listing("Type1_Filters", "Type1_Filter", ghosts)]
    second = [listing("Type2_Filters", "Type2_Filter", crosstalks)]
    parameters = Tag("Correction_Parameters", [Tag("Type1_Correction", first), Tag("Type2_Correction", second)])
    files = [
        [
            Tag("Relative_File_Path", f"{name}.DBL.DIR/{name}_{definition}.DBL.TIF"),
            Tag("File_Format", "TIF"),
            Tag("File_Definition", definition),
        ]
        for definition in kernels
    ]
    packaged = Tag("DBL_Organization", [listing("List_of_Packaged_DBL_Files", "Packaged_DBL_File", files)])
    filters = write_filters(
        folder / f"{name}.DBL.DIR", {f"{name}_{key}.DBL.TIF": item for key, item in kernels.items()}
    )
    try:
        return write_file(folder, header, [packaged, parameters])
    except EtalonError:
        shutil.rmtree(filters, ignore_errors=True)
        raise


def _check(content: Straylight) -> None:
    """RequestError for what no file can hold, or no reader accept."""
    band = content.band
    filters = [item.filter for item in content.ghosts] + [item.filter for item in content.crosstalks]
    ranges = [(item.first, item.last) for item in content.ghosts]
    strips = [strip for item in content.crosstalks for strip in item.strips]
    ranges += [(strip.first, strip.last) for strip in strips]
    faults = {
        "no filter at all": not filters,
        f"filter types other than {', '.join(FILTERS)}": any(item.kind not in FILTERS for item in filters),
        "a filter that is empty, not finite or no image": any(
            item.kernel.ndim != 2 or not item.kernel.size or not np.isfinite(item.kernel).all() for item in filters
        ),
        f"columns outside 0..{COLUMNS - 1}": any(not 0 <= first <= last < COLUMNS for first, last in ranges),
        f"a margin outside 0..{COLUMNS}": any(
            not 0 <= margin <= COLUMNS for margin in (content.margin, *(item.margin for item in content.crosstalks))
        ),
        f"a factor outside 0..{MAX_FACTOR:g}": any(not 0 <= strip.factor <= MAX_FACTOR for strip in strips),
        f"a shift beyond {COLUMNS - 1} columns": any(abs(strip.shift) >= COLUMNS for strip in strips),
        "a crosstalk without strips": any(not item.strips for item in content.crosstalks),
        "more than two crosstalks, or not from other bands, each once": (
            len(content.crosstalks) > 2
            or not {item.source for item in content.crosstalks} <= set(BANDS) - {band}
            or len({item.source for item in content.crosstalks}) != len(content.crosstalks)
        ),
        "more than 1000 ghosts": len(content.ghosts) > 1000,
    }
    found = [text for text, wrong in faults.items() if wrong]
    if found:
        raise RequestError(f"stray light of {band}: {'; '.join(found)}; a STRLGT file cannot hold that: correct it")


def _crosstalk_tags(kernels: dict[str, np.ndarray], item: Crosstalk) -> list[Tag]:
    source = band_code(item.source)
    strips = [
        [
            _columns(strip.first, strip.last),
            Tag("Filter_Factor", repr(float(strip.factor))),
            Tag("Horizontal_Shift", str(strip.shift)),
        ]
        for strip in item.strips
    ]
    return [
        Tag("CrossTalk_Source_Band", source),
        _array(kernels, f"TYPE2_{source}", item.filter),
        Tag("Overlap_Margin", str(item.margin)),
        listing("Type2_Vertical_Strips", "Type2_Vertical_Strip", strips),
    ]


def _array(kernels: dict[str, np.ndarray], label: str, item: Filter) -> Tag:
    """The description of a filter; its values go to `kernels`, once for all ranges that share them."""
    definition = next((key for key, kernel in kernels.items() if kernel is item.kernel), label)
    kernels[definition] = item.kernel
    shape = zip(("Nb_of_Rows", "Nb_of_Cols"), item.kernel.shape, strict=True)
    size = [Tag(name, str(length)) for name, length in shape]
    return Tag("Filter_Array", [Tag("Filter_Type", item.kind), *size, Tag("File_Definition", definition)])


def _columns(first: int, last: int) -> Tag:
    return Tag("Col_Range", [Tag("First", str(first)), Tag("Last", str(last))])


def _crosstalk(node: Node, files: _Files) -> Crosstalk:
    strips = []
    for strip in items(node.child("Type2_Vertical_Strips"), "Type2_Vertical_Strip", most=COLUMNS - 1):
        factor = strip.number("Filter_Factor", least=0.0, most=MAX_FACTOR)
        shift = strip.integer("Horizontal_Shift", least=1 - COLUMNS, most=COLUMNS - 1)
        strips.append(Strip(*column_range(strip, 0), factor, shift))
    return Crosstalk(
        band_at(node, "CrossTalk_Source_Band"),
        files.read(node.child("Filter_Array")),
        node.integer("Overlap_Margin", most=COLUMNS),
        tuple(strips),
    )


class _Files:
    """The filter files that a header names; each is read once."""

    def __init__(self, source: Source) -> None:
        packaged = source.block.child("DBL_Organization")
        listed = packaged.maybe("List_of_Packaged_DBL_Files")
        single = packaged.maybe("Unpackaged_DBL_File")
        nodes = items(listed, "Packaged_DBL_File", most=2048) if listed else [single] if single else []
        self.paths: dict[str, Path] = {}
        for node in nodes:
            path = inside(source.folder, node.text("Relative_File_Path"))
            # a definition is optional; without one the filters name the file itself
            for name in {node.text("File_Definition", "") or path.name, path.name}:
                if self.paths.setdefault(name, path) != path:
                    raise node.refuse(f"File_Definition {shortened(name)!r} stands for two files; the file is damaged")
        self.kernels: dict[tuple[Path, tuple[int, int]], np.ndarray] = {}
        self.samples = 0

    def read(self, node: Node) -> Filter:
        kind = node.text("Filter_Type")
        if kind not in FILTERS:
            raise node.refuse(f"Filter_Type {shortened(kind)!r} is not known; the schema has {', '.join(FILTERS)}")
        name = node.text("File_Definition")
        if name not in self.paths:
            raise node.refuse(f"File_Definition {shortened(name)!r} is not in DBL_Organization; the file is incomplete")
        shape = node.integer("Nb_of_Rows", least=1), node.integer("Nb_of_Cols", least=1)
        return Filter(kind, self._kernel(node, self.paths[name], shape))

    def _kernel(self, node: Node, path: Path, shape: tuple[int, int]) -> np.ndarray:
        if (path, shape) not in self.kernels:
            self.samples += shape[0] * shape[1]
            if self.samples > MAX_SAMPLES:
                raise node.refuse(f"filters of {self.samples} samples together; up to {MAX_SAMPLES} are read")
            kernel = open_raster(path, layers=1, size=shape, dtypes=("float32",)).read()
            if not np.isfinite(kernel).all():
                raise node.refuse(f"{path.name} holds a value that is not finite; fetch the file again")
            self.kernels[path, shape] = kernel
        return self.kernels[path, shape]
