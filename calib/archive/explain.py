"""Why a result is what it is: the tree of its causes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from calib.archive.folder import Manifest
from calib.archive.store import Archive

_SHORT = 12


def explain(archive: Archive, key_or_prefix: str) -> str:
    """The tree of causes of a result as text, one line for each cause and a few for each result. A result met twice is drawn once."""
    graph = as_dict(archive, key_or_prefix)
    return "\n".join(_draw(graph["results"], graph["key"], set()))


def as_dict(archive: Archive, key_or_prefix: str) -> dict[str, Any]:
    """The same as plain data: `key`, and `results` that maps it and every result it depends on to what is known of them.

    A cause that is a result has its `key`; if `results` lacks that key, the archive holds it no longer.
    """
    root = archive.resolve(key_or_prefix)
    results: dict[str, Any] = {}
    waiting = [root]
    while waiting:
        key = waiting.pop(0)
        manifest = archive.manifest(key) if key not in results else None
        if manifest is not None:
            results[key] = _describe(archive, manifest)
            waiting += [cause.key for cause in manifest.lineage.causes if cause.key]
    return {"key": root, "results": results}


def _describe(archive: Archive, manifest: Manifest) -> dict[str, Any]:
    plain = manifest.lineage.to_plain()
    current = archive.current(manifest.lineage.step, manifest.lineage.subject)
    return {
        **{name: plain[name] for name in ("step", "version", "subject", "parameters", "run", "started_utc", "seconds")},
        **{name: plain[name] for name in ("host", "user", "software", "causes")},
        "stored_utc": manifest.stored_utc,
        "content": manifest.content,
        "current": current == manifest.key,
        "state": _state(archive, manifest, current),
    }


def _state(archive: Archive, manifest: Manifest, current: str | None) -> str:
    records = [item for item in archive.ledger.records() if archive.exists(item)]
    if current == manifest.key:
        last = next((item for item in reversed(records) if item.new == manifest.key), None)
        since = f" since {last.utc}, in the place of {last.old[:_SHORT]} (run {last.run})" if last else ""
        return f"current{since}{_because(last.reasons) if last else ''}"
    last = next((item for item in reversed(records) if item.old == manifest.key), None)
    if last is None:
        return f"not current: {str(current)[:_SHORT]} is, and this one was never activated"
    return f"superseded on {last.utc} by {last.new[:_SHORT]} (run {last.run}){_because(last.reasons)}"


def _because(reasons: tuple[str, ...]) -> str:
    return f": {'; '.join(reasons)}" if reasons else ""


def _draw(results: dict[str, Any], key: str, drawn: set[str]) -> Iterator[str]:
    node = results[key]
    yield f"{node['step']} {node['version']} · {node['subject']} · key {key[:_SHORT]} · content {node['content'][:_SHORT]}"
    if key in drawn:
        yield "  (drawn above)"
        return
    drawn.add(key)
    run = f" in run {node['run']}" if node["run"] else ""
    yield f"  made {node['started_utc'] or node['stored_utc']} on {node['host'] or 'an unnamed host'}{run}, {node['seconds']:.3g} s"
    yield f"  {node['state']}"
    if node["parameters"]:
        yield f"  parameters {_compact(node['parameters'])}"
    for number, cause in enumerate(node["causes"]):
        last = number == len(node["causes"]) - 1
        lines = _draw_cause(results, cause, drawn)
        yield f"{'└─' if last else '├─'} {cause['role']}: {next(lines)}"
        yield from (f"{'   ' if last else '│  '}{line}" for line in lines)


def _draw_cause(results: dict[str, Any], cause: dict[str, Any], drawn: set[str]) -> Iterator[str]:
    if cause["key"] in results:
        yield from _draw(results, cause["key"], drawn)
        return
    lost = f" · key {cause['key'][:_SHORT]}, no longer in this archive" if cause["key"] else ""
    yield f"{cause['label']} · content {cause['content'][:_SHORT]}{lost}"


def _compact(parameters: dict[str, Any]) -> str:
    text = yaml.safe_dump(parameters, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return str(text).strip()
