"""The commands of orbits: restitution from tracking or positions, the monitor, Monte Carlo, and simulated burns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calib.errors import RequestError
from flows.cli_orbit_geolocate import orbit_geolocate, orbit_sky
from flows.cli_orbit_qualify import orbit_qualify

if TYPE_CHECKING:
    from flows.orbits.inputs import Settings
    from orbit_aux.burns.restitution import BurnOptions

orbit_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Orbits: restituted from tracking or positions, watched through a burn, tried by Monte Carlo.",
)
orbit_app.command("geolocate")(orbit_geolocate)
orbit_app.command("sky")(orbit_sky)
orbit_app.command("qualify")(orbit_qualify)

Initial = Annotated[
    Path | None,
    typer.Option("--initial", metavar="FILE.opm", help="state, covariance, mass and planned burn (CCSDS OPM)"),
]
StationFile = Annotated[
    Path | None, typer.Option("--stations", metavar="FILE.csv", help="columns name,lat_deg,lon_deg,height_m")
]
Output = Annotated[Path, typer.Option("--output", metavar="DIR", help="a new or empty folder")]
Method = Annotated[
    str,
    typer.Option("--filter", metavar="full|paper", help="full: all that is not known is estimated; paper: nine states"),
]
AnyMethod = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="full|paper|batch|kalman",
        help="a burn: full, all that is not known is estimated, or paper, nine states; a low orbit: batch, or kalman with a smoother "
        "[default: full, with --positions batch]",
    ),
]
LightTime = Annotated[
    bool | None,
    typer.Option(
        "--light-time/--no-light-time",
        help="whether counts are of signals that travel [default: as the file says, else by likelihood]",
    ),
]
Doppler = Annotated[
    str | None,
    typer.Option(
        "--doppler", metavar="mean|sum", help="what values are of the two legs [default: as the file says, else mean]"
    ),
]
Sigma = Annotated[float, typer.Option("--sigma", metavar="M/S", help="standard deviation of a count")]
Spin = Annotated[
    str, typer.Option("--spin", metavar="auto|on|off", help="whether the antenna turns with the satellite")
]
Biases = Annotated[
    bool, typer.Option("--biases", help="estimate a constant bias of the counts of each receiving station")
]
Reference = Annotated[
    Path | None, typer.Option("--reference", metavar="O.oem", help="an orbit to compare with: radial, along, cross")
]
StepS = Annotated[float, typer.Option("--step", metavar="S", help="between the states of orbit.oem")]
EarthOrientationFile = Annotated[
    Path | None,
    typer.Option("--earth-orientation", metavar="FILE", help="finals2000A table [default: the packaged one]"),
]


@orbit_app.command("restitute")
def restitute(
    output: Output,
    tracking: Annotated[
        Path | None, typer.Option(metavar="FILE", help="counted Doppler and ranges: CCSDS TDM (KVN, XML) or CSV")
    ] = None,
    positions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="positions of a low orbit, alone or with tracking; see docs/orbit_low.md"),
    ] = None,
    initial: Initial = None,
    stations: StationFile = None,
    method: AnyMethod = None,
    light_time: LightTime = None,
    doppler: Doppler = None,
    sigma: Sigma = 0.02,
    spin: Spin = "auto",
    biases: Biases = False,
    reference: Reference = None,
    step: StepS = 10.0,
    earth_orientation: EarthOrientationFile = None,
) -> None:
    """Restitute an orbit through a burn from counted Doppler (orbit.oem, estimates.csv, summary.json, report.html), or a low orbit from positions, or
    from tracking with --filter batch."""
    if tracking is None and positions is None:
        raise RequestError(
            "orbit restitute: give --tracking (a burn, or with --filter batch a low orbit) or --positions (a low orbit)"
        )
    settings = _settings(doppler, step, reference, earth_orientation)
    low = ("batch", "kalman")
    if tracking is None or positions is not None or method in low:
        if method not in (None, *low):
            raise RequestError(f"--filter {method}: is for burns; a low orbit has {' and '.join(low)}")
        from flows.orbits.low import Observed, write_low_orbit

        observed = Observed(positions, tracking, stations, sigma)
        for line in write_low_orbit(observed, initial, output, settings, method or "batch"):
            print(line)
        return
    from flows.orbits.restitution import write_restitution

    options = _options(method or "full", light_time, sigma, spin, biases)
    verdict, lines = write_restitution(tracking, *_needed(initial, stations), output, options, settings)
    _end(verdict, lines)


@orbit_app.command("monitor")
def monitor(
    output: Output,
    tracking: Annotated[
        Path | None, typer.Option(metavar="FILE", help="a file with tracking [default: standard input]")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="wait for more at the end of the file, until interrupted")
    ] = False,
    initial: Initial = None,
    stations: StationFile = None,
    method: Method = "full",
    light_time: LightTime = None,
    doppler: Doppler = None,
    sigma: Sigma = 0.02,
    spin: Spin = "auto",
    biases: Biases = False,
    reference: Reference = None,
    step: StepS = 10.0,
    earth_orientation: EarthOrientationFile = None,
) -> None:
    """Watch a burn while its tracking arrives (TDM as key-value text, or CSV); at the end, or when interrupted, write what `restitute` writes."""
    from flows.orbits.monitor import monitor as watch

    if follow and tracking is None:
        raise RequestError("orbit monitor: --follow needs --tracking FILE; standard input is read until it ends")
    verdict, lines = watch(
        tracking,
        *_needed(initial, stations),
        output,
        _options(method, light_time, sigma, spin, biases),
        _settings(doppler, step, reference, earth_orientation),
        follow=follow,
    )
    _end(verdict, lines)


ScenarioName = Annotated[
    str | None, typer.Argument(metavar="[SCENARIO]", help="a name in configs/burns or a .yaml file", show_default=False)
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="the same request and seed give the same counts")]
Noise = Annotated[float, typer.Option("--noise", metavar="M/S", min=0.0, help="white noise of a count")]
SpinPeriod = Annotated[
    str | None, typer.Option("--spin-period", metavar="S|off", help="of the antenna [default: the scenario's]")
]


@orbit_app.command("montecarlo")
def montecarlo(
    output: Output,
    scenario: ScenarioName = None,
    initial: Initial = None,
    stations: StationFile = None,
    starts: Annotated[int, typer.Option(min=1, max=100_000, help="perturbed starts")] = 200,
    seed: Seed = 0,
    noise: Noise = 0.02,
    spin_period: SpinPeriod = None,
    method: Method = "full",
    light_time: LightTime = None,
    spin: Spin = "auto",
    cluster: Annotated[
        str, typer.Option(metavar="NAME", help="where Dask computes: a name in configs/cluster or a .yaml file")
    ] = "processes",
) -> None:
    """Restitute a simulated burn (a scenario, or the plan of an OPM) from many perturbed starts and from the wrong plans of the paper: errors, NEES, NIS."""
    from flows.orbits.montecarlo import write_montecarlo
    from flows.orbits.scenarios import experiment_of

    experiment = experiment_of(scenario, initial, stations, noise_ms=noise, spin=spin_period)
    # counts that are simulated without noise still have a weight
    options = _options(method, light_time, max(noise, 1e-3), spin)
    for line in write_montecarlo(experiment, output, starts, seed, options, cluster):
        print(line)


def simulate_burn(
    output: Output,
    scenario: ScenarioName = None,
    initial: Initial = None,
    stations: StationFile = None,
    seed: Seed = 0,
    noise: Noise = 0.02,
    spin_period: SpinPeriod = None,
) -> None:
    """Make the tracking of a burn with its truth: initial.opm, stations.csv, tracking.tdm, tracking.csv, truth.csv, truth.oem."""
    from flows.orbits.scenarios import experiment_of, write_simulation

    experiment = experiment_of(scenario, initial, stations, noise_ms=noise, spin=spin_period)
    for line in write_simulation(experiment, output, seed):
        print(line)


def _needed(initial: Path | None, stations: Path | None) -> tuple[Path, Path]:
    if initial is None or stations is None:
        lacking = " and ".join(
            name for name, file in (("--initial FILE.opm", initial), ("--stations FILE.csv", stations)) if file is None
        )
        raise RequestError(f"orbit: tracking of a burn needs {lacking}")
    return initial, stations


def _options(method: str, light_time: bool | None, sigma: float, spin: str, biases: bool = False) -> BurnOptions:
    from orbit_aux.burns.restitution import METHODS, SPIN, BurnOptions

    for name, value, allowed in (("--filter", method, METHODS), ("--spin", spin, SPIN)):
        if value not in allowed:
            raise RequestError(f"{name} {value}: use {' or '.join(allowed)}")
    if not 1e-5 <= sigma <= 100.0:
        raise RequestError(f"--sigma {sigma}: give the standard deviation of a count in m/s, 0.00001 to 100")
    if biases and method == "paper":
        raise RequestError("--biases: the paper's nine states have none; use --filter full")
    return BurnOptions(method=method, light_time=light_time, sigma_ms=sigma, spin=spin, estimate_biases=biases)


def _settings(doppler: str | None, step: float, reference: Path | None, orientation: Path | None) -> Settings:
    from flows.orbits.inputs import Settings

    return Settings(doppler or "", step, reference, orientation)


def _end(verdict: str, lines: list[str]) -> None:
    for line in lines:
        print(line)
    # what was refused is written, for whoever looks into it, but no script shall take it for an orbit
    raise typer.Exit(3 if verdict == "refused" else 0)
