"""Estimates as tables: one row per measurement, elements with their sigmas, in Veis axes frozen at ignition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orbit_aux.burns.burn import Burn
from orbit_aux.burns.count_kernels import states_at
from orbit_aux.burns.counts import Counts
from orbit_aux.burns.model import CUT_OFF, FLOW, FORCE, IGNITION, BurnModel, Reference
from orbit_aux.burns.monitor import Stretch
from orbit_aux.constants import EARTH_MU_M3S2
from orbit_aux.elements import EQUINOCTIAL, KEPLERIAN, element_derivatives, equinoctial, keplerian
from orbit_aux.tracking import Tracking

Array = NDArray[np.float64]

_ANGLES = ("true_longitude", "inclination", "argument_of_perigee", "node", "mean_anomaly")


@dataclass(frozen=True, eq=False)
class Estimates:
    """Filtered quantities, one row per epoch: states (n, 6) with square roots of covariances (n, 6, m), and the thrust."""

    state: Array
    state_root: Array
    acceleration: Array
    acceleration_sigma: Array
    thrust: Array
    thrust_sigma: Array
    flow: Array
    flow_sigma: Array
    forecast: Array
    forecast_sigma: Array


def of_stretch(stretch: Stretch, counts: Counts) -> Estimates:
    """Estimates after each epoch of `stretch`."""
    reference, shifts, roots = stretch.reference, stretch.shifts, stretch.roots
    ends = np.flatnonzero(
        np.diff(counts.epoch[stretch.first : stretch.stop], append=counts.epoch[stretch.stop - 1] + 1)
    )
    at = counts.tags[stretch.first : stretch.stop, 1][ends]
    state, state_root = _states(reference, at, shifts, roots)
    parameters = reference.parameters + shifts
    force = parameters[:, FORCE]
    thrust = np.sqrt(np.sum(force**2, axis=1))
    along = np.einsum("ni,nij->nj", force / thrust[:, None], roots[:, FORCE])
    flow, flow_sigma = _flow(reference.model, parameters, thrust, along, roots)
    burnt = np.clip(at - parameters[:, IGNITION], 0.0, parameters[:, CUT_OFF] - parameters[:, IGNITION])
    mass = (reference.model.burn.mass_kg - flow * burnt)[:, None]
    lit = ((at >= parameters[:, IGNITION]) & (at < parameters[:, CUT_OFF]))[:, None]
    end_state, end_root = _states(reference, np.full(len(at), reference.parameters[CUT_OFF]), shifts, roots)
    forecast, gradient = semi_major_axis(end_state)
    return Estimates(
        state,
        state_root,
        np.where(lit, force / mass, 0.0),
        _norm(roots[:, FORCE]) / mass,
        thrust,
        _norm(along),
        flow,
        flow_sigma,
        forecast,
        _norm(np.einsum("ni,nij->nj", gradient, end_root)),
    )


def semi_major_axis(state: Array) -> tuple[Array, Array]:
    """Semi-major axis (n,) of states (n, 6), and its derivatives (n, 6)."""
    position, velocity = state[:, :3], state[:, 3:]
    radius = np.sqrt(np.sum(position**2, axis=1))
    axis = 1.0 / (2.0 / radius - np.sum(velocity**2, axis=1) / EARTH_MU_M3S2)
    by_position = position / radius[:, None] ** 3
    slope: Array = 2.0 * axis[:, None] ** 2 * np.concatenate([by_position, velocity / EARTH_MU_M3S2], axis=1)
    return axis, slope


def dataset(
    estimates: Estimates,
    row: NDArray[np.int64],
    tracking: Tracking,
    tests: tuple[Array, Array, NDArray[np.int64]],
    axes: Array,
    burn: Burn,
) -> xr.Dataset:
    """Rows of `tracking`; `row` is the epoch of each in `estimates`; tests: innovation, its variance, whether accepted."""
    innovations, variances, accepted = tests
    one = "measurement"
    unit = ["m" if kind == "RANGE" else "m/s" for kind in tracking.kind.tolist()]
    units = "m/s" if "m" not in unit else "m/s (DOPPLER), m (RANGE)"
    variables: dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, str]]] = {
        "transmitter": ((one,), tracking.transmitter, {"units": "1"}),
        "receiver": ((one,), tracking.receiver, {"units": "1"}),
        "kind": ((one,), tracking.kind, {"units": "1"}),
        "interval": ((one,), tracking.interval_s, {"units": "s"}),
        "measured": ((one,), tracking.value, {"units": units}),
        "residual": ((one,), innovations, {"units": units, "long_name": "innovation: measured less predicted before"}),
        "innovation_sigma": ((one,), np.sqrt(variances), {"units": units}),
        "nis": ((one,), innovations**2 / variances, {"units": "1"}),
        "accepted": ((one,), accepted.astype(bool), {"units": "1"}),
    }
    for name, values, sigma, own in _quantities(estimates, axes):
        dims = (one,) if values.ndim == 1 else (one, "axis")
        variables[name] = (dims, values[row], {"units": own})
        variables[f"{name}_sigma"] = (dims, sigma[row], {"units": own})
    time = (one, tracking.stop.utc_datetime64(), {"scale": "UTC", "long_name": "end of the count"})
    attributes = {"axes_of_elements": "Veis, frozen at ignition", "axes_of_thrust": burn.axes, "frame": "GCRF"}
    return xr.Dataset(variables, {"time": time}, attributes)


def _quantities(estimates: Estimates, axes: Array) -> list[tuple[str, Array, Array, str]]:
    state, root = estimates.state, estimates.state_root
    sigma = _norm(root)
    elements, elements_sigma = elements_of(state, root, axes)
    named = [
        ("position", state[:, :3], sigma[:, :3], "m"),
        ("velocity", state[:, 3:], sigma[:, 3:], "m/s"),
        ("thrust_acceleration", estimates.acceleration, estimates.acceleration_sigma, "m/s2"),
        ("thrust", estimates.thrust, estimates.thrust_sigma, "N"),
        ("flow", estimates.flow, estimates.flow_sigma, "kg/s"),
        ("forecast_semi_major_axis", estimates.forecast, estimates.forecast_sigma, "m"),
    ]
    for name, values in elements.items():
        unit = "m" if name == "semi_major_axis" else "deg" if name in _ANGLES else "1"
        named.append((name, values, elements_sigma[name], unit))
    return named


def elements_of(state: Array, root: Array, axes: Array) -> tuple[dict[str, Array], dict[str, Array]]:
    """Equinoctial and Keplerian elements (m, 1, deg) of states (n, 6) GCRF in `axes`, and their sigmas from square roots (n, 6, m)."""
    turned = np.concatenate([state[:, :3] @ axes.T, state[:, 3:] @ axes.T], axis=1)
    turned_root = np.concatenate([axes @ root[:, :3], axes @ root[:, 3:]], axis=1)
    values: dict[str, Array] = {}
    sigmas: dict[str, Array] = {}
    equal = equinoctial(turned[:, :3], turned[:, 3:])
    for kepler, names in ((False, EQUINOCTIAL), (True, KEPLERIAN)):
        own = keplerian(equal) if kepler else equal
        slope = element_derivatives(turned[:, :3], turned[:, 3:], kepler)
        spread = _norm(slope @ turned_root)
        for column, name in enumerate(names):
            degrees = 180.0 / np.pi if name in _ANGLES else 1.0
            value = np.mod(own[:, column], 2.0 * np.pi) if name == "true_longitude" else own[:, column]
            values[name], sigmas[name] = value * degrees, spread[:, column] * degrees
    return values, sigmas


def _states(reference: Reference, at: Array, shifts: Array, roots: Array) -> tuple[Array, Array]:
    nodes = states_at(reference.times, reference.nodes, at)
    size = nodes.shape[2] - 1
    state = nodes[:, :, 0] + np.einsum("nij,nj->ni", nodes[:, :, 1:], shifts[:, :size])
    return state, nodes[:, :, 1:] @ roots[:, :size]


def _flow(model: BurnModel, parameters: Array, thrust: Array, along: Array, roots: Array) -> tuple[Array, Array]:
    last = parameters[:, FLOW]
    if model.frame[1] == 0:
        return last, _norm(roots[:, FLOW])
    slope = along / last[:, None] - (thrust / last**2)[:, None] * roots[:, FLOW]
    return thrust / last, _norm(slope)


def _norm(root: Array) -> Array:
    size: Array = np.sqrt(np.sum(root**2, axis=-1))
    return size
