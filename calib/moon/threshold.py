"""The older way to the disk, for comparison: everything above a threshold is Moon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects, label

from calib.errors import InputError


@dataclass(frozen=True)
class ThresholdDisk:
    """Middle and half extents [pixel] of what is above the threshold, and its counts above the sky [DN pixel]."""

    column: float
    line: float
    semi_column: float
    semi_line: float
    total: float


def threshold_disk(counts: np.ndarray, share: float = 0.1) -> ThresholdDisk:
    """The largest patch of `counts` (line, column; DN) above the sky by `share` of the brightest hundredth of the light.

    The unlit side has no edge and the middle of the patch lies towards the Sun: right at full Moon only. InputError where nothing stands out.
    """
    border = max(len(counts) // 20, 1)
    sky = float(np.median(np.concatenate([counts[:border], counts[-border:]])))
    light = counts - sky
    level = share * float(np.percentile(light, 99))
    patches, number = label(light > level)
    if level <= 0 or number == 0:
        raise InputError("nothing in the image stands out of the sky; give an image of the Moon")
    largest = int(np.argmax(np.bincount(patches.ravel())[1:])) + 1
    rows, columns = find_objects(patches, largest)[largest - 1]
    return ThresholdDisk(
        (columns.start + columns.stop - 1) / 2,
        (rows.start + rows.stop - 1) / 2,
        (columns.stop - columns.start) / 2,
        (rows.stop - rows.start) / 2,
        float(light[patches == largest].sum()),
    )
