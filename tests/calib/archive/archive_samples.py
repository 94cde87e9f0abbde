"""Small results for the tests of the archive; a module of its own so that processes started by tests use it too."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from calib.lineage import Cause, Lineage
from calib.types import Result, as_record

BANDS = ["B1", "B2", "B10"]


def sample(
    step: str = "gain", subject: str = "MOON_1", seed: int = 0, causes: tuple[Cause, ...] = (), size: int = 1
) -> Result:
    """A result whose key and numbers depend on `seed`; its record has `size` kilobytes of noise, which does not compress."""
    rng = np.random.default_rng(seed)
    data = xr.Dataset(
        {
            "k": ("band", rng.normal(size=3), {"units": "1"}),
            "quicklook": as_record(
                xr.DataArray(rng.integers(0, 255, (1024 * size,), "u1"), dims="x", attrs={"units": "DN"})
            ),
            "flags": ("band", ["", "eclipse,low", "é"]),
        },
        {"band": BANDS},
    )
    return Result(data, lineage(step, subject, {"seed": seed, "limit": 0.1}, causes))


def lineage(step: str, subject: str, parameters: dict[str, Any], causes: tuple[Cause, ...] = ()) -> Lineage:
    return Lineage(
        step, "1", parameters, causes, subject, "run-1", "2026-01-01T00:00:00Z", 1.5, {"numpy": "2"}, "host", "user"
    )


def cause(role: str, result: Result) -> Cause:
    return Cause(role, result.digest, result.label, result.key)
