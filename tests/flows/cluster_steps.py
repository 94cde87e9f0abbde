"""Steps for clusters that misbehave; a worker process finds this module because the tests' path is its own."""

from __future__ import annotations

import numpy as np
import xarray as xr
from pydantic import Field

from calib.config import Model
from calib.steps import Step


class Size(Model):
    """How much memory to take."""

    mebibytes: int = Field(default=1, ge=1)


def take_memory(parameters: Size) -> xr.Dataset:
    """Fill memory, slowly enough for a nanny to see it."""
    import time

    held = []
    for _ in range(parameters.mebibytes // 16):
        held.append(np.ones(16 * 2**17))
        time.sleep(0.02)
    return xr.Dataset({"held": ((), float(len(held)), {"units": "1"})})


TAKE_MEMORY = Step("take_memory", "1", (), Size, take_memory)
