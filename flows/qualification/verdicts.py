"""Differences judged by tolerances: verdicts of quantities, products and the whole, and anomalies with identifiers that stay."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from flows.qualification.compared import TEXT, Array, Compared, Comparison, Finding
from flows.qualification.tolerances import Closure, Tolerance, Tolerances

#: from the best to the worst
VERDICTS = ("equal", "not compared", "within", "new", "missing", "not comparable", "outside")
ANOMALOUS = ("new", "missing", "not comparable", "outside")
ACCEPTED, RESERVES, REFUSED = "ACCEPTED", "ACCEPTED WITH RESERVES", "NOT ACCEPTED"
#: what the last digit of a tolerance as a binary number may take
_SLACK = 1e-9


@dataclass(frozen=True)
class Line:
    """One quantity of one product, judged. An empty quantity means the product as a whole; NaN means that there is no such number."""

    product: str
    kind: str
    quantity: str
    verdict: str
    unit: str = ""
    compared: int = 0
    differing: int = 0
    outside: int = 0
    largest: float = math.nan
    rms: float = math.nan
    allowed: float = math.nan
    """What was allowed where the difference is worst."""
    ratio: float = math.nan
    """Largest share of what is allowed that a difference takes."""
    where: str = ""
    reference: str = ""
    new: str = ""
    sigmas: float = math.nan
    """The worst difference over the standard uncertainty of both."""
    tolerance: str = ""
    reason: str = ""
    note: str = ""
    blocking: bool = True

    @property
    def identifier(self) -> str:
        """The same in every run for the same product and quantity."""
        return "A-" + hashlib.sha256(f"{self.product}\0{self.quantity}".encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Curve:
    """Differences over time for a plot, with what is allowed where it is the same throughout."""

    quantity: str
    unit: str
    seconds: Array
    values: Array
    allowed: float


@dataclass(frozen=True)
class ProductVerdict:
    """A product with its lines."""

    label: str
    kind: str
    verdict: str
    lines: Sequence[Line]
    digests: tuple[str, str]
    cause: str = ""
    notes: Sequence[str] = ()
    curves: Sequence[Curve] = field(default=(), repr=False)


@dataclass(frozen=True)
class Anomaly:
    """A line that is not as it should be, numbered, and the justification that closes it, if any."""

    number: int
    identifier: str
    line: Line
    cause: str
    closure: Closure | None

    @property
    def state(self) -> str:
        if self.closure is not None:
            return "closed with justification"
        return "open" if self.line.blocking else "reserve"


def judge(label: str, kind: str, comparison: Comparison, tolerances: Tolerances) -> tuple[list[Line], list[Curve]]:
    """All lines of a product, and the curves worth a plot."""
    lines, curves = [], []
    for item in comparison.compared:
        passed = tolerances.passed_over(label, kind, item.quantity)
        if passed is not None:
            lines.append(Line(label, kind, item.quantity, "not compared", item.unit, reason=passed.reason))
            continue
        line = _line(label, kind, item, tolerances)
        lines.append(line)
        if item.seconds is not None and line.differing and item.quantity not in ("position", "velocity"):
            curves.append(Curve(item.quantity, item.unit, item.seconds, item.difference, line.allowed))
    return [*lines, *(_found(label, kind, item, tolerances) for item in comparison.findings)], curves


def whole(label: str, kind: str, verdict: str, note: str, blocking: bool = True) -> Line:
    """The line of a product that is not compared quantity by quantity."""
    return Line(label, kind, "", verdict, note=note, blocking=blocking)


def worst(verdicts: Sequence[str]) -> str:
    """The worst of several verdicts; of none, equal."""
    return max(verdicts, key=VERDICTS.index, default="equal")


def anomalies_of(products: Sequence[ProductVerdict], closures: Mapping[str, Closure]) -> list[Anomaly]:
    """Lines that are not as they should be, the worst first, each with the closure that holds for it."""
    causes = {product.label: product.cause for product in products}
    lines = [line for product in products for line in product.lines if line.verdict in ANOMALOUS]
    lines.sort(key=lambda line: (-VERDICTS.index(line.verdict), -_rank(line.ratio), line.product, line.quantity))
    found = []
    for number, line in enumerate(lines, 1):
        closure = closures.get(line.identifier)
        if closure is not None and not closure.holds(line.largest, line.unit):
            closure = None
        found.append(Anomaly(number, line.identifier, line, causes.get(line.product, ""), closure))
    return found


def verdict_of(anomalies: Sequence[Anomaly]) -> str:
    """Of the whole: refused while an anomaly that stands in the way is open."""
    if any(item.state == "open" for item in anomalies):
        return REFUSED
    return RESERVES if anomalies else ACCEPTED


def _found(label: str, kind: str, item: Finding, tolerances: Tolerances) -> Line:
    passed = tolerances.passed_over(label, kind, item.quantity)
    verdict, reason = (item.verdict, "") if passed is None else ("not compared", passed.reason)
    return Line(
        label, kind, item.quantity, verdict, differing=item.count, note=item.note, reason=reason, blocking=item.blocking
    )


def _rank(ratio: float) -> float:
    return -1.0 if math.isnan(ratio) else ratio


def _line(label: str, kind: str, item: Compared, tolerances: Tolerances) -> Line:
    size = np.abs(item.difference)
    filled = ~np.isnan(size)
    differing = int(np.count_nonzero(size[filled]))
    if differing == 0:
        return Line(label, kind, item.quantity, "equal", item.unit, int(filled.sum()), largest=0.0, rms=0.0, ratio=0.0)
    rule = tolerances.of(label, kind, item.quantity, item.unit, bool(item.scale.any()))
    allowed = np.zeros(len(size))
    if rule is not None:
        allowed = np.maximum(rule.allowed[0], rule.share * item.scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(size > 0, size / allowed, 0.0)
    ratio[~filled] = -1.0
    beyond = ratio > 1.0 + _SLACK
    # where several are infinitely far out, the largest difference is told
    ranked = np.lexsort((np.where(filled, size, -1.0), ratio))
    place = int(ranked[-1])
    finite = size[np.isfinite(size)]
    sigma = math.nan if item.sigma is None else float(item.sigma[place])
    reference, new = item.values(place)
    return Line(
        label,
        kind,
        item.quantity,
        "outside" if beyond.any() else "within",
        item.unit,
        int(filled.sum()),
        differing,
        int(np.count_nonzero(beyond)),
        largest=float(size[filled].max()),
        rms=float(np.sqrt(np.mean(finite**2))) if len(finite) else math.nan,
        allowed=float(allowed[place]),
        ratio=float(ratio[place]),
        where=item.where(place),
        reference=reference,
        new=new,
        sigmas=float(size[place]) / sigma if sigma > 0 else math.nan,
        tolerance=_told(rule, item.unit),
        reason=_reason(rule, item.unit),
        note=_note(item.unit, size[place]),
    )


def _told(rule: Tolerance | None, unit: str) -> str:
    if rule is None:
        return "exact" if unit == TEXT else "none"
    share = f"{rule.relative} of the reference" if rule.relative is not None else ""
    return " or ".join(filter(None, (str(rule.tolerance) if rule.tolerance is not None else "", share)))


def _reason(rule: Tolerance | None, unit: str) -> str:
    if rule is not None:
        return rule.reason
    return "texts are compared exactly" if unit == TEXT else "no tolerance speaks of it: it has to be equal"


def _note(unit: str, size: float) -> str:
    if math.isfinite(size):
        return ""
    return "texts differ" if unit == TEXT else "a value in one set only, or infinite"
