"""Checking parameter files against the schemas of the mission, which the user has and the project does not."""

from __future__ import annotations

import re
from pathlib import Path

from lxml import etree

from calib.errors import InputError
from calib.products.venus_parameters.header import KINDS, type_of
from calib.products.venus_parameters.write import NAMESPACE
from calib.products.xml import MAX_BYTES, parse_xml, read_limited, reason


def validate(path: Path, schemas: Path) -> list[str]:
    """What the schemas of the mission say against a parameter file: one sentence each, none when it is valid.

    `schemas` is the folder with the .xsd files at any depth. InputError where the file or the schema of its type cannot be read.
    """
    parse_xml(content := read_limited(path, MAX_BYTES), path)
    file_type = type_of(path)
    if file_type is None:
        raise InputError(f"{path}: not a parameter file of a known type; accepted: {', '.join(sorted(KINDS))}")
    found = sorted(schemas.rglob(f"VE_{file_type}_*.xsd"))
    if len(found) != 1:
        raise InputError(f"{schemas}: holds {len(found)} schemas VE_{file_type}_*.xsd, expected one; give their folder")
    _refuse_foreign(found[0], schemas, set())
    try:
        schema = etree.XMLSchema(etree.parse(str(found[0]), etree.XMLParser(no_network=True, load_dtd=False)))
        document = etree.fromstring(content, etree.XMLParser(no_network=True, resolve_entities=False))
    except (etree.LxmlError, OSError) as error:
        raise InputError(f"{found[0]}: cannot be used as a schema ({reason(error)}); fetch the schemas again") from None
    schema.validate(document)
    return [f"line {entry.line}: {entry.message.replace('{' + NAMESPACE + '}', '')}" for entry in schema.error_log]


def _refuse_foreign(schema: Path, root: Path, seen: set[Path]) -> None:
    """InputError where a schema includes, at any depth, what is not a file below `root`."""
    path = schema.resolve()
    if path in seen:
        return
    seen.add(path)
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        raise InputError(
            f"{schema}: is included by a schema but not a file below {root}; give the folder of all schemas"
        )
    for place in re.findall(rb"""schemaLocation\s*=\s*["']([^"']*)["']""", read_limited(path, MAX_BYTES)):
        _refuse_foreign(path.parent / place.decode("utf-8", "replace"), root, seen)
