"""The command `etalon orbit decay`: lifetime, the rule, and ways to leave."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from calib.errors import RequestError


def orbit_decay(
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="a new or empty folder")],
    request: Annotated[
        str | None,
        typer.Option(
            "--request", metavar="NAME|FILE.yaml", help="a name in configs/end_of_life or a file; options go before it"
        ),
    ] = None,
    orbit: Annotated[
        Path | None, typer.Option("--orbit", metavar="FILE", help="OPM, OEM or two-line elements (osculating or SGP4)")
    ] = None,
    altitude_km: Annotated[
        tuple[float, float] | None,
        typer.Option("--altitude-km", metavar="PERIGEE APOGEE", help="mean altitudes over 6378.137 km"),
    ] = None,
    osculating: Annotated[
        bool,
        typer.Option("--osculating", help="altitudes are of the osculating ellipse, with the satellite at its perigee"),
    ] = False,
    inclination_deg: Annotated[float | None, typer.Option("--inclination-deg", metavar="DEG")] = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="UTC", help="with --altitude-km [default: 2026-01-01T00:00:00]")
    ] = None,
    mass: Annotated[float | None, typer.Option("--mass", metavar="KG")] = None,
    area: Annotated[float | None, typer.Option("--area", metavar="M2", help="across the flow, mean")] = None,
    cd: Annotated[float | None, typer.Option("--cd", help="coefficient of drag [default: 2.2]")] = None,
    atmosphere: Annotated[
        str | None,
        typer.Option(
            "--atmosphere",
            metavar="MODEL",
            help="harris-priester, constant:KG_M3, exponential:KG_M3,HEIGHT_KM,SCALE_KM, or a table FILE.csv [default: harris-priester]",
        ),
    ] = None,
    activity: Annotated[
        str | None,
        typer.Option(
            "--activity",
            metavar="WHICH",
            help="mean (F10.7 150, Ap 15), cycle, equivalent (STELA), F107 or F107,AP, or a table FILE.csv [default: mean]",
        ),
    ] = None,
    rule: Annotated[float | None, typer.Option("--rule", metavar="YEARS", help="25 or 5 [default: 25]")] = None,
    monte_carlo: Annotated[
        int | None, typer.Option("--monte-carlo", metavar="N", help="draws of Cd A/m, activity and start [default: 0]")
    ] = None,
    lower_perigee: Annotated[
        str | None,
        typer.Option("--lower-perigee", metavar="KM|auto", help="before the decay; auto: as high as meets the rule"),
    ] = None,
) -> None:
    """How long an orbit lasts by its mean elements, whether that meets the rule, and what leaving sooner takes: decay.csv, summary.json, report.html."""
    from flows.orbits.decay import write_decay
    from flows.orbits.decay_request import DecayRequest, read_decay_request

    base, folder = read_decay_request(request)
    content = base.model_dump()
    if orbit is not None and altitude_km is not None:
        raise RequestError("orbit decay: --orbit and --altitude-km both say where the orbit is; give one")
    if orbit is not None:
        content["orbit"]["file"] = str(orbit.absolute())
    if altitude_km is not None:
        content["orbit"] |= {"file": None, "perigee_km": altitude_km[0], "apogee_km": altitude_km[1]}
    if osculating:
        content["orbit"]["elements"] = "osculating"
    for section, key, value in (
        ("orbit", "inclination_deg", inclination_deg),
        ("orbit", "start_utc", start),
        ("satellite", "mass_kg", mass),
        ("satellite", "area_m2", area),
        ("satellite", "cd", cd),
        ("monte_carlo", "draws", monte_carlo),
    ):
        if value is not None:
            content[section][key] = value
    here = {"atmosphere": _file(atmosphere), "activity": _file(activity), "rule_years": rule}
    content |= {key: value for key, value in here.items() if value is not None}
    if lower_perigee is not None:
        content["lower_perigee"] = _perigee(lower_perigee)
    for line in write_decay(_checked(DecayRequest, content), folder, output):
        print(line)


def _file(text: str | None) -> str | None:
    """A file of an option lies where the command runs, not beside the request."""
    return str(Path(text).absolute()) if text is not None and text.lower().endswith(".csv") else text


def _perigee(text: str) -> float | str:
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise RequestError(f"--lower-perigee {text}: give km over the equatorial radius, or auto") from None


def _checked(model: Any, content: dict[str, Any]) -> Any:
    from calib import config

    return config.parse(model, content, "orbit decay")
