"""The rooms that open product files: one thin reader per format, chosen by looking at the product."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from calib.acquisition import Acquisition
from calib.errors import InputError
from calib.products import (
    plain,
    pleiades_dimap,
    pleiades_neo,
    pleiades_system,
    sentinel2,
    stray,
    venus_muscate,
    venus_system,
    venus_vsc,
)


class Reader(Protocol):
    """What a reader module offers. A new format is a new module with these two functions and its line in `READERS`."""

    TITLE: str

    def recognises(self, path: Path) -> bool:
        """Whether the product at `path` is of this reader's format; looks at names only, never raises."""

    def read(self, path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
        """The product, its files checked against their digests when `verify`; InputError otherwise. No pixel is read.

        Without `images` the headers alone are read, and what they say of images that may not be there is believed.
        """


READERS: tuple[Reader, ...] = (
    plain,
    venus_vsc,
    venus_system,
    venus_muscate,
    pleiades_dimap,
    pleiades_system,
    pleiades_neo,
    sentinel2,
    stray,
)


def open_acquisition(path: Path, *, verify: bool = True, images: bool = True) -> Acquisition:
    """The product at `path`, by the first reader that recognises it; InputError naming the known formats otherwise."""
    return reader_of(path).read(path, verify=verify, images=images)


def reader_of(path: Path) -> Reader:
    """The first reader that recognises the product at `path`; InputError naming the known formats otherwise."""
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if not exists:
        raise InputError(f"{path}: no such product; check the path")
    for reader in READERS:
        if reader.recognises(path):
            return reader
    known = "; ".join(reader.TITLE for reader in READERS)
    raise InputError(
        f"{path}: not a product of a known format (known: {known}); give the product's own folder or header"
    )
