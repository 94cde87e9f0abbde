"""The commands of orbits."""

from __future__ import annotations

import typer

from flows.cli_orbit_geolocate import orbit_geolocate

orbit_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Orbits.")
orbit_app.command("geolocate")(orbit_geolocate)
