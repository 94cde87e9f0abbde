"""Coefficients compared: of one image before and after another orbit, and of two periods of a camera.

What both share cancels, by the correlation label of each component.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from calib.uncertainty import COMMON, Component, Uncertain, linear
from calib.units import stamp

#: the component of a coefficient that stands for the orbit it was computed from
GEOMETRY = "geometry"
#: what rounding of the geometry may do to a coefficient, relative: half a quantum of phase (5e-5 degree) at the steepest that the Moon is, 5 % a degree
ROUNDING = 2.5e-6
#: the residual of a lunar model with phase: one for all dates, says its label, but measured to be steady for one phase angle only
PHASE_RESIDUAL = "model_phase"
#: between dates whose phases differ by so much it is another one; dates within half of it are compared with each other, where both periods have such
_PHASE_MEMORY_DEG = 20.0


def change_of_one_image(old: Uncertain, new: Uncertain, orbit_share: xr.DataArray | None = None) -> xr.Dataset:
    """What another orbit did to the coefficients of one image, all relative ("1") over the dimensions of `old`.

    `change` = new / old - 1. The image is the same, so every component but that of the geometry is one error in both, and only its difference is left:
    `shared_uncertainty`. `orbit_uncertainty` is what the change is expected to be, k = 1: by `orbit_share` where the orbits state their covariances, else
    the geometry components of both, taken as independent; with the rounding of both geometries. `over_uncertainty` is the change over the total uncertainty
    of the new coefficient, `over_orbit` over `orbit_uncertainty`.
    """
    ratio = linear(
        lambda before, after: after / before - 1.0, "1", before=_of_image(old, "old"), after=_of_image(new, "new")
    )
    zero = xr.zeros_like(ratio.value, dtype=float).drop_attrs()
    of_orbit = [item.values for item in ratio.components if item.name.startswith(GEOMETRY)]
    shared = [item.values for item in ratio.components if not item.name.startswith(GEOMETRY)]
    expected = sum((item**2 for item in of_orbit), zero) if orbit_share is None else orbit_share.drop_attrs() ** 2
    orbit = (expected + 2 * ROUNDING**2) ** 0.5
    change = ratio.value.drop_attrs()
    relative = (new.total() / new.value).drop_attrs()
    variables = {
        "change": (change, "new over old coefficient, minus one"),
        "shared_uncertainty": (sum((item**2 for item in shared), zero) ** 0.5, "of what does not come from the orbit"),
        "orbit_uncertainty": (orbit, "what the orbits' own uncertainty lets expect"),
        "over_uncertainty": (change / relative, "change over the uncertainty of the coefficient"),
        "over_orbit": (change / orbit, "change over what the orbits' uncertainty lets expect"),
    }
    return xr.Dataset({name: stamp(array, "1", title) for name, (array, title) in variables.items()})


def _of_image(item: Uncertain, which: str) -> Uncertain:
    """With every error one and the same in all that is made of this image, but the geometry's, which is that orbit's own."""
    parts = (
        Component(f"{part.name}_{which}" if part.name == GEOMETRY else part.name, part.values, COMMON)
        for part in item.components
    )
    return Uncertain(item.value, tuple(parts))


def compare_periods(
    coefficient: Uncertain, phase_deg: np.ndarray, used: np.ndarray, after: np.ndarray, dim: str = "acquisition"
) -> xr.Dataset:
    """Means of a coefficient over (`dim`, "band") before and after a date, over "band": `before`, `after` (its units), `count_before`, `count_after`;
    `change` = after / before - 1, its `uncertainty` (k = 1) and the `significance`, their ratio; NaN where a period has no value.

    `phase_deg` (n,) signed phases of the Moon, `used` (n, bands) which values count, `after` (n,) which belong to the second period. What is one error on
    all dates cancels; what is each date's own averages down, and is at least as large as the values scatter about their period's mean. The residual of the
    model with phase cancels as far as the phases are alike: its correlation falls to zero over 20 degrees. So like is compared with like: where each period
    has dates within 10 degrees of one of the other, only these count.
    """
    used = used & _alike(phase_deg, used, after)
    value = coefficient.value.transpose(dim, "band").values
    groups = [used & ~after[:, np.newaxis], used & after[:, np.newaxis]]
    count = [group.sum(axis=0) for group in groups]
    with np.errstate(invalid="ignore", divide="ignore"):
        before, behind = (
            np.where(group, value, 0.0).sum(axis=0) / number for group, number in zip(groups, count, strict=True)
        )
        weight = groups[1] / count[1] / before - groups[0] / count[0] * behind / before**2
        own, shared = _variances(coefficient, weight, phase_deg, dim)
        spread = _scatter(value, groups, (before, behind)) ** 2 * (1.0 / count[0] + 1.0 / count[1])
        uncertainty = np.sqrt(shared + np.fmax(own, spread))
        change = behind / before - 1.0
        significance = change / uncertainty
    units = str(coefficient.value.attrs["units"])
    columns = {
        "before": (before, units), "after": (behind, units), "count_before": (count[0], "1"), "count_after": (count[1], "1"),
        "change": (change, "1"), "uncertainty": (uncertainty, "1"), "significance": (significance, "1"),
    }  # fmt: skip
    return xr.Dataset(
        {name: ("band", array, {"units": unit}) for name, (array, unit) in columns.items()},
        {"band": coefficient.value["band"].values},
    )


def _alike(phase_deg: np.ndarray, used: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which values (n, bands) have one of like phase in the other period; all, in a band that has no such pair."""
    near = np.abs(phase_deg[:, np.newaxis] - phase_deg) <= _PHASE_MEMORY_DEG / 2
    partner = (near & (after[:, np.newaxis] != after)).astype(int) @ used.astype(int) > 0
    paired = used & partner
    return np.where(paired.any(axis=0), paired, used)


def _variances(
    coefficient: Uncertain, weight: np.ndarray, phase_deg: np.ndarray, dim: str
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of the weighted sum by band: of the errors that are each date's own, and of those that dates share."""
    own, shared = np.zeros(weight.shape[1]), np.zeros(weight.shape[1])
    alike = np.clip(1.0 - np.abs(phase_deg[:, np.newaxis] - phase_deg) / _PHASE_MEMORY_DEG, 0.0, None)
    for item in coefficient.components:
        effect = weight * item.values.broadcast_like(coefficient.value).transpose(dim, "band").values
        if item.name == PHASE_RESIDUAL:
            shared += np.maximum(np.einsum("ib,ij,jb->b", effect, alike, effect), 0.0)
        elif item.same_along(dim):
            shared += effect.sum(axis=0) ** 2
        else:
            own += (effect**2).sum(axis=0)
    return own, shared


def _scatter(value: np.ndarray, groups: list[np.ndarray], means: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Relative standard deviation of values about the mean of their period, by band; NaN where no period has two."""
    square, freedom = np.zeros(value.shape[1]), np.zeros(value.shape[1])
    for group, mean in zip(groups, means, strict=True):
        square += (np.where(group, value / mean - 1.0, 0.0) ** 2).sum(axis=0)
        freedom += np.clip(group.sum(axis=0) - 1, 0, None)
    return np.asarray(np.sqrt(square / np.where(freedom > 0, freedom, np.nan)))
