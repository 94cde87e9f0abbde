"""One conjunction judged: whether the two-dimensional probability may be used, what stands in its place where it may not, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orbit_aux.ccsds.cdm import Conjunction
from orbit_aux.ccsds.opm import covariance_in_gcrf
from orbit_aux.conjunctions.collision import (
    EncounterPlane,
    Maximum,
    maximum_probability,
    probability_2d,
    unknown_covariance_maximum,
)
from orbit_aux.conjunctions.encounter import Encounter, closest_approach, duration_bounds, positive
from orbit_aux.conjunctions.flux import Flux, encounter_window, expected_collisions
from orbit_aux.conjunctions.monte_carlo import MonteCarlo, monte_carlo, wanted_samples
from orbit_aux.errors import OrbitError
from orbit_aux.frames import local_orbital_axes

Array = NDArray[np.float64]

#: two- and three-dimensional answers that differ by more are not the same
TOLERANCE = 0.03
#: below it nobody acts, and the two answers need not agree
NEGLIGIBLE = 1e-15
# an encounter that lasts longer than this part of a revolution is not short; a relative speed below it is low, m/s
_SHORT, _LOW_MS = 0.05, 10.0
# sizes of position covariances (m) at which something is wrong with them
_LARGE_M, _SMALL_M = 1000e3, 1.0
# the least eigenvalue of correlations of position and velocity that rounding in a file explains
_ROUNDING = -1e-3
# the part of all entries that begins inside, from which entries repeat
_REPEATED = 1e-3


@dataclass(frozen=True)
class Flag:
    """Something to know about an answer. `unusable`: the two-dimensional probability may not be used because of it."""

    name: str
    sentence: str
    unusable: bool = False


@dataclass(frozen=True)
class Choice:
    """How an encounter is computed: samples ("auto": where two dimensions fail; "off"; a number), half-length of the window (s; None: found), seed."""

    samples: int | str = "auto"
    window_s: float | None = None
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Assessment:
    """The probability of collision (None: it cannot be told) by `method` ("2d", "3d", "monte_carlo" or "none"), and everything it rests on."""

    encounter: Encounter
    probability: float | None
    method: str
    flags: tuple[Flag, ...]
    plane: EncounterPlane | None = None
    probability_2d: float | None = None
    maximum: Maximum | None = None
    flux: Flux | None = None
    monte_carlo: MonteCarlo | None = None
    duration_s: tuple[float, float] | None = None
    window_s: tuple[float, float] = (0.0, 0.0)
    tca_shift_s: float = 0.0
    unknown_covariance_maximum: float | None = None

    @property
    def usable_2d(self) -> bool:
        """Whether the two-dimensional probability may be used."""
        return self.probability_2d is not None and not any(flag.unusable for flag in self.flags)


def encounter_of(conjunction: Conjunction, radius_m: float | None = None) -> tuple[Encounter, list[Flag]]:
    """The encounter in GCRF that a CDM describes, and what is wrong with its numbers; without a radius anywhere it is refused."""
    radius = conjunction.hard_body_radius_m if radius_m is None else radius_m
    if radius is None:
        raise OrbitError(f"{conjunction.source}: no hard-body radius (COMMENT HBR = ... [m]); give it with --radius")
    states, matrices, known = [], [], []
    flags: list[Flag] = []
    for item in conjunction.objects:
        state = item.state.to("GCRF")
        states.append(np.concatenate([state.position_m[0], state.velocity_ms[0]]))
        known.append(item.covariance_rtn is not None)
        if item.covariance_rtn is None:
            flags.append(Flag("covariance_missing", f"{item.name} has no covariance: its position is taken as exact"))
            matrices.append(np.zeros((6, 6)))
            continue
        if item.missing:
            told = f"{', '.join(item.missing[:4])}{' ...' if len(item.missing) > 4 else ''}"
            flags.append(Flag("covariance_incomplete", f"{item.name} lacks {told} of its covariance: taken as 0"))
        matrices.append(covariance_in_gcrf(item.covariance_rtn, "RSW", state))
    encounter = Encounter(np.stack(states), np.stack(matrices), float(radius), (known[0], known[1]))
    return encounter, flags + _disagreements(conjunction, encounter)


def assess(encounter: Encounter, choice: Choice | None = None, flags: tuple[Flag, ...] = ()) -> Assessment:
    """Judge an encounter. `flags` are what is known of its numbers already."""
    options = choice or Choice()
    mended, told = _mended(encounter)
    mended, moved_s, late = _at_closest(mended)
    found = [*flags, *told, *late, *_sizes(mended)]
    if mended.radius_m == 0:
        found.append(Flag("radius_zero", "the hard-body radius is 0: points do not collide"))
        return Assessment(mended, 0.0, "2d", tuple(found), tca_shift_s=moved_s, probability_2d=0.0)
    miss = float(np.linalg.norm(mended.relative[:3]))
    if not mended.covariance.any():
        found.append(
            Flag("no_covariance", f"no covariance of either object: only the miss of {miss:.1f} m is known", True)
        )
        largest = unknown_covariance_maximum(miss, mended.radius_m)
        return Assessment(mended, None, "none", tuple(found), tca_shift_s=moved_s, unknown_covariance_maximum=largest)
    half = options.window_s
    window = encounter_window(mended) if half is None else (-half, half)
    flux = expected_collisions(mended, window)
    part = _in_two_dimensions(
        Assessment(mended, None, "2d", tuple(found), flux=flux, window_s=window, tca_shift_s=moved_s)
    )
    return _decided(part, options)


def _in_two_dimensions(part: Assessment) -> Assessment:
    """With the two-dimensional answer, where there is one, and whether it may be used."""
    encounter, flux = part.encounter, part.flux
    assert flux is not None
    speed = float(np.linalg.norm(encounter.relative[3:]))
    if not speed > 0:
        flag = Flag(
            "no_relative_speed", "the relative speed is 0: there is no encounter plane, 2-D is not applicable", True
        )
        return replace(part, flags=(*part.flags, flag))
    plane = encounter.plane
    value = probability_2d(plane.miss_m, plane.sigma_m, encounter.radius_m)
    bounds = duration_bounds(encounter)
    flags = list(part.flags)
    both = value, flux.probability
    if max(both) > NEGLIGIBLE and abs(both[0] - both[1]) > TOLERANCE * min(both):
        period = encounter.shortest_period_s
        longest = max(abs(bounds[0]), abs(bounds[1]))
        flags.append(
            Flag(
                "two_dimensions_fail",
                f"2-D gives {value:.4g}, 3-D with curved motion {both[1]:.4g}: 2-D may not be used",
                True,
            )
        )
        if longest > _SHORT * period:
            flags.append(
                Flag(
                    "long_encounter",
                    f"the encounter lasts from {bounds[0]:.4g} to {bounds[1]:.4g} s (Coppola), up to {longest / period:.2g} of a revolution: not short",
                    True,
                )
            )
        if speed < _LOW_MS:
            flags.append(
                Flag("low_relative_speed", f"the relative speed is {speed:.4g} m/s, below {_LOW_MS:g} m/s", True)
            )
    maximum = maximum_probability(plane.miss_m, plane.sigma_m, encounter.radius_m)
    return replace(part, flags=tuple(flags), plane=plane, probability_2d=value, duration_s=bounds, maximum=maximum)


def _decided(part: Assessment, options: Choice) -> Assessment:
    """With Monte Carlo where it is wanted, and the method chosen."""
    flux, encounter = part.flux, part.encounter
    assert flux is not None
    flags = list(part.flags)
    repeated = flux.inside_at_start > _REPEATED * flux.expected
    if repeated:
        flags.append(
            Flag(
                "repeated_entries",
                f"with a probability of {flux.inside_at_start:.3g} both are together at the beginning of the window already: "
                "entries repeat, and the 3-D number of them is more than the probability",
            )
        )
    usable = part.probability_2d is not None and not any(flag.unusable for flag in flags)
    samples = options.samples
    if samples == "auto":
        samples = 0 if usable else wanted_samples(flux, part.window_s, encounter.shortest_period_s)
    drawn = None if samples in ("off", 0) else monte_carlo(encounter, part.window_s, int(samples), flux, options.seed)
    method, value = ("2d", part.probability_2d) if usable else ("3d", flux.probability)
    if drawn is not None and not drawn.low <= float(value or 0.0) <= drawn.high:
        flags.append(
            Flag(
                "monte_carlo_differs",
                f"Monte Carlo gives {drawn.probability:.4g} [{drawn.low:.4g}, {drawn.high:.4g}], without {value:.4g}",
            )
        )
    if drawn is not None and drawn.hits >= 100 and not usable and (repeated or flags[-1].name == "monte_carlo_differs"):
        method, value = "monte_carlo", drawn.probability
    return replace(part, flags=tuple(flags), probability=value, method=method, monte_carlo=drawn)


def _mended(encounter: Encounter) -> tuple[Encounter, list[Flag]]:
    """Covariances without negative eigenvalues."""
    matrices, flags = [], []
    for place, matrix in enumerate(encounter.covariances):
        mended, worst = positive(matrix)
        if worst >= _ROUNDING and positive(matrix[:3, :3])[1] >= -1e-9:
            # as good as its printed digits; what uses velocities clips it itself
            mended = matrix
        else:
            flags.append(
                Flag(
                    "covariance_not_positive",
                    f"the covariance of object {place + 1} is not positive (least eigenvalue of its correlations {worst:.3g}): it was raised to 0",
                )
            )
        matrices.append(mended)
    return replace(encounter, covariances=np.stack(matrices)), flags


def _at_closest(encounter: Encounter) -> tuple[Encounter, float, list[Flag]]:
    """The encounter where the mean distance is least."""
    relative = encounter.relative
    speed = float(np.linalg.norm(relative[3:]))
    if not speed > 0:
        return encounter, 0.0, []
    shift = closest_approach(encounter, 0.25 * encounter.shortest_period_s)
    off = abs(float(relative[:3] @ relative[3:])) / speed
    if off <= max(1.0, 0.01 * float(np.linalg.norm(relative[:3]))) or abs(shift) < 1e-9:
        # within rounding of the date: a shift along the path changes nothing
        return encounter, 0.0, []
    sentence = (
        f"the states are {off:.1f} m along the path from their closest approach: moved by {shift:.6g} s (two bodies)"
    )
    return encounter.at(shift), shift, [Flag("not_at_closest_approach", sentence)]


def _sizes(encounter: Encounter) -> list[Flag]:
    flags = []
    for place, matrix in enumerate(encounter.covariances):
        if not encounter.known[place]:
            continue
        largest = math.sqrt(max(float(np.linalg.eigvalsh(matrix[:3, :3])[-1]), 0.0))
        if largest > _LARGE_M:
            sentence = (
                f"object {place + 1} is known to {largest / 1e3:.0f} km only: too large a covariance to decide on"
            )
            flags.append(Flag("covariance_large", sentence))
        if largest < _SMALL_M:
            sentence = f"object {place + 1} is known to {largest:.3g} m: hardly true, check units and scale"
            flags.append(Flag("covariance_small", sentence))
    return flags


def _disagreements(conjunction: Conjunction, encounter: Encounter) -> list[Flag]:
    """What the file says of the relative state against its own states."""
    axes = local_orbital_axes(encounter.states[:1, :3], encounter.states[:1, 3:])[0]
    position, velocity = axes @ encounter.relative[:3], axes @ encounter.relative[3:]
    miss, speed = float(np.linalg.norm(position)), float(np.linalg.norm(velocity))
    flags = []
    pairs = (
        ("MISS_DISTANCE", conjunction.miss_distance_m, miss, max(1.0, 1e-3 * miss), "m"),
        ("RELATIVE_SPEED", conjunction.relative_speed_ms, speed, max(1.0, 1e-3 * speed), "m/s"),
    )
    for name, given, own, margin, unit in pairs:
        if given is not None and abs(given - own) > margin:
            sentence = f"{name} is {given:.6g} {unit}, the states give {own:.6g} {unit}: the states are used"
            flags.append(Flag("relative_state_differs", sentence))
    vectors = (
        ("RELATIVE_POSITION", conjunction.relative_position_m, position, max(1.0, 1e-3 * miss), "m"),
        ("RELATIVE_VELOCITY", conjunction.relative_velocity_ms, velocity, max(1.0, 1e-3 * speed), "m/s"),
    )
    for name, vector, component, margin, unit in vectors:
        if vector is not None and float(np.linalg.norm(vector - component)) > margin:
            apart = float(np.linalg.norm(vector - component))
            sentence = f"{name}_R,T,N is {apart:.6g} {unit} from what the states give: the states are used"
            flags.append(Flag("relative_state_differs", sentence))
    return flags
