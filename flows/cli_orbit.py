"""The commands of orbits, in the order in which their help lists them."""

from __future__ import annotations

from collections.abc import Callable

import typer

from flows.cli_orbit_change import orbit_change
from flows.cli_orbit_conjunction import orbit_conjunction, orbit_screen
from flows.cli_orbit_decay import orbit_decay
from flows.cli_orbit_design import orbit_design, orbit_transfer
from flows.cli_orbit_events import orbit_events
from flows.cli_orbit_geolocate import orbit_crossing, orbit_geolocate, orbit_sky
from flows.cli_orbit_keep import orbit_daily, orbit_keep
from flows.cli_orbit_qualify import orbit_qualify
from flows.cli_orbit_restitute import orbit_monitor, orbit_montecarlo, orbit_restitute, simulate_burn

__all__ = ["orbit_app", "simulate_burn"]

orbit_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Orbits: restituted, searched for events, looked from, designed, kept, watched, ended; and what a new orbit changes.",
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "restitute": orbit_restitute,
    "monitor": orbit_monitor,
    "montecarlo": orbit_montecarlo,
    "change": orbit_change,
    "geolocate": orbit_geolocate,
    "sky": orbit_sky,
    "crossing": orbit_crossing,
    "events": orbit_events,
    "design": orbit_design,
    "transfer": orbit_transfer,
    "keep": orbit_keep,
    "daily": orbit_daily,
    "conjunction": orbit_conjunction,
    "screen": orbit_screen,
    "decay": orbit_decay,
    "qualify": orbit_qualify,
}
for name, command in _COMMANDS.items():
    orbit_app.command(name)(command)
