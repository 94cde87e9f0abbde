"""Content keys: what a result depends on, as digests, and the record of it.

A digest stands for content, never for a name, a place or a date of a file. Host, software and clock are recorded with a result but never enter its key:
the same inputs give the same key on every machine.
"""

from __future__ import annotations

import getpass
import hashlib
import importlib.metadata
import json
import platform
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

_BLOCK = 1 << 20
#: arrays whose dtype says less than this about them: a file gives text and dates back in another one
_KINDS = {"O": "text", "U": "text", "S": "text", "M": "time", "m": "duration"}


def digest_bytes(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def canonical(content: Any) -> bytes:
    """Plain data (mappings, sequences, text, numbers, booleans, None) as bytes that do not depend on the order of keys. NaN is refused."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(content: Any) -> str:
    """Digest of plain data."""
    return digest_bytes(canonical(content))


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read block by block."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


def digest_dataset(dataset: xr.Dataset) -> str:
    """Digest of names, dimensions, values and attributes of a dataset, whatever their order and the layout of the file that held them."""
    parts = [canonical({"attrs": _plain(dataset.attrs)})]
    for name in sorted(map(str, dataset.variables)):
        variable = dataset.variables[name]
        values = np.ascontiguousarray(variable.values)
        if values.dtype.kind in "OUS":
            body = canonical([item.decode() if isinstance(item, bytes) else str(item) for item in values.ravel()])
        elif values.dtype.kind == "b":
            body = values.astype("u1").tobytes()
        elif values.dtype.kind in "mM":
            body = values.astype(f"{values.dtype.kind}8[ns]").astype("<i8").tobytes()
        else:
            # + 0 turns the negative zero, which compares equal, into the positive one; the sign of NaN is the processor's choice
            if values.dtype.kind == "f":
                values = np.where(np.isnan(values), values.dtype.type(np.nan), values)
            body = (values + values.dtype.type(0)).astype(values.dtype.newbyteorder("<")).tobytes()
        kind = _KINDS.get(values.dtype.kind) or values.dtype.newbyteorder("<").str
        head = {
            "name": name,
            "dims": list(map(str, variable.dims)),
            "shape": list(values.shape),
            "dtype": kind,
            "attrs": _plain(variable.attrs),
        }
        parts += [canonical(head), body]
    return digest_bytes(b"".join(len(part).to_bytes(8, "little") + part for part in parts))


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    # h5netcdf gives numpy scalars back where plain numbers were written; a name for plots may be reworded without redoing anything
    return {
        str(key): value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for key, value in attrs.items()
        if key != "long_name"
    }


@dataclass(frozen=True)
class Cause:
    """One thing a result depends on: its role for the step, the digest of its content, a label for people, and the key of the result it is (if it is one)."""

    role: str
    content: str
    label: str
    key: str | None = None


@dataclass(frozen=True)
class Lineage:
    """Why a result is what it is. `step`, `version`, `parameters` and the contents of `causes` make the key; all the rest is for people."""

    step: str
    version: str
    parameters: Mapping[str, Any]
    causes: tuple[Cause, ...]
    subject: str = ""
    run: str = ""
    started_utc: str = ""
    seconds: float = 0.0
    software: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    user: str = ""

    @property
    def key(self) -> str:
        """Digest of everything that may change the numbers."""
        return result_key(self.step, self.version, self.parameters, self.causes)

    def to_plain(self) -> dict[str, Any]:
        return {
            **vars(self),
            "causes": [asdict(cause) for cause in self.causes],
            "parameters": dict(self.parameters),
            "software": dict(self.software),
        }

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> Lineage:
        return cls(**{**content, "causes": tuple(Cause(**cause) for cause in content["causes"])})


def result_key(step: str, version: str, parameters: Mapping[str, Any], causes: tuple[Cause, ...]) -> str:
    """Key of the result of `step` with these parameters and causes; ValueError where two causes have one role."""
    roles = [cause.role for cause in causes]
    if len(set(roles)) < len(roles):
        raise ValueError(f"step '{step}': two causes have one role in {roles}; give each its own")
    return digest(
        {
            "step": step,
            "version": version,
            "parameters": dict(parameters),
            "causes": {cause.role: cause.content for cause in causes},
        }
    )


def differences(old: Lineage, new: Lineage) -> list[str]:
    """Why `new` is not `old`, one phrase per cause that changed: for ledgers, plans and reports."""
    reasons = [] if old.version == new.version else [f"{new.step} version {old.version} -> {new.version}"]
    for name in sorted({*old.parameters, *new.parameters}):
        before, after = old.parameters.get(name), new.parameters.get(name)
        if before != after:
            reasons.append(f"{new.step}.{name}: {before} -> {after}")
    before_by_role = {cause.role: cause for cause in old.causes}
    for cause in new.causes:
        before_cause = before_by_role.get(cause.role)
        if before_cause is None or before_cause.content != cause.content:
            was = before_cause.label if before_cause else "none"
            reasons.append(
                f"{cause.role}: {was} -> {cause.label}"
                if was != cause.label
                else f"{cause.role}: other content of {cause.label}"
            )
    roles = {cause.role for cause in new.causes}
    return reasons + [f"{cause.role}: {cause.label} -> none" for cause in old.causes if cause.role not in roles]


def circumstances() -> dict[str, Any]:
    """Software versions, host and user, recorded outside the key."""
    packages = (
        "etalon-calibration",
        "numpy",
        "scipy",
        "xarray",
        "dask",
        "rasterio",
        "scikit-image",
        "astropy",
        "pyerfa",
    )
    software = {"python": platform.python_version()}
    for name in packages:
        try:
            software[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            software[name] = "not installed"
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return {"software": software, "host": socket.gethostname(), "user": user}
