"""A set of results as products: the files of a folder tree, and the current results of an archive in it, by names that stay from run to run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from calib.archive import Archive
from calib.archive.folder import MANIFEST, Manifest, read_manifest
from calib.errors import EtalonError, RequestError, one_line

#: what makes a folder an archive, and what of it is told by its results
_MARKER = "etalon-archive.json"
_INSIDE = ("results", "ledger", "runs")
_MESSAGE = re.compile(rb"CCSDS_([A-Z]{3})_VERS")
_XML_MESSAGE = re.compile(rb"<(?:[\w.-]+:)?(oem|opm|aem|tdm|cdm|omm|apm|rdm)[\s>]")
_SUFFIXES = {".csv": "table", ".json": "tree", ".yaml": "tree", ".yml": "tree", ".nc": "netCDF"}
_SUFFIXES |= {".tif": "raster", ".tiff": "raster", ".jp2": "raster"}
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Product:
    """One thing to compare: a file, or a result of an archive (then with its manifest, its file the data)."""

    label: str
    path: Path
    kind: str
    """OEM, OPM, AEM, TDM or another CCSDS message, table, tree, netCDF, raster, result, text, or what is wrong with it."""
    fault: str = ""
    manifest: Manifest | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the file, of a result its content; empty where it cannot be read."""
        if self.manifest is not None:
            return self.manifest.content
        if self.fault:
            return ""
        hasher = hashlib.sha256()
        try:
            with self.path.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    hasher.update(block)
        except OSError:
            return ""
        return hasher.hexdigest()


def products_of(folder: Path) -> dict[str, Product]:
    """The products of a set by label; RequestError where it is no folder or holds nothing."""
    if not folder.is_dir():
        raise RequestError(f"{folder}: is no folder; give one of results")
    found: dict[str, Product] = {}
    for product in _walk(folder, folder, ""):
        found.setdefault(product.label, product)
    if not found:
        raise RequestError(f"{folder}: holds no file; give a folder of results")
    return found


def pairs_of(
    reference: Mapping[str, Product], new: Mapping[str, Product]
) -> list[tuple[str, Product | None, Product | None]]:
    """Products of one label; of those left, messages of one kind that differ in their ending alone (KVN rewritten as XML)."""
    twins: dict[tuple[str, str], str] = {}
    for label in new.keys() - reference.keys():
        if new[label].kind.isupper():
            twins[_stem(label), new[label].kind] = label
    taken: set[str] = set()
    found: list[tuple[str, Product | None, Product | None]] = []
    for label, product in sorted(reference.items()):
        other = label if label in new else twins.get((_stem(label), product.kind), "")
        if other in taken:
            other = ""
        taken.add(other)
        found.append((label, product, new.get(other)))
    found += [(label, None, new[label]) for label in sorted(new.keys() - taken)]
    return sorted(found, key=lambda item: item[0])


def printable(text: str) -> str:
    """A name of a file on one line that any page, table or terminal bears."""
    safe = text.encode("utf-8", "backslashreplace").decode()
    safe = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in safe)
    # a table program would take it for a formula
    return f"./{safe}" if safe[:1] in "=+-@" else safe


def _stem(label: str) -> str:
    return label.rpartition(".")[0] or label


def _walk(root: Path, folder: Path, prefix: str) -> Iterator[Product]:
    archive = (folder / _MARKER).is_file()
    if archive:
        yield from _results(folder, prefix)
        yield from _runs(root, folder, prefix)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Product(printable(prefix or "."), folder, "unreadable", f"cannot be read ({error.strerror})")
        return
    for entry in entries:
        # what begins with a dot is a part of something unfinished, or of no result
        if entry.name.startswith(".") or (archive and (entry.name in _INSIDE or entry.name.startswith("index.sqlite"))):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, Path(entry.path), f"{prefix}{entry.name}/")
        else:
            yield _file(Path(entry.path), printable(f"{prefix}{entry.name}"))


def _file(path: Path, label: str) -> Product:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return Product(label, path, "unreadable", "is no regular file")
        with path.open("rb") as stream:
            head = stream.read(8192)
    except OSError as error:
        return Product(label, path, "unreadable", f"cannot be read ({error.strerror})")
    name = path.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    message = _MESSAGE.search(head[:512]) or (_XML_MESSAGE.search(head) if head.lstrip()[:1] == b"<" else None)
    if message:
        return Product(label, path, message[1].decode().upper())
    if name.endswith(".gz") and suffix in (".oem", ".opm", ".aem", ".tdm"):
        return Product(label, path, suffix[1:].upper())
    if head[:4] == b"\x89HDF" or head[:3] == b"CDF":
        return Product(label, path, "netCDF")
    return Product(label, path, _SUFFIXES.get(suffix, "text"))


def _results(folder: Path, prefix: str) -> Iterator[Product]:
    """The current results of an archive, by step and subject."""
    label = f"{prefix}results"
    try:
        entries = Archive(folder, read_only=True).results(current_only=True)
    except (EtalonError, OSError) as error:
        yield Product(printable(label), folder, "unreadable", one_line(error))
        return
    for entry in entries:
        name = printable(f"{label}/{entry.step}/{entry.subject or entry.key[:12]}")
        try:
            yield Product(name, entry.folder / "result.nc", "result", manifest=read_manifest(entry.folder))
        except EtalonError as error:
            yield Product(name, entry.folder / MANIFEST, "unreadable", one_line(error))


def _runs(root: Path, folder: Path, prefix: str) -> Iterator[Product]:
    """The latest run of each request: names of runs hold their dates."""
    latest: dict[str, Path] = {}
    runs = folder / "runs"
    for path in sorted(item for item in runs.iterdir() if item.is_dir()) if runs.is_dir() else []:
        if not path.name.startswith("."):
            latest[_request(path)] = path
    for request, path in latest.items():
        yield from _walk(root, path, f"{prefix}runs/{request}/")


def _request(run: Path) -> str:
    try:
        return str(json.loads((run / "summary.json").read_bytes())["request"]).replace("/", "-") or run.name
    except (OSError, ValueError, KeyError, TypeError):
        return run.name
