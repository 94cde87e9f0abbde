"""What is to be doubted of fitted kernels: whether they stand out, what else may explain their light, what may hide beside them."""

from __future__ import annotations

import numpy as np

from calib.moon.straylight.search import BandSky, Way
from calib.moon.straylight.templates import Kernel

#: explanations that fit worse by less than this in chi square are not told apart
SAME_CHI_SQUARE = 9.0
#: disk radii along the scan by which light may miss the place of a crosstalk, to be tried as one
NEARBY = 0.05


def first_numbers(kernels: tuple[Kernel, ...]) -> list[int]:
    """Where in a covariance of all free numbers the factor of each kernel stands."""
    sizes = [len(kernel.free) for kernel in kernels]
    return [int(item) for item in np.cumsum([0, *sizes])[: len(sizes)]]


def _fixed_normal(band: BandSky, kernels: tuple[Kernel, ...]) -> np.ndarray:
    """Normal matrix of the factors alone."""
    return band.sky.normal(np.concatenate([band.disks[item.source].stray(item) for item in kernels]))


def significance(band: BandSky, kernels: tuple[Kernel, ...]) -> tuple[float, ...]:
    """By how many sigma (white noise) each factor differs from nothing, the others being free."""
    if not kernels:
        return ()
    sigma = np.sqrt(np.diag(np.linalg.pinv(_fixed_normal(band, kernels), hermitian=True)))
    return tuple(abs(kernel.factor) / float(u) for kernel, u in zip(kernels, sigma, strict=True))


def degeneracy(
    band: BandSky, ways: tuple[Way, ...], kernels: tuple[Kernel, ...]
) -> tuple[tuple[tuple[str, ...], ...], tuple[float, ...]]:
    """Per kernel, the other ways that would explain its light within what the sky tells apart, and the uncertainty of its factor beside theirs."""
    names, joint = [], []
    for number, kernel in enumerate(kernels):
        others = [
            Kernel(way.kind, way.source, way.offset, kernel.x, kernel.offset + kernel.y - way.offset, kernel.blur)
            for way in ways
            if (way.kind, way.source) != (kernel.kind, kernel.source)
            and way.kind != "halo"
            and way.holds(kernel, slack=NEARBY)
        ]
        normal = _fixed_normal(band, (*kernels, *others))
        light = kernel.factor**2 * normal[number, number]
        size = len(kernels)
        alike = [
            item
            for item in range(size, size + len(others))
            if light * (1 - normal[number, item] ** 2 / (normal[number, number] * normal[item, item] + 1e-300))
            < SAME_CHI_SQUARE
        ]
        kept = [*range(size), *alike]
        covariance = np.linalg.pinv(normal[np.ix_(kept, kept)], hermitian=True, rcond=1e-12)
        names.append(tuple(others[item - size].kind + " " + others[item - size].source for item in alike))
        joint.append(float(np.sqrt(covariance[number, number])))
    return tuple(names), tuple(joint)


def hidden(
    band: BandSky, ways: tuple[Way, ...], kernels: tuple[Kernel, ...], covariance: np.ndarray, limit: float
) -> tuple[float, ...]:
    """The uncertainty of each factor by crosstalks that were not found: each may have any factor below its limit. `covariance` for white noise."""
    if not kernels:
        return ()
    taken = {(kernel.kind, kernel.source) for kernel in kernels}
    slopes = np.concatenate([band.disks[kernel.source].stray(kernel, slopes=True) for kernel in kernels])
    variance = np.zeros(len(slopes))
    for way in ways:
        if way.kind != "crosstalk" or (way.kind, way.source) in taken:
            continue
        template = band.disks[way.source].stray(Kernel("crosstalk", way.source, way.offset, 0.0, 0.0, way.blurs[0]))[0]
        square = band.sky.square(template)
        if square > 0:
            pulled = np.tensordot(slopes, band.sky.weight * band.sky.flat(template), axes=([1, 2], [0, 1]))
            variance += (covariance @ pulled * limit) ** 2 / (3 * square)
    return tuple(float(item) for item in np.sqrt(variance[first_numbers(kernels)]))
