"""Why a product may differ, as far as it is recorded: inputs, software and Earth orientation told by summaries, requests and lineages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calib.config import read_yaml
from calib.errors import EtalonError
from calib.lineage import differences
from flows.qualification.compared import NotComparableError
from flows.qualification.sets import Product, printable
from flows.qualification.trees import leaves, read_json

_SHOWN = 4
_NOT_RECORDED = "cause not recorded: no summary.json beside it tells of inputs and software"
Facts = Mapping[str, Mapping[str, str]]


def cause_of(reference: Product, new: Product, roots: tuple[Path, Path], told: list[str]) -> str:
    """One phrase: what of the recorded inputs differs, else whether the software does; `told` is what the products themselves say."""
    if reference.manifest is not None and new.manifest is not None:
        old, young = reference.manifest.lineage, new.manifest.lineage
        inputs = differences(old, young)
        return _phrase(
            inputs, _changed(old.software, young.software), told, bool(old.software and young.software), True
        )
    facts = [_facts(_nearest(product.path.parent, root)) for product, root in zip((reference, new), roots, strict=True)]
    if not facts[0] or not facts[1]:
        return "; ".join([*_several(told), *([] if told else [_NOT_RECORDED])])
    told = [
        text for text in told if text.split(".")[0].split(" ")[0] not in ("software", "inputs", "earth_orientation")
    ]
    inputs = []
    for group in ("input", "earth orientation", "request"):
        inputs += [f"{group} {text}" for text in _changed(*(item.get(group, {}) for item in facts))]
    software = [item.get("software", {}) for item in facts]
    known = any(group in facts[0] and group in facts[1] for group in ("input", "earth orientation", "request"))
    return _phrase(inputs, _changed(*software), told, all(software), known)


def _phrase(inputs: list[str], software: list[str], told: list[str], recorded: bool, known: bool) -> str:
    parts = [f"inputs differ: {'; '.join(_several(inputs))}"] if inputs else []
    if software:
        parts.append(
            f"{'' if inputs or not known else 'same inputs, '}different software: {'; '.join(_several(software))}"
        )
    elif not inputs and known and recorded:
        parts.append(
            "same inputs, same software as recorded: the computation does not repeat itself, or was altered unrecorded"
        )
    elif not inputs and known:
        parts.append("same inputs as recorded; the software is not recorded")
    elif not inputs:
        parts.append(_NOT_RECORDED)
    return "; ".join([*parts, *_several(told)])


def _several(phrases: list[str]) -> list[str]:
    return [*phrases[:_SHOWN], f"and {len(phrases) - _SHOWN} more"] if len(phrases) > _SHOWN else phrases


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        f"{name} {_short(old.get(name, 'none'))} -> {_short(new.get(name, 'none'))}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _short(value: str) -> str:
    digits = len(value) >= 40 and set(value) <= set("0123456789abcdef")
    return value[:12] if digits else printable(value[:60])


def _nearest(folder: Path, root: Path) -> Path:
    """The folder of the nearest summary at or above `folder`, within the set."""
    while folder != root and root in folder.parents:
        if (folder / "summary.json").is_file():
            return folder
        folder = folder.parent
    return root


def _facts(folder: Path) -> Facts:
    """What a run says that it was made from, by sort: input, earth orientation, request, software."""
    facts: dict[str, dict[str, str]] = {}
    try:
        for (_, place), value in leaves(read_json(folder / "summary.json")):
            sort, name = _sorted(place)
            if sort:
                facts.setdefault(sort, {})[name] = value
    except NotComparableError:
        pass
    # a digest says which file it was: its name and place do not matter
    inputs = facts.get("input", {})
    for name in [name for name in inputs if name.endswith(".sha256")]:
        inputs[name.removesuffix(".sha256")] = inputs.pop(name)
        inputs.pop(f"{name.removesuffix('.sha256')}.file", None)
    try:
        request: dict[str, Any] = read_yaml(folder / "request.yaml") if (folder / "request.yaml").is_file() else {}
        for (_, place), value in leaves(request):
            facts.setdefault("request", {})[place] = value
    except (EtalonError, NotComparableError):
        pass
    return facts


def _sorted(place: str) -> tuple[str, str]:
    """Sort and name of a leaf of a summary; no sort where it is a result."""
    parts = place.split(".")
    for sort, key in (("earth orientation", "earth_orientation"), ("software", "software")):
        if key in parts:
            return sort, ".".join(parts[parts.index(key) + 1 :]) or key
    if parts[-1] in ("software_version", "etalon_version", "version"):
        return "software", place
    if parts[0] == "inputs" or parts[-1] in ("sha256", "digest"):
        return "input", place.removeprefix("inputs.").removeprefix("files.")
    return "", ""
