"""The door `etalon`: parse, call, print. Exit codes: 0 done, 1 failed, 2 bad request, 3 partial (some acquisitions failed, the rest are valid)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calib.errors import EtalonError, RequestError
from flows.cli_moon import moon_app
from flows.cli_orbit import orbit_app, simulate_burn
from flows.cli_products import inspect, parameters_app, simulate_site_product, simulate_system_product
from orbit_aux.errors import OrbitError

if TYPE_CHECKING:
    from calib.archive import Archive

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Calibrate the cameras of Venµs and Pléiades in flight.",
    epilog="Exit codes: 0 done, 1 failed, 2 bad request, 3 partial.",
)
archive_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look into an archive of results: list, show, explain, statistics, verify, rebuild.",
)
simulate_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make products with a known truth.")
app.add_typer(archive_app, name="archive")
app.add_typer(simulate_app, name="simulate")
app.add_typer(moon_app, name="moon")
app.add_typer(orbit_app, name="orbit")
app.add_typer(parameters_app, name="propose")
app.command()(inspect)
simulate_app.command("burn")(simulate_burn)
simulate_app.command("product")(simulate_site_product)
simulate_app.command("system-product")(simulate_system_product)

RequestFile = Annotated[Path, typer.Argument(metavar="REQUEST.yaml", help="what to calibrate; see docs/requests.md")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="change a key of the request, dots lead into sections; repeatable"),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine", metavar="auto|local|prefect", help="auto: Prefect where a server is configured, else local"
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", metavar="NAME", help="where Dask computes: a name in configs/cluster or a .yaml file"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print the answer as JSON on standard output")]
ArchiveFolder = Annotated[
    Path,
    typer.Option("--archive", envvar="ETALON_ARCHIVE", metavar="DIR", help="the archive's folder", show_default=True),
]
IndexUrl = Annotated[
    str | None,
    typer.Option(
        "--index", envvar="ETALON_INDEX", metavar="URL", help="SQL index other than the SQLite file in the archive"
    ),
]
DEFAULT_ARCHIVE = Path("etalon-archive")


def main() -> None:
    """Run the command; every refusal is one line on standard error, with its exit code."""
    try:
        app()
    except RequestError as error:
        _stop(error, 2)
    except (EtalonError, OrbitError) as error:
        _stop(error, 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        print(
            "etalon: interrupted; what was finished is in the archive, the same command goes on from there",
            file=sys.stderr,
        )
        sys.exit(130)


def _stop(error: Exception, code: int) -> None:
    for line in str(error).splitlines():
        print(f"etalon: {line}", file=sys.stderr)
    sys.exit(code)


@app.command()
def run(
    request: RequestFile,
    engine: EngineOption = None,
    cluster: ClusterOption = None,
    settings: Settings = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be computed and what reused, and stop")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a request; ends with the path of the report."""
    from flows.campaign import choose_engine, open_archive, run_campaign
    from flows.display import print_dry_run, print_finished, progress
    from flows.prepare import prepare
    from flows.request import read_request

    asked = read_request(request, settings or (), engine=engine, cluster=cluster)
    prepared = prepare(asked, str(request))
    if dry_run:
        print_dry_run(prepared, open_archive(asked), as_json)
        raise typer.Exit(3 if prepared.refused else 0)
    finished = run_campaign(prepared, choose_engine(asked.engine), progress(len(prepared.subjects)))
    print_finished([finished], as_json)
    raise typer.Exit(finished.exit_code)


@app.command()
def check(request: RequestFile, settings: Settings = None, as_json: AsJson = False) -> None:
    """Check a request and everything that it names, without computing."""
    from flows.cluster import load_cluster
    from flows.display import case_facts
    from flows.prepare import prepare
    from flows.request import read_request
    from flows.table import table

    asked = read_request(request, settings or ())
    load_cluster(asked.cluster)
    prepared = prepare(asked, str(request))
    usable = [case_facts(case) for case in prepared.cases]
    refused = [{"acquisition": outcome.subject, "reason": outcome.reason} for outcome in prepared.refused]
    if as_json:
        print(json.dumps({"request": asked.name, "usable": usable, "refused": refused}, indent=1, ensure_ascii=False))
    else:
        table(usable, ["acquisition", "sensor", "start_utc", "bands", "po", "orbit"])
        for item in refused:
            print(f"refused  {item['acquisition']}: {item['reason']}")
        print(f"{request}: {len(usable)} acquisitions can be run, {len(refused)} cannot")
    raise typer.Exit(2 if refused or not usable else 0)


@app.command()
def plan(
    orbit: Annotated[
        list[Path], typer.Option("--orbit", metavar="NEW.oem", help="the new orbit (CCSDS OEM); repeatable")
    ],
    archive: ArchiveFolder = DEFAULT_ARCHIVE,
    index: IndexUrl = None,
    as_json: AsJson = False,
) -> None:
    """List what a new orbit would have redone and why, and what would be reused. Computes and writes nothing."""
    from flows.display import print_plan
    from flows.reprocess import make_plan

    print_plan(make_plan(_existing(archive, index, looking=True), orbit), as_json)


@app.command()
def reprocess(
    orbit: Annotated[
        list[Path], typer.Option("--orbit", metavar="NEW.oem", help="the new orbit (CCSDS OEM); repeatable")
    ],
    archive: ArchiveFolder = DEFAULT_ARCHIVE,
    index: IndexUrl = None,
    engine: EngineOption = None,
    as_json: AsJson = False,
) -> None:
    """Do exactly what `plan` lists; old results stay, the new ones supersede them, and the report shows both side by side."""
    from flows.campaign import choose_engine
    from flows.display import print_finished, print_plan, progress
    from flows.reprocess import carry_out, make_plan

    store = _existing(archive, index)
    decided = make_plan(store, orbit)
    if not as_json:
        print_plan(decided, False)
    finished = carry_out(
        decided, store, choose_engine(engine or "auto"), progress(len(decided.of("redo")) + len(decided.of("reuse")))
    )
    print_finished(finished, as_json)
    if decided.of("unusable"):
        raise typer.Exit(3)
    raise typer.Exit(max((item.exit_code for item in finished), default=0))


@archive_app.command("list")
def archive_list(
    archive: ArchiveFolder = DEFAULT_ARCHIVE,
    index: IndexUrl = None,
    step: Annotated[str | None, typer.Option(help="only results of this step, for example lunar_gain")] = None,
    subject: Annotated[str | None, typer.Option(metavar="ACQUISITION", help="only results of this acquisition")] = None,
    current: Annotated[bool, typer.Option("--current", help="leave out what was superseded")] = False,
    as_json: AsJson = False,
) -> None:
    """List the results, the latest first."""
    from flows.table import table

    entries = _existing(archive, index, looking=True).results(step=step, subject=subject, current_only=current)
    rows = [
        {
            "key": entry.key[:12],
            "step": entry.step,
            "version": entry.version,
            "acquisition": entry.subject,
            "made_utc": entry.created_utc,
            "state": "current" if entry.current else "superseded",
            "run": entry.run,
        }
        for entry in entries
    ]
    if as_json:
        print(
            json.dumps(
                [{**row, "key": entry.key} for row, entry in zip(rows, entries, strict=True)],
                indent=1,
                ensure_ascii=False,
            )
        )
    else:
        table(rows, ["key", "step", "acquisition", "made_utc", "state"])
        print(f"{len(rows)} results in {archive}")


@archive_app.command("show")
def archive_show(
    key: Annotated[str, typer.Argument(help="key of a result, or its first characters")],
    archive: ArchiveFolder = DEFAULT_ARCHIVE,
    index: IndexUrl = None,
) -> None:
    """Print a result: its folder, its variables, its table."""
    store = _existing(archive, index, looking=True)
    found = store.resolve(key)
    manifest = store.manifest(found)
    assert manifest is not None
    step, subject = manifest.lineage.step, manifest.lineage.subject
    state = "current" if store.current(step, subject) == found else "superseded"
    folder = store.folder_of(found, step)
    print(f"{step} {subject}\nkey     {found}\nfolder  {folder}\nstate   {state}\n")
    result = store.get(found, step)
    print(result.dataset if result is not None else "")
    table = folder / "table.csv"
    if table.is_file():
        print(f"\n{table.read_text(encoding='utf-8')}")


@archive_app.command("explain")
def archive_explain(
    key: Annotated[str, typer.Argument(help="key of a result, or its first characters")],
    archive: ArchiveFolder = DEFAULT_ARCHIVE,
    index: IndexUrl = None,
    as_json: AsJson = False,
) -> None:
    """Print the tree of causes of a result: inputs, orbit arc, parameters, versions, down to the files."""
    from calib.archive import as_dict, explain

    store = _existing(archive, index, looking=True)
    print(json.dumps(as_dict(store, key), indent=1, ensure_ascii=False) if as_json else explain(store, key))


@archive_app.command("statistics")
def archive_statistics(
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="where to write; see docs/statistics.md")],
    archive: ArchiveFolder = DEFAULT_ARCHIVE,
    index: IndexUrl = None,
) -> None:
    """Write everything that is current as tables (CSV, Parquet), a row for each acquisition and band, and as GLOD netCDF for GIRO and LIME."""
    from flows.statistics import write_archive_statistics

    for path in write_archive_statistics(_existing(archive, index, looking=True), output):
        print(path)


@archive_app.command("verify")
def archive_verify(archive: ArchiveFolder = DEFAULT_ARCHIVE, index: IndexUrl = None, as_json: AsJson = False) -> None:
    """Check every file, key and index row of the archive; exit code 1 when something is wrong."""
    from calib.archive import verify

    problems = verify(_existing(archive, index, looking=True))
    if as_json:
        print(json.dumps([str(problem) for problem in problems], indent=1, ensure_ascii=False))
    else:
        for problem in problems:
            print(problem)
        print(f"{archive}: {'in order' if not problems else f'{len(problems)} problems'}")
    raise typer.Exit(1 if problems else 0)


@archive_app.command("rebuild")
def archive_rebuild(archive: ArchiveFolder = DEFAULT_ARCHIVE, index: IndexUrl = None) -> None:
    """Write the SQL index anew from the folders."""
    count = _existing(archive, index).rebuild()
    print(f"{archive}: index rebuilt, {count['results']} results")


@simulate_app.command("moon")
def simulate_moon_products(
    sensor: Annotated[str, typer.Option(help="a name in configs/sensors or a .yaml file")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder for the products and their orbit")],
    start: Annotated[str, typer.Option(metavar="UTC", help="first date to look at")] = "2019-01-01T00:00:00Z",
    phase: Annotated[
        list[float] | None,
        typer.Option(metavar="DEG", help="phase of the Moon, negative before full Moon; repeatable [default: -40]"),
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, max=10000, help="how many acquisitions, at the next dates with these phases")
    ] = 1,
    binning: Annotated[
        int, typer.Option(min=1, max=64, help="camera pixels averaged in each direction: 1 is full size")
    ] = 4,
    bands: Annotated[str | None, typer.Option(metavar="B1,B4", help="only these bands")] = None,
    seed: Annotated[int, typer.Option(min=0, help="the same request and seed give the same bytes")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="change a key of the scene, for example straylight=sensor; repeatable; see docs/simulate.md",
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="irradiance model that the scene obeys")] = "rolo2005",
    solar_spectrum: Annotated[str, typer.Option(help="a name in configs/spectra")] = "tsis1_hsrs",
) -> None:
    """Make Moon acquisitions with a known truth, and the orbit they were taken from."""
    from calib import config
    from calib.moon.irradiance import load_model
    from calib.sensor import load_gains, load_sensor
    from calib.simulate.moon import MoonScene
    from flows.request import parse_setting
    from flows.simulation import plan_looks, simulate_campaign

    chosen = dict(parse_setting(setting) for setting in settings or ())
    scene = config.parse(
        MoonScene, {"reference_utc": "2000-01-01T12:00:00Z", "binning": binning, "seed": seed, **chosen}, "the scene"
    )
    camera = load_sensor(sensor)
    looks = plan_looks(camera, start, phase or [-40.0], count)
    products = simulate_campaign(
        camera,
        load_gains(camera.name),
        load_model(model, solar_spectrum),
        looks,
        scene,
        out,
        bands.split(",") if bands else None,
    )
    for product in products:
        print(product)
    print(out / "orbits" / f"{camera.platform}.oem")


def _existing(folder: Path, index: str | None, looking: bool = False) -> Archive:
    from calib.archive import Archive

    if not (folder / "etalon-archive.json").is_file():
        raise RequestError(f"{folder}: no archive here; name its folder with --archive or the variable ETALON_ARCHIVE")
    # looking needs no right to write
    return Archive(folder, index, read_only=looking and not os.access(folder / "results", os.W_OK))


if __name__ == "__main__":
    main()
