"""The kernels of one band: found one after another in its sky, and fitted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calib.moon.straylight.doubts import NEARBY, SAME_CHI_SQUARE, degeneracy, first_numbers, hidden, significance
from calib.moon.straylight.search import BandSky, Way
from calib.moon.straylight.templates import Kernel, Sky

_ITERATIONS = 25
#: of the best candidate's gain, from which on another is fitted too
_WORTH_A_FIT = 0.6
#: chi square that a further step may still gain
_SETTLED = 0.02
_HUBER_SIGMA = 4.0
#: cells averaged in each direction to see whether the noise averages down
_COARSE = 4
#: the median of the square of a normal deviate
_MEDIAN_SQUARE = 0.4549
#: a ghost's displacement over its uncertainty, squared, from which on it is no halo, whatever the fit
_NOT_DISPLACED = 36.0
#: how far beyond its search range a kernel may settle
_BEYOND = 1.3


@dataclass(frozen=True, eq=False)
class Found:
    """The kernels of a band with the covariance of all their free numbers (those of a kernel together, the factor first) and their significance.

    `hidden` is the uncertainty of each factor by crosstalks that may hide below the limit. `alternatives` names per kernel the other ways that explain
    its light as well, `joint` is the uncertainty of its factor where theirs are free too. `noise_scale`, which is in all uncertainties, tells by how much
    the noise averages down less than white noise does (1: as white noise).
    """

    kernels: tuple[Kernel, ...]
    covariance: np.ndarray
    significance: tuple[float, ...]
    alternatives: tuple[tuple[str, ...], ...]
    joint: tuple[float, ...]
    hidden: tuple[float, ...]
    noise_scale: float

    def factors(self) -> list[int]:
        """Where in the covariance the factor of each kernel stands."""
        return first_numbers(self.kernels)


@dataclass(frozen=True)
class Limits:
    """When a kernel is one: beyond `sigmas`, and with a factor of at least `factor` for its source; `most` of them in a band."""

    sigmas: float
    factor: Mapping[str, float]
    most: int

    def weakest(self, kernels: tuple[Kernel, ...], significance: tuple[float, ...], noise_scale: float) -> int | None:
        """The kernel that is none, the least significant one first."""
        ranked = sorted(range(len(kernels)), key=lambda item: significance[item])
        for item in ranked:
            kernel = kernels[item]
            if significance[item] < self.sigmas * noise_scale or abs(kernel.factor) < self.factor[kernel.source]:
                return item
        return None


def find(band: BandSky, ways: tuple[Way, ...], limits: Limits, start: tuple[Kernel, ...] = ()) -> Found:
    """The kernels that stand out, beginning with those of an earlier pass."""
    kernels, covariance = refine(band, ways, start)
    for _ in range(2 * limits.most):
        scale = noise_scale(band.sky, band.residual(kernels))
        trial, trial_covariance = _grown(band, ways, kernels) if len(kernels) < limits.most else (kernels, covariance)
        gain = _chi_square(band, kernels) - _chi_square(band, trial)
        weak = limits.weakest(trial, significance(band, trial), scale)
        # a newcomer that is none itself ends the search; one that makes another superfluous replaces it
        grown = gain > (limits.sigmas * scale) ** 2 and weak != len(trial) - 1
        if grown:
            kernels, covariance = trial, trial_covariance
        weak = limits.weakest(kernels, significance(band, kernels), scale)
        if weak is not None:
            kernels, covariance = refine(band, ways, kernels[:weak] + kernels[weak + 1 :])
        elif not grown:
            rebuilt = _rebuilt(band, ways, kernels, limits, scale)
            if rebuilt is None:
                break
            kernels, covariance = rebuilt
    scale = noise_scale(band.sky, band.residual(kernels))
    alternatives, joint = degeneracy(band, ways, kernels)
    beside = hidden(band, ways, kernels, covariance, limits.sigmas * scale)
    return Found(
        kernels,
        covariance * scale**2,
        tuple(item / scale for item in significance(band, kernels)),
        alternatives,
        tuple(item * scale for item in joint),
        beside,
        scale,
    )


def _rebuilt(
    band: BandSky, ways: tuple[Way, ...], kernels: tuple[Kernel, ...], limits: Limits, scale: float
) -> tuple[tuple[Kernel, ...], np.ndarray] | None:
    """The kernels with one of the band's own disk replaced by a crosstalk and a new one, where that explains more by the limit: a wide ghost that
    stands for two kernels is a minimum from which no third one leads away. None where there is no such."""
    taken = {kernel.source for kernel in kernels if kernel.kind == "crosstalk"}
    own = [way for way in ways if way.kind != "crosstalk"]
    others = [way for way in ways if way.kind == "crosstalk" and way.source not in taken]
    wanted = _chi_square(band, kernels) - (limits.sigmas * scale) ** 2
    best = None
    for number, kernel in enumerate(kernels if len(kernels) < limits.most else ()):
        rest = kernels[:number] + kernels[number + 1 :]
        residual = band.residual(rest)
        for way in others if kernel.kind != "crosstalk" else ():
            first = _candidate(band, residual, [way])
            second = None if first is None else _candidate(band, band.residual((*rest, first[1])), own)
            if first is None or second is None:
                continue
            trial = refine(band, ways, (*rest, first[1], second[1]))
            reached = _chi_square(band, trial[0])
            if reached < wanted and limits.weakest(trial[0], significance(band, trial[0]), scale) is None:
                best, wanted = trial, reached
    return best


def refine(band: BandSky, ways: tuple[Way, ...], start: tuple[Kernel, ...]) -> tuple[tuple[Kernel, ...], np.ndarray]:
    """The kernels that fit best, all their numbers together, by damped Gauss-Newton steps with Huber's weights; and the covariance for white noise.

    What the sky does not tell is held by the search range as by a prior: displacement and blur to where it was found, the factor to nothing.
    """
    kernels, damping = start, 1e-3
    if not kernels:
        return (), np.zeros((0, 0))
    prior, reference = _prior(ways, kernels), _numbers(tuple(replace(kernel, factor=0.0) for kernel in kernels))
    normal, right, cost = _linear(band, kernels)
    cost += float(prior @ (_numbers(kernels) - reference) ** 2)
    for _ in range(_ITERATIONS):
        matrix = normal + np.diag(prior + damping * np.diag(normal) + 1e-12)
        step = np.linalg.solve(matrix, right - prior * (_numbers(kernels) - reference))
        trial = _stepped(ways, kernels, step)
        trial_normal, trial_right, trial_cost = _linear(band, trial)
        trial_cost += float(prior @ (_numbers(trial) - reference) ** 2)
        if trial_cost > cost:
            damping *= 8
            if damping > 1e4:
                break
            continue
        settled = cost - trial_cost < _SETTLED
        kernels, normal, right, cost, damping = trial, trial_normal, trial_right, trial_cost, damping / 4
        if settled:
            break
    return kernels, np.linalg.inv(normal + np.diag(prior + 1e-12))


def _settled(
    band: BandSky, ways: tuple[Way, ...], kernels: tuple[Kernel, ...], covariance: np.ndarray
) -> tuple[tuple[Kernel, ...], np.ndarray]:
    """The kernels, each ghost told as what needs less: as the crosstalk whose light falls there, or, where it is not displaced, as a halo."""
    for number in range(len(kernels)):
        for simpler in _simpler(ways, kernels, number, covariance):
            trial, trial_covariance = refine(band, ways, (*kernels[:number], simpler, *kernels[number + 1 :]))
            if _chi_square(band, trial) - _chi_square(band, kernels) < SAME_CHI_SQUARE:
                kernels, covariance = trial, trial_covariance
                break
    return kernels, covariance


def _simpler(ways: tuple[Way, ...], kernels: tuple[Kernel, ...], number: int, covariance: np.ndarray) -> list[Kernel]:
    """What a ghost may be instead."""
    ghost = kernels[number]
    if ghost.kind != "ghost":
        return []
    taken = {kernel.source for kernel in kernels if kernel.kind == "crosstalk"}
    found = []
    for way in ways:
        along = ghost.offset + ghost.y - way.offset
        if way.kind == "crosstalk" and way.source not in taken and way.holds(ghost, slack=NEARBY):
            within = float(np.clip(along, -way.reach[1], way.reach[1]))
            found.append(replace(ghost, kind="crosstalk", source=way.source, offset=way.offset, y=within))
    first = sum(len(kernel.free) for kernel in kernels[:number]) + 1
    place = np.array([ghost.x, ghost.y])
    distance = place @ np.linalg.solve(covariance[first : first + 2, first : first + 2], place)
    if distance < _NOT_DISPLACED:
        found.append(replace(ghost, kind="halo", x=0.0, y=0.0))
    return found


def noise_scale(sky: Sky, residual: np.ndarray) -> float:
    """How much larger the residual of groups of cells is than white noise would leave it; at least one."""
    rows, columns = (size // _COARSE * _COARSE for size in residual.shape)
    shape = rows // _COARSE, _COARSE, columns // _COARSE, _COARSE
    weight = sky.weight[:rows, :columns].reshape(shape)
    summed = (weight * residual[:rows, :columns].reshape(shape)).sum(axis=(1, 3))
    kept = np.count_nonzero(weight, axis=(1, 3)) == _COARSE**2
    if np.count_nonzero(kept) < 50:
        return 1.0
    square = summed[kept] ** 2 / weight.sum(axis=(1, 3))[kept]
    return float(max(1.0, np.sqrt(np.median(square) / _MEDIAN_SQUARE)))


def _grown(band: BandSky, ways: tuple[Way, ...], kernels: tuple[Kernel, ...]) -> tuple[tuple[Kernel, ...], np.ndarray]:
    """The kernels and the one more that explains most, as the least that it can be: a halo where that does as well as a ghost or a crosstalk."""
    residual = band.residual(kernels)
    # a source gives a band one crosstalk
    taken = {(kernel.kind, kernel.source) for kernel in kernels if kernel.kind == "crosstalk"}
    others = _candidate(
        band, residual, [way for way in ways if way.kind != "halo" and (way.kind, way.source) not in taken]
    )
    halo = _candidate(band, residual, [way for way in ways if way.kind == "halo"])
    tried = [(*item, penalty) for item, penalty in ((others, SAME_CHI_SQUARE), (halo, 0.0)) if item is not None]
    trials = []
    for gain, candidate, penalty in tried:
        # a halo that explains far less than something displaced is none
        if gain > _WORTH_A_FIT * max(item[0] for item in tried):
            trial = _settled(band, ways, *refine(band, ways, (*kernels, candidate)))
            trials.append((_chi_square(band, trial[0]) + penalty, trial))
    return min(trials, key=lambda item: item[0])[1] if trials else refine(band, ways, kernels)


def _candidate(band: BandSky, residual: np.ndarray, ways: Sequence[Way]) -> tuple[float, Kernel] | None:
    """The strongest kernel with its gain; among ways that explain the light alike, the one that displaces it least of its range."""
    ranked = [item for item in band.candidates(residual, ways) if item[0] > 0]
    alike = [item for item in ranked if item[0] > ranked[0][0] - SAME_CHI_SQUARE]
    return min(alike, key=lambda item: _reached(ways, item[1]), default=None)


def _reached(ways: Sequence[Way], kernel: Kernel) -> float:
    reach = _way_of(ways, kernel).reach
    return max(abs(kernel.x) / max(reach[0], 1e-9), abs(kernel.y) / max(reach[1], 1e-9))


def _linear(band: BandSky, kernels: tuple[Kernel, ...]) -> tuple[np.ndarray, np.ndarray, float]:
    """Normal matrix, right side and cost (Huber) of the free numbers of the kernels."""
    stacks = [band.disks[kernel.source].stray(kernel, slopes=True) for kernel in kernels]
    model = np.sum([kernel.factor * stack[0] for kernel, stack in zip(kernels, stacks, strict=True)], axis=0)
    residual = band.sky.flat(band.counts - model)
    templates = np.concatenate(stacks)
    sigma = np.abs(residual) * np.sqrt(band.sky.weight)
    held = np.minimum(1.0, _HUBER_SIGMA / np.maximum(sigma, 1e-9))
    cost = float(np.sum(np.where(sigma < _HUBER_SIGMA, sigma**2, 2 * _HUBER_SIGMA * sigma - _HUBER_SIGMA**2)))
    weighted = band.sky.flat(held * residual) * band.sky.weight
    right = np.tensordot(templates, weighted, axes=([1, 2], [0, 1]))
    return band.sky.normal(templates), right, cost


def _chi_square(band: BandSky, kernels: tuple[Kernel, ...]) -> float:
    return float(np.sum(band.sky.weight * band.residual(kernels) ** 2))


def _numbers(kernels: tuple[Kernel, ...]) -> np.ndarray:
    return np.array([getattr(kernel, name) for kernel in kernels for name in kernel.free])


def _prior(ways: tuple[Way, ...], kernels: tuple[Kernel, ...]) -> np.ndarray:
    """Inverse squares of the search ranges, and of the largest factors expected."""
    rows = []
    for kernel in kernels:
        way = _way_of(ways, kernel)
        width = {"factor": way.largest, "x": way.reach[0], "y": way.reach[1], "blur": way.blurs[-1]}
        rows += [max(width[name], 1e-9) ** -2.0 for name in kernel.free]
    return np.array(rows)


def _way_of(ways: Sequence[Way], kernel: Kernel) -> Way:
    return next(way for way in ways if (way.kind, way.source) == (kernel.kind, kernel.source))


def _stepped(ways: tuple[Way, ...], kernels: tuple[Kernel, ...], step: np.ndarray) -> tuple[Kernel, ...]:
    """The kernels after a step, held about within their range."""
    moved, first = [], 0
    for kernel in kernels:
        way, size = _way_of(ways, kernel), len(kernel.free)
        item = kernel.moved(step[first : first + size])
        across, along = (_BEYOND * reach for reach in way.reach)
        bounds = {
            "factor": (-way.largest, way.largest),
            "x": (-across, across),
            "y": (-along, along),
            "blur": (0.0, _BEYOND * way.blurs[-1]),
        }
        x, y, blur, factor = (
            float(np.clip(getattr(item, name), *bounds[name])) for name in ("x", "y", "blur", "factor")
        )
        moved.append(replace(item, x=x, y=y, blur=blur, factor=factor))
        first += size
    return tuple(moved)
