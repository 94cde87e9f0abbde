"""Small results, and processes of their own, for the tests of the archive."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
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


def in_child(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """A process of its own, forked so that it need not import anything anew."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


def finish(process: BaseProcess) -> None:
    process.join(60)
    assert process.exitcode == 0
