"""What a qualification leaves: acceptance.json for machines, differences.csv, a page for people, and the procedure as it was carried out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calib.report.sheet import Plot, Sheet, Table, Trace, page
from flows.orbits.writing import csv_text, new_folder, write_json
from flows.qualification.procedure import amount, number, place, procedure
from flows.qualification.verdicts import REFUSED, Anomaly, Line, ProductVerdict

if TYPE_CHECKING:
    from flows.qualification.acceptance import Qualification

_COLUMNS = (
    "product",
    "kind",
    "quantity",
    "verdict",
    "unit",
    "compared",
    "differing",
    "outside",
    "largest",
    "rms",
    "allowed",
    "ratio",
    "where",
    "reference",
    "new",
    "sigmas",
    "tolerance",
    "reason",
    "note",
)
#: rows of a table and plots on the page; the files hold all
_ROWS = 40
_PRODUCTS = 200
_PLOTS = 8


def write_report(found: Qualification, output: Path) -> None:
    """Write the four files into a new folder, whole or not at all."""
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with new_folder(output) as part:
        write_json(part / "acceptance.json", _document(found, made))
        (part / "differences.csv").write_text(_table(found), encoding="utf-8")
        (part / "report.html").write_text(page(_sheet(found, made)), encoding="utf-8")
        (part / "procedure.md").write_text(procedure(found, made), encoding="utf-8")


def _document(found: Qualification, made: str) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "made_utc": made,
        "request": dict(found.request),
        "products_by_verdict": found.counts,
        "products": [
            {
                "product": product.label,
                "kind": product.kind,
                "verdict": product.verdict,
                "cause": product.cause,
                "notes": list(product.notes),
                "sha256": {"reference": product.digests[0], "new": product.digests[1]},
                "quantities": [_plain(line) for line in product.lines],
            }
            for product in found.products
        ],
        "anomalies": [
            {
                "number": item.number,
                "id": item.identifier,
                "state": item.state,
                "cause": item.cause,
                **_plain(item.line),
                "closed": None if item.closure is None else item.closure.model_dump(),
            }
            for item in found.anomalies
        ],
        "closures_not_needed": list(found.unused_closures),
    }


def _plain(line: Line) -> dict[str, Any]:
    content = asdict(line)
    # JSON has no infinity; null would say that nothing was measured
    return {
        name: "infinite" if isinstance(value, float) and math.isinf(value) else value for name, value in content.items()
    }


def _table(found: Qualification) -> str:
    rows = []
    numbered = {(item.line.product, item.line.quantity): item for item in found.anomalies}
    for product in found.products:
        for line in product.lines:
            item = numbered.get((line.product, line.quantity))
            cells = [_cell(getattr(line, name)) for name in _COLUMNS]
            tail = [product.cause, *(("", "") if item is None else (item.identifier, item.state))]
            rows.append([*cells, *tail])
    return csv_text([*_COLUMNS, "cause", "anomaly", "state"], rows)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.9g}"
    return str(value)


def _sheet(found: Qualification, made: str) -> Sheet:
    request = found.request
    kinds = ", ".join(f"{count} {verdict}" for verdict, count in found.counts.items())
    opened = [item for item in found.anomalies if item.state == "open"]
    sentences = [
        f"Reference: {request['reference']}. New: {request['new']}. Tolerances: {request['tolerances']['file']}.",
        f"{len(found.products)} products: {kinds}.",
        f"{len(found.anomalies)} anomalies, {len(opened)} of them open."
        if found.anomalies
        else "No anomaly: what differs does so within its tolerance.",
        f"Compared {made}, etalon-calibration {request['software'].get('etalon-calibration', '')}.",
    ]
    tables = [
        table
        for table in (
            _anomalies(found.anomalies),
            _worst_lines(found.products),
            _product_table(found.products),
        )
        if table.rows
    ]
    notes = [f"{product.label}: {note}" for product in found.products for note in product.notes]
    notes += [f"{name} is closed with a justification and was not found this time" for name in found.unused_closures]
    return Sheet(
        "Qualification of a new version",
        found.verdict,
        sentences,
        tables,
        _plots(found.products),
        notes,
        good=found.verdict != REFUSED,
    )


def _anomalies(anomalies: Sequence[Anomaly]) -> Table:
    rows = [
        (
            f"{item.number}  {item.identifier}",
            "closed" if item.closure is not None else item.state,
            place(item.line),
            item.line.verdict,
            amount(item.line, short=True),
            item.cause if item.closure is None else f"{item.closure.justification} ({item.closure.by})",
        )
        for item in anomalies[:_ROWS]
    ]
    more = f" The first {_ROWS} of {len(anomalies)}; acceptance.json holds all." if len(anomalies) > _ROWS else ""
    caption = f"Anomalies. A reserve does not stand in the way: there is more than before.{more}"
    return Table(
        caption, ("Anomaly", "State", "Product and quantity", "Verdict", "Difference", "Cause or justification"), rows
    )


def _worst_lines(products: Sequence[ProductVerdict]) -> Table:
    lines = [line for product in products for line in product.lines if line.ratio > 0]
    lines.sort(key=lambda line: (-line.ratio, line.product, line.quantity))
    rows = [
        (
            place(line),
            line.verdict,
            number(line.largest, line.unit),
            number(line.rms),
            f"{number(line.allowed)} ({line.tolerance})",
            number(line.ratio),
            f"{line.outside} of {line.compared}",
            f"{line.where}: {line.reference} -> {line.new}" if line.reference or line.new else line.where,
        )
        for line in lines[:_ROWS]
    ]
    heads = ("Quantity", "Verdict", "Largest", "Rms", "Allowed there", "Share of it", "Outside", "Where")
    return Table("Largest differences against what is allowed, the worst first.", heads, rows)


def _product_table(products: Sequence[ProductVerdict]) -> Table:
    rows = [
        (
            product.label,
            product.kind,
            product.verdict,
            str(sum(bool(line.quantity) for line in product.lines)),
            "; ".join(filter(None, (product.lines[0].note if not product.lines[0].quantity else "", product.cause))),
        )
        for product in products[:_PRODUCTS]
    ]
    more = f" The first {_PRODUCTS} of {len(products)}; acceptance.json holds all." if len(products) > _PRODUCTS else ""
    return Table(f"Products.{more}", ("Product", "Kind", "Verdict", "Quantities", "Why"), rows)


def _plots(products: Sequence[ProductVerdict]) -> list[Plot]:
    found = []
    for product in products:
        for unit in dict.fromkeys(curve.unit for curve in product.curves):
            mine = [curve for curve in product.curves if curve.unit == unit]
            allowed = min(curve.allowed for curve in mine)
            reach = max(abs(float(value)) for curve in mine for value in (curve.values.min(), curve.values.max()))
            guides = {"tolerance": allowed, "": -allowed} if 0 < allowed < 20 * reach else {}
            told = f"Allowed: {number(allowed, unit)}." if allowed > 0 else "No difference is allowed."
            found.append(
                Plot(
                    f"{product.label}: new minus reference, {unit}",
                    unit,
                    [Trace(curve.quantity.replace("_", " "), curve.seconds, curve.values) for curve in mine],
                    f"{told} Axes of the reference orbit." if unit in ("m", "m/s") else told,
                    guides,
                    dates=True,
                )
            )
    return found[:_PLOTS]
