"""`etalon orbit qualify`: two sets of results compared against stated tolerances, from folders to an acceptance report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib.errors import EtalonError, RequestError, one_line
from calib.lineage import circumstances, digest_file
from flows.orbits.writing import check_output
from flows.qualification import messages, trees
from flows.qualification.causes import cause_of
from flows.qualification.compared import Comparison, NotComparableError
from flows.qualification.procedure import number
from flows.qualification.sets import Product, pairs_of, printable, products_of
from flows.qualification.tables import compare_table_files
from flows.qualification.tolerances import DEFAULT, Closure, Tolerances, read_closures, read_tolerances
from flows.qualification.verdicts import (
    ANOMALOUS,
    REFUSED,
    VERDICTS,
    Anomaly,
    ProductVerdict,
    anomalies_of,
    judge,
    verdict_of,
    whole,
    worst,
)

_MESSAGES = {"OEM": messages.compare_oem, "OPM": messages.compare_opm, "AEM": messages.compare_aem}


@dataclass(frozen=True)
class Qualification:
    """Everything that a report tells: what was asked, what was found of each product, anomalies, and the verdict."""

    request: Mapping[str, Any]
    tolerances: Tolerances
    products: Sequence[ProductVerdict]
    anomalies: Sequence[Anomaly]
    unused_closures: Sequence[str]
    verdict: str

    @property
    def counts(self) -> dict[str, int]:
        """Products by verdict."""
        found = [product.verdict for product in self.products]
        return {verdict: found.count(verdict) for verdict in VERDICTS if verdict in found}


def write_qualification(
    sets: tuple[Path, Path],
    tolerances: str = DEFAULT,
    closed: Path | None = None,
    output: Path | None = None,
) -> tuple[bool, list[str]]:
    """Compare two sets and write acceptance.json, differences.csv, report.html and procedure.md into `output`, by default a new folder named by the
    date; returns whether the new set is accepted, and the lines to print."""
    output = _dated() if output is None else output
    check_output(output)
    for folder in sets:
        if folder.resolve() in (output.resolve(), *output.resolve().parents):
            raise RequestError(f"--output {output}: lies inside the set {folder}; name a folder outside")
    judged, path = read_tolerances(tolerances)
    closures = read_closures(closed)
    request = {
        "reference": printable(str(sets[0])),
        "new": printable(str(sets[1])),
        "tolerances": {"file": printable(tolerances), "sha256": digest_file(path)},
        "closed": None if closed is None else {"file": printable(str(closed)), "sha256": digest_file(closed)},
        "software": circumstances()["software"],
    }
    found = qualify(sets, judged, closures, request)
    from flows.qualification.report import write_report

    write_report(found, output)
    return found.verdict != REFUSED, [*lines_of(found), f"Report: {output / 'report.html'}"]


def _dated() -> Path:
    """A folder of the present date that is not there yet."""
    name = f"acceptance-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (name, *(f"{name}-{number}" for number in range(2, 1000)))
    return next(path for path in map(Path, names) if not path.exists())


def qualify(
    sets: tuple[Path, Path],
    tolerances: Tolerances,
    closures: Mapping[str, Closure],
    request: Mapping[str, Any],
) -> Qualification:
    """All products of both sets compared and judged."""
    reference, new = (products_of(folder) for folder in sets)
    products = [_verdict(label, old, young, sets, tolerances) for label, old, young in pairs_of(reference, new)]
    anomalies = anomalies_of(products, closures)
    known = {item.identifier for item in anomalies}
    unused = [name for name in closures if name not in known]
    return Qualification(request, tolerances, products, anomalies, unused, verdict_of(anomalies))


def lines_of(found: Qualification) -> list[str]:
    """What an operator wants to read."""
    told = ", ".join(f"{count} {verdict}" for verdict, count in found.counts.items())
    lines = [f"{len(found.products)} products: {told}"]
    for item in found.anomalies[:12]:
        line = item.line
        place = f"{line.product}: {line.quantity}" if line.quantity else line.product
        verdict = "" if line.quantity.endswith(f" {line.verdict}") else f" {line.verdict}"
        lines.append(f"{item.identifier} {item.state}: {place}{verdict}{_size(item)}")
    if len(found.anomalies) > 12:
        lines.append(f"... and {len(found.anomalies) - 12} more anomalies")
    if found.unused_closures:
        lines.append(f"Closed but not found this time: {', '.join(map(printable, found.unused_closures))}")
    return [*lines, f"Verdict: {found.verdict}"]


def _size(item: Anomaly) -> str:
    line = item.line
    if line.verdict != "outside":
        return f": {line.note}" if line.note else ""
    if line.note:
        return f": {line.reference!r} -> {line.new!r} at {line.where}"
    return f": {number(line.largest, line.unit)}, allowed {number(line.allowed)} ({line.outside} of {line.compared}), worst at {line.where}"


def _verdict(
    label: str, old: Product | None, new: Product | None, sets: tuple[Path, Path], tolerances: Tolerances
) -> ProductVerdict:
    if old is None or new is None:
        one = old or new
        assert one is not None
        if old is None:
            line = whole(label, one.kind, "new", "only in the new set", blocking=False)
        else:
            line = whole(label, one.kind, "missing", "only in the reference")
        digest = one.digest
        return ProductVerdict(label, one.kind, line.verdict, [line], (digest, "") if new is None else ("", digest))
    digests = old.digest, new.digest
    if digests[0] == digests[1] and digests[0] and not (old.fault or new.fault):
        return ProductVerdict(label, old.kind, "equal", [whole(label, old.kind, "equal", "bit for bit")], digests)
    passed = tolerances.passed_over(label, old.kind, "")
    if passed is not None:
        line = whole(label, old.kind, "not compared", passed.reason)
        return ProductVerdict(label, old.kind, "not compared", [line], digests)
    try:
        comparison = _compared(label, old, new, tolerances)
        lines, curves = judge(label, old.kind, comparison, tolerances)
    # whatever a damaged file does to a reader, the other products are compared
    except (NotComparableError, EtalonError, Exception) as error:
        note = str(error) if isinstance(error, NotComparableError) else one_line(error)
        comparison, curves = Comparison(), []
        lines = [whole(label, old.kind, "not comparable", printable(note)[:300])]
    verdict = worst([line.verdict for line in lines if line.verdict != "not compared"])
    if any(line.quantity and line.blocking and line.verdict in ("missing", "new") for line in lines):
        # the product is there, rows of it are not
        verdict = worst([verdict, "outside"])
    differs = verdict == "within" or verdict in ANOMALOUS
    cause = cause_of(old, new, sets, comparison.causes) if differs else ""
    return ProductVerdict(label, old.kind, verdict, lines, digests, printable(cause), comparison.notes, curves)


def _compared(label: str, old: Product, new: Product, tolerances: Tolerances) -> Comparison:
    """The two files compared as what they are."""
    for product, which in ((old, "reference"), (new, "new set")):
        if product.fault:
            raise NotComparableError(f"in the {which}: {product.fault}")
    if old.kind != new.kind:
        raise NotComparableError(f"the reference is {old.kind}, the new set has {new.kind}")
    kind, pair = old.kind, (old.path, new.path)

    def passed_over(quantity: str) -> bool:
        return tolerances.passed_over(label, kind, quantity) is not None

    if kind in _MESSAGES:
        return _MESSAGES[kind](*pair)
    if kind == "TDM":
        return messages.compare_tdm(*pair, tolerances.keys(label, kind))
    if kind.isupper():
        return messages.compare_message(*pair, kind)
    if kind == "table":
        return compare_table_files(*pair, tolerances.keys(label, kind), passed_over)
    if kind == "tree":
        return trees.compare_trees(*pair, passed_over)
    if kind == "raster":
        return trees.compare_rasters(*pair)
    if kind in ("netCDF", "result"):
        return trees.compare_netcdf(*pair)
    return trees.compare_texts(*pair)
