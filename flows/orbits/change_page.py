"""The page of an orbit change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from calib.report.sheet import Plot, Sheet, Table, Trace, page
from flows.orbits.change_acceptance import ACCEPTED, Acceptance

if TYPE_CHECKING:
    from flows.orbits.change import Changed
    from flows.orbits.change_shift import Shift
    from flows.reprocess import Decision

#: more rows than people read are in the tables beside the page
_MOST = 60


def change_page(changed: Changed, lines: Sequence[str]) -> str:
    """One HTML page that needs nothing from outside."""
    tables = [_shifts(changed), _angles(changed), *([_coefficients(changed)] if changed.changes else [])]
    tables += [_gains(item) for item in changed.acceptances]
    plots = [*([_moved(changed)] if changed.changes else []), *map(_over_time, changed.acceptances)]
    notes = [f"Orbit: {path.name}" for path in changed.files] + [f"Archive: {changed.archive.name}"]
    notes += [f"Run in the archive: {run.run_id}" for run in changed.finished]
    shown = [item for item in tables if item.rows]
    return page(Sheet("Orbit change", _verdict(changed), lines, shown, plots, notes, good=changed.exit_code == 0))


def _verdict(changed: Changed) -> str:
    if changed.refused:
        return "The restitution is refused: nothing was changed"
    count, total = len(changed.plan.of("redo")), len(changed.plan.decisions)
    told = f"{count} of {total} acquisitions {'would be' if changed.dry_run else 'were'} done again, the others stand"
    judged = [f"{item.sensor} {'accepted' if item.accepted else 'not accepted'}" for item in changed.acceptances]
    return "; ".join([told, *judged])


def _moving(changed: Changed) -> list[tuple[Decision, Shift]]:
    found = [(item, item.shift) for item in changed.plan.decisions if item.shift is not None]
    return [(item, shift) for item, shift in found if any(shift.position_m)][:_MOST]


def _shifts(changed: Changed) -> Table:
    rows = []
    for item, shift in _moving(changed):
        sigma = "" if shift.sigma_m is None else f"{float(np.linalg.norm(shift.sigma_m)):.3g}"
        position = [f"{value:.1f}".replace("-0.0", "0.0") for value in (*shift.position_m, *shift.ground_m)]
        pixels = [f"{value:.3g}" if value < 1e4 else f"{value:.0f}" for value in (shift.ground_pixel, shift.moon_pixel)]
        rows.append((item.acquisition, item.action, *position[:3], sigma, *position[3:], *pixels))
    heads = (
        "Acquisition",
        "action",
        "radial m",
        "along m",
        "cross m",
        "new σ m",
        "ground along m",
        "cross m",
        "ground, pixels",
        "Moon, pixels",
    )
    caption = (
        "What the new orbit moves: the satellite, the point under it, and the Moon in the image, in pixels of the camera. Acquisitions that do not move are "
        "left out. The standard deviation is that which the new orbit states."
    )
    return Table(caption, heads, rows)


def _angles(changed: Changed) -> Table:
    rows = []
    for item, shift in _moving(changed):
        changes = [f"{value:.3g}" for value in shift.angles.values()]
        rows.append((item.acquisition, *changes, *(f"{value:.3g}" for value in shift.quanta.values())))
    names = ("phase", "latitude", "longitude", "distance")
    units = ("deg", "deg", "deg", "km")
    heads = (
        "Acquisition",
        *(f"{name} {unit}" for name, unit in zip(names, units, strict=True)),
        *(f"{name} / quantum" for name in names),
    )
    caption = (
        "Changes of the phase, of the selenographic place of the satellite and of its distance from the Moon, and the same over the quantum that each is "
        "rounded to: below half a quantum nothing is computed again, unless rounding falls otherwise."
    )
    return Table(caption, heads, rows)


def _coefficients(changed: Changed) -> Table:
    rows = [
        (
            f"{item.acquisition} {item.band}",
            f"{item.old_k:.5f}",
            f"{item.new_k:.5f}",
            f"{100 * item.new_u / item.new_k:.2f}",
            f"{100 * item.moved:+.4f}",
            f"{item.over_uncertainty:+.3f}",
            f"{100 * item.orbit_u:.4f}",
            f"{item.over_orbit:+.2f}",
        )
        for item in changed.changes[:_MOST]
    ]
    heads = (
        "Coefficient",
        "old k",
        "new k",
        "u(k) %",
        "change %",
        "change / u(k)",
        "u by the orbits %",
        "change / u by the orbits",
    )
    caption = (
        "Old and new coefficients. They share every error but the orbit's, so the change itself is exact to the "
        "rounding of the geometry. Over u(k) it says "
        "whether the change matters; over the uncertainty that the orbits state (or the budget allows for geometry) "
        "whether they told the truth: beyond ±2 one did not."
    )
    return Table(caption, heads, rows)


def _gains(item: Acceptance) -> Table:
    rows = []
    for row in item.rows():
        gains = (row["gain_before_DN_per_W_m-2_sr-1_um-1"], row["gain_after_DN_per_W_m-2_sr-1_um-1"])
        counts = f"{row['acquisitions_before']} / {row['acquisitions_after']}"
        figures = [_short(row[name]) for name in ("change_percent", "uncertainty_percent", "significance")]
        rows.append((row["band"], counts, *map(_short, gains), *figures, row["verdict"]))
    heads = (
        "Band",
        "dates before / since",
        "gain before",
        "gain since",
        "change %",
        "u of the change %",
        "significance",
        "verdict",
    )
    caption = (
        f"Acceptance of {item.sensor} since {item.since}: gains that the Moon proposes, DN / (W m⁻² sr⁻¹ µm⁻¹). What "
        f"all dates share (responses, solar spectrum, "
        f"scale of the model) cancels in the change; a band is accepted within {ACCEPTED:g} times the uncertainty that is left."
    )
    return Table(caption, heads, rows)


def _short(text: str) -> str:
    return f"{float(text):.4g}" if text else ""


def _moved(changed: Changed) -> Plot:
    names = list(dict.fromkeys(item.acquisition for item in changed.changes))[:8]
    traces = []
    for name in names:
        mine = [item for item in changed.changes if item.acquisition == name]
        moved = np.array([100 * item.moved for item in mine])
        band = np.array([100 * item.orbit_u for item in mine])
        traces.append(Trace(name, np.arange(1.0, len(mine) + 1), moved, band))
    return Plot(
        "What the orbit changed",
        "change of k, %",
        traces,
        "Change of each coefficient, with the uncertainty (k = 1) that the orbits let expect; bands in the order of the table.",
        guides={"": 0.0},
        x_name="Band, in the order of the table",
    )


def _over_time(item: Acceptance) -> Plot:
    bands = [str(band) for band in item.relative["band"].values]
    traces = [Trace(band, item.seconds, 100 * (item.relative.sel(band=band).values - 1.0), dots=True) for band in bands]
    end = float(item.seconds[-1])
    first = float(item.seconds[item.after][0])
    return Plot(
        f"Gains of {item.sensor} by the Moon",
        "against the mean before, %",
        traces,
        "Each date's gain against the mean of the old orbit, band by band.",
        guides={"": 0.0},
        dates=True,
        shaded=(first - 0.02 * (end - float(item.seconds[0])), end, f"since {item.since}"),
    )
