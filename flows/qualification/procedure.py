"""The procedure of a qualification as it was carried out, as text to be signed."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from flows.qualification.compared import TEXT
from flows.qualification.tolerances import Tolerance
from flows.qualification.verdicts import ACCEPTED, Line

if TYPE_CHECKING:
    from flows.qualification.acceptance import Qualification


def procedure(found: Qualification, made: str) -> str:
    """The procedure as text: what was compared and how, with room for signatures."""
    request = found.request
    command = ["etalon", "orbit", "qualify", request["reference"], request["new"]]
    command += ["--tolerances", request["tolerances"]["file"]]
    command += [] if request["closed"] is None else ["--closed", request["closed"]["file"]]
    rules = found.tolerances.tolerances
    used = {line.reason for product in found.products for line in product.lines}
    lines = [
        "# Qualification of a new version: procedure and result",
        "",
        "## 1. Object",
        f"The results of the version in service, `{_code(request['reference'])}`, and those of the new version, `{_code(request['new'])}`,",
        "are compared product by product.",
        "",
        "## 2. Preparation",
        "1. Choose the days to be replayed and freeze their inputs: tracking, telemetry, plans, Earth orientation, stations. Record their digests.",
        "2. Replay them with the version in service into the reference folder, and with the new version into the new folder. Names of files stay the same.",
        "3. State the tolerances before looking at the differences.",
        "",
        "## 3. Execution",
        f"Carried out {made} with etalon-calibration {request['software'].get('etalon-calibration', '')}, Python {request['software'].get('python', '')}:",
        "",
        f"    {shlex.join([*command, '--output', 'ACCEPTANCE'])}",
        "",
        f"Tolerances: `{_code(request['tolerances']['file'])}`, SHA-256 {request['tolerances']['sha256']}.",
        "The command ends with 0 where the new set is accepted, 3 where it is not, 2 where the request is wrong.",
        "",
        "## 4. Products compared",
        "| product | kind | verdict | SHA-256 reference | SHA-256 new | cause |",
        "|---|---|---|---|---|---|",
        *(_row(p.label, p.kind, p.verdict, p.digests[0][:12], p.digests[1][:12], p.cause) for p in found.products),
        "",
        "## 5. Tolerances that were applied",
        "| products | quantities | tolerance | relative | reason |",
        "|---|---|---|---|---|",
        *(
            _row(_products(rule), ", ".join(rule.quantities), rule.tolerance or "", rule.relative or "", rule.reason)
            for rule in rules
            if rule.reason in used
        ),
        "",
        "Texts are compared exactly, times in seconds, angles over the shorter way round, longitude and latitude as metres on the ground.",
        "",
        "## 6. Result",
        f"**{found.verdict}**",
        "",
        f"{len(found.products)} products: {', '.join(f'{count} {verdict}' for verdict, count in found.counts.items())}.",
        "",
        "## 7. Anomalies",
    ]
    if found.anomalies:
        lines += ["| no. | identifier | product and quantity | verdict | difference | state | justification |"]
        lines += ["|---|---|---|---|---|---|---|"]
    for item in found.anomalies:
        told = "" if item.closure is None else f"{item.closure.justification} ({item.closure.by})"
        line = item.line
        lines.append(_row(str(item.number), item.identifier, place(line), line.verdict, amount(line), item.state, told))
    lines += _ending(found)
    return "\n".join(lines) + "\n"


def _ending(found: Qualification) -> list[str]:
    opened = [item for item in found.anomalies if item.state == "open"]
    remedy = [] if found.anomalies else ["None."]
    if opened:
        remedy = [
            "",
            "Each open anomaly is either mended, and this procedure carried out again, or closed with a justification in the file given to --closed:",
            "",
            f"    {opened[0].identifier}:",
            "      justification: why the difference is right or harmless",
            "      by: name and function",
            "      up_to: the largest difference that this holds for, with its unit (optional)",
        ]
    decision = "as it stands" if found.verdict == ACCEPTED else "with the reserves above" if not opened else ""
    said = (
        f"The new version may be put into service {decision}." if decision else "The new version stays out of service."
    )
    signatures = "| role | name | date | signature |\n|---|---|---|---|"
    roles = ("Carried out by", "Verified by", "Accepted by")
    return [*remedy, "", "## 8. Decision", said, "", signatures, *(f"| {role} | | | |" for role in roles)]


def _products(rule: Tolerance) -> str:
    """Of which products a tolerance speaks."""
    told = [item for item in (*rule.kinds, *rule.files) if item != "*"]
    return ", ".join(told) or "all"


def place(line: Line) -> str:
    return f"{line.product}: {line.quantity}" if line.quantity else line.product


def amount(line: Line, short: bool = False) -> str:
    """How large a difference is against what is allowed; unless `short`, where."""
    if line.verdict != "outside":
        return line.note
    where = "" if short else f" at {line.where}"
    if line.note:
        width = 24 if short else 60
        return f"{line.note}: {line.reference[:width]} -> {line.new[:width]}{where}"
    told = f"{number(line.largest, line.unit)}{where}, allowed {number(line.allowed)}"
    return f"{told}, {line.sigmas:.2g} standard deviations" if math.isfinite(line.sigmas) else told


def number(value: float, unit: str = "") -> str:
    """A figure to four digits, with its unit where it has one that says something."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "differs" if unit == TEXT else "infinite"
    return f"{value:.4g} {unit}" if unit not in ("", "1", TEXT) else f"{value:.4g}"


def _row(*cells: object) -> str:
    """A row of a table in Markdown, whatever its cells hold."""
    escaped = (
        str(cell).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'") for cell in cells
    )
    return f"| {' | '.join(' '.join(cell.split()) for cell in escaped)} |"


def _code(text: str) -> str:
    return text.replace("`", "'")
