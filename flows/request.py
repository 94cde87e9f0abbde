"""A request: what to calibrate, with which orbit, parameters and model, and where to keep the results. YAML, completed and saved with every run."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from calib import config
from calib.config import Model, suggestion
from calib.errors import RequestError

PATH_KEYS = ("acquisitions", "orbits", "archive")


class Request(Model):
    """One campaign. Relative paths count from the request's own folder."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="names the run folder")
    method: Literal["moon"] = Field(default="moon", description="which recipe")
    acquisitions: list[str] = Field(min_length=1, description="product folders, or patterns such as products/*MOON*")
    kind: Literal["moon", "star", "site"] | None = Field(
        default=None,
        description="what all acquisitions show, where their products cannot tell (a Moon taken by Pléiades)",
    )
    orbits: list[str] = Field(
        default=[],
        description="CCSDS OEM files, or patterns; matched to the sensor's satellite by OBJECT_NAME; a product's own orbit serves where none covers it",
    )
    archive: str = Field(default="etalon-archive", description="folder that keeps the results")
    index: str | None = Field(
        default=None,
        description="SQL index of the archive; a SQLite file inside it unless a postgresql:// URL is given",
    )
    sensors: dict[str, str] = Field(default={}, description="own sensor files, by sensor name")
    official_parameters: dict[str, str] = Field(default={}, description="own parameter files, by sensor name")
    official_gains: Literal["auto", "product", "table"] = Field(
        default="auto",
        description="gains in force: those that the product carries, or the table's; auto: the product's if it has them",
    )
    straylight: Literal["none", "report", "correct"] = Field(
        default="none",
        description="stray light around the Moon: not looked for; found and told, k as measured with it in the budget; or taken off k",
    )
    model: str = Field(
        default="rolo2005",
        description="lunar irradiance model: a name in configs/models, a .yaml file or a LIME coefficient file (.nc)",
    )
    compare_models: list[str] = Field(
        default=[], description="other models, named as `model`; their spread enters the budget of the gains"
    )
    solar_spectrum: str = Field(
        default="tsis1_hsrs", description="a name in configs/spectra; one for model and measurement"
    )
    engine: Literal["auto", "local", "prefect"] = Field(
        default="auto", description="auto: Prefect where a server is configured, else local"
    )
    cluster: str = Field(
        default="threads", description="where Dask computes: a name in configs/cluster or a .yaml file"
    )
    parameters: dict[str, dict[str, Any]] = Field(default={}, description="settings of steps, by step name")


def read_request(path: Path, settings: Sequence[str] = (), **options: str | None) -> Request:
    """The request in `path`, changed by `key=value` settings (dots lead into sections) and by options given by name.

    Paths in the file count from its folder, paths in settings and options from the current folder. All paths come out absolute.
    """
    content = _absolute(config.read_yaml(path), path.resolve().parent)
    for setting in settings:
        _apply(content, setting)
    for key, value in options.items():
        if value is not None:
            _put(content, [key], value, f"--{key}")
    source = (
        str(path) if not settings and not any(options.values()) else f"{path} (with the settings of the command line)"
    )
    request = config.parse(Request, content, source)
    return (
        request
        if Path(request.archive).is_absolute()
        else request.model_copy(update={"archive": os.path.normpath(path.resolve().parent / request.archive)})
    )


def _absolute(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    def place(value: Any) -> Any:
        if isinstance(value, list):
            return [place(item) for item in value]
        return os.path.normpath(folder / value) if isinstance(value, str) else value

    def own_file(value: Any) -> Any:
        if isinstance(value, list):
            return [own_file(item) for item in value]
        return place(value) if isinstance(value, str) and value.endswith((".yaml", ".yml", ".nc", ".csv")) else value

    done = dict(content)
    for key in PATH_KEYS:
        if key in done:
            done[key] = place(done[key])
    for key in ("sensors", "official_parameters"):
        if isinstance(done.get(key), Mapping):
            done[key] = {name: place(value) for name, value in done[key].items()}
    for key in ("model", "compare_models", "cluster", "solar_spectrum"):
        if key in done:
            done[key] = own_file(done[key])
    return done


def parse_setting(setting: str) -> tuple[str, Any]:
    """Key and value of a `key=value` setting; the value is read as YAML, so that numbers, lists and words come out as such."""
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise RequestError(f"--set {setting}: expected key=value")
    return key, config.read_value(text)


def _apply(content: dict[str, Any], setting: str) -> None:
    key, value = parse_setting(setting)
    _put(content, key.split("."), value, f"--set {setting}")


def _put(content: dict[str, Any], trail: list[str], value: Any, source: str) -> None:
    head = trail[0]
    if head not in Request.model_fields:
        raise RequestError(f"{source}: unknown key '{head}'{suggestion(head, Request.model_fields)}")
    section: Any = content
    for part in trail[:-1]:
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            raise RequestError(f"{source}: '{part}' is a value, not a section")
    section[trail[-1]] = _absolute({head: value}, Path.cwd())[head] if len(trail) == 1 else value


def expand(patterns: Sequence[str], what: str) -> list[Path]:
    """Paths that the patterns match, in order and once each; RequestError for a pattern that matches nothing."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        matches = matching(pattern)
        if not matches:
            near = [item.name for item in Path(pattern).parent.glob("*")] if Path(pattern).parent.is_dir() else []
            raise RequestError(f"{what} '{pattern}': nothing there{suggestion(Path(pattern).name, near)}")
        found.update(dict.fromkeys(matches))
    return list(found)


def matching(pattern: str) -> list[Path]:
    """What an absolute path or pattern matches, sorted, without the truth beside simulated products."""
    return [Path(match) for match in sorted(glob.glob(pattern)) if not match.endswith(".truth")]  # noqa: PTH207
