"""Key-value text (KVN) of parameter, tracking, attitude and conjunction messages: to items, and from groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from orbit_aux.ccsds.ndm_content import Entry, Group, Item, check_version, refuse, with_unit

_MARKS = ("META_START", "META_STOP", "DATA_START", "DATA_STOP")
#: groups whose values stand on one line after their epoch, and those with marks around them
_ROWS = ("attitudeState",)
_MARKED = {"metadata": "META", "data": "DATA"}


def parse_kvn(file: Path, text: str, kind: str) -> list[Item]:
    """The items of a KVN message of that kind (OPM, TDM, AEM, CDM), its version checked and left out; `file` is only named in errors."""
    found: list[Item] = []
    lines = text.splitlines()
    versioned = False
    for line, content in enumerate(lines, 1):
        item = parse_line(content, line)
        if item is None:
            continue
        if not versioned:
            if item.key != f"CCSDS_{kind}_VERS":
                refuse(
                    file,
                    line,
                    f"{content.strip()[:60]!r} where CCSDS_{kind}_VERS should stand",
                    f"give a file of {kind}",
                )
            check_version(file, kind, Entry(item.text, line))
            versioned = True
            continue
        found.append(item)
    if not versioned:
        refuse(file, max(len(lines), 1), "an empty file", f"give a file of {kind}")
    return found


def parse_line(content: str, line: int) -> Item | None:
    """The item of one line; nothing for an empty one."""
    stripped = content.strip()
    if not stripped:
        return None
    if stripped.startswith("COMMENT") and stripped[7:8] in ("", " ", "\t"):
        return Item("COMMENT", stripped[7:].strip(), "", line)
    if stripped in _MARKS:
        return Item(stripped, "", "", line)
    key, equals, value = stripped.partition("=")
    if not equals:
        return Item("", stripped, "", line)
    return with_unit(key.strip(), value.strip(), line)


def render_kvn(kind: str, version: str, groups: Sequence[Group]) -> str:
    """The text of a message; `groups` are its header and segments."""
    lines = [f"CCSDS_{kind}_VERS = {version}"]
    marked = kind not in ("OPM", "CDM")
    for group in groups:
        lines += _lines(group, marked)
    return "\n".join(lines) + "\n"


def _lines(group: Group, marked: bool) -> Iterator[str]:
    if group.tag in _ROWS:
        yield " ".join(_texts(group))
    elif group.tag == "observation":
        epoch, value = group.content
        assert isinstance(epoch, Item) and isinstance(value, Item)
        yield f"{value.key} = {epoch.text} {value.text}"
    else:
        mark = _MARKED.get(group.tag) if marked else None
        if mark:
            yield from ("", f"{mark}_START")
        for part in group.content:
            if isinstance(part, Group):
                yield from _lines(part, marked)
            elif part.key == "COMMENT":
                yield f"COMMENT {part.text}"
            else:
                yield f"{part.key} = {part.text}" + (f" [{part.unit}]" if part.unit and not marked else "")
        if mark:
            yield f"{mark}_STOP"


def _texts(group: Group) -> Iterator[str]:
    for part in group.content:
        if isinstance(part, Group):
            yield from _texts(part)
        else:
            yield part.text
