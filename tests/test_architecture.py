"""The rules of the house, read from imports, sizes and texts. The rules are the data below; the tests only look."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("calib", "orbit_aux", "flows")

#: rooms of orbit_aux that do not know each other; they share the top and `motion`
ORBIT_ROOMS = ("burns", "low", "location", "events", "design", "keeping", "conjunctions", "decay")

#: a package (or file) and what nothing in it may import, not even inside a function
NEVER: dict[str, tuple[str, ...]] = {
    "calib": ("flows", "orbit_aux", "prefect"),
    "orbit_aux": ("calib", "flows", "prefect"),
    **{
        f"orbit_aux/{room}": tuple(f"orbit_aux.{other}" for other in ORBIT_ROOMS if other != room)
        for room in ORBIT_ROOMS
    },
    "orbit_aux/motion": tuple(f"orbit_aux.{other}" for other in ORBIT_ROOMS),
    # how a thing is kept and run is no matter of the rooms that measure
    "calib/moon": ("calib.archive", "calib.products", "calib.report", "calib.simulate"),
    "calib/archive": ("calib.moon", "calib.products", "calib.report", "calib.simulate"),
    "calib/report": ("calib.products", "calib.simulate"),
    "calib/products": ("calib.archive", "calib.moon", "calib.report", "calib.simulate"),
}

#: a library and the only places that may import it, in a function or not
ONLY: dict[str, tuple[str, ...]] = {
    "prefect": ("flows/prefect_runner.py",),
    "distributed": ("flows/cluster.py",),
    "dask.distributed": ("flows/cluster.py",),
    "rasterio": ("calib/raster.py", "calib/products", "calib/simulate", "orbit_aux/location/terrain.py"),
    "osgeo": (),
    "xml": (
        "calib/products",
        "calib/simulate/products",
        "orbit_aux/ccsds",
    ),
    "lxml": (
        "calib/products",
        "calib/simulate/products",
        "orbit_aux/ccsds",
    ),
    "matplotlib": ("calib/report",),
    "numba": ("orbit_aux/compiled.py",),
    "PIL": ("calib/report",),
    "pyarrow": ("calib/report",),
    "sqlalchemy": ("calib/archive",),
    "typer": ("flows/cli*.py", "flows/commands"),
}

#: the kernel, lowest first: a module imports only those before it
KERNEL = ("errors", "units", "config", "lineage", "uncertainty", "raster", "acquisition", "types", "steps", "sensor")

#: what a fresh interpreter must not have loaded after an import
LIGHT: dict[str, tuple[str, ...]] = {
    "calib": ("prefect", "matplotlib", "distributed", "rasterio", "sqlalchemy", "numba"),
    "calib.types": ("prefect", "matplotlib", "distributed", "rasterio", "sqlalchemy"),
    "orbit_aux": ("astropy", "prefect", "matplotlib", "calib", "numba", "rasterio"),
}

MAX_LINES = 400

#: what no text file of the project says: forgotten work, and paths of one machine (spelled so that this file does not say it)
FORBIDDEN_WORDS = ("TO" + "DO", "FIX" + "ME")
MACHINE_PATHS = tuple(f"/{folder}/" for folder in ("home", "root", "work"))
#: not ours to judge: made by tools
GENERATED = ("requirements.lock",)


@cache
def tracked() -> tuple[Path, ...]:
    """All files of the project, relative to its root: known to git, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git repository: the files of the project cannot be told from others")
    return tuple(Path(name) for name in sorted(filter(None, listed)) if (ROOT / name).is_file())


def modules() -> list[Path]:
    """The modules of the packages, relative to the root."""
    return sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def text_files() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        content = (ROOT / path).read_bytes()
        if path.name not in GENERATED and b"\0" not in content[:8192]:
            found.append((path, content.decode("utf-8", errors="replace")))
    return found


@cache
def imports(path: Path) -> tuple[tuple[str, int], ...]:
    """Absolute names of all that a module imports, wherever in it, with the line."""
    found = []
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(item.name, node.lineno) for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            folder = path.parent if node.level <= 1 else path.parents[node.level - 1]
            base = ".".join([*(folder.parts if node.level else ()), *filter(None, [node.module])])
            found += [(base, node.lineno), *((f"{base}.{item.name}", node.lineno) for item in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            found += [(str(item.value), node.lineno) for item in node.args[:1] if isinstance(item, ast.Constant)]
    return tuple(found)


def lies_in(path: Path, place: str) -> bool:
    return path.match(place) or path.is_relative_to(place)


def names(imported: str, library: str) -> bool:
    return imported == library or imported.startswith(f"{library}.")


def offences(path: Path, library: str) -> list[str]:
    return [f"{path}:{line} imports {name}" for name, line in imports(path) if names(name, library)]


@pytest.mark.parametrize("place", NEVER)
def test_rooms_do_not_know_each_other(place: str) -> None:
    inside = [path for path in modules() if lies_in(path, place)]
    assert [text for path in inside for library in NEVER[place] for text in offences(path, library)] == []


@pytest.mark.parametrize("library", ONLY)
def test_a_library_stays_in_its_room(library: str) -> None:
    outside = [path for path in modules() if not any(lies_in(path, place) for place in ONLY[library])]
    assert [text for path in outside for text in offences(path, library)] == []


@pytest.mark.parametrize("module", KERNEL)
def test_the_kernel_has_one_direction(module: str) -> None:
    allowed = {f"calib.{name}" for name in KERNEL[: KERNEL.index(module)]}
    found = {".".join(name.split(".")[:2]) for name, _ in imports(Path(f"calib/{module}.py")) if names(name, "calib")}
    assert found - allowed - {"calib"} == set()
    bare = {name for name, _ in imports(Path(f"calib/{module}.py")) if name.startswith("calib.")}
    assert all(f"calib.{name.split('.')[1]}" in allowed for name in bare)


@pytest.mark.parametrize("module", LIGHT)
def test_an_import_is_light(module: str) -> None:
    code = f"import {module}, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert sorted(set(LIGHT[module]) & set(run.stdout.split())) == []


def test_files_are_short() -> None:
    long = {str(path): count for path in tracked() if path.suffix == ".py" and (count := _lines(path)) > MAX_LINES}
    assert long == {}


def _lines(path: Path) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def test_every_package_says_what_it_is() -> None:
    folders = {path.parent for path in modules()}
    missing = [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()]
    assert missing == [], "folders without __init__.py"
    silent = [str(path) for path in modules() if not ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8")))]
    assert silent == [], "modules without a docstring"


def test_no_error_is_swallowed_unnamed() -> None:
    bare = [
        f"{path}:{node.lineno}"
        for path in tracked()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


@pytest.mark.parametrize("word", FORBIDDEN_WORDS)
def test_no_work_is_left_behind(word: str) -> None:
    assert _lines_with(re.compile(rf"\b{word}\b")) == []


@pytest.mark.parametrize("folder", MACHINE_PATHS)
def test_no_path_of_one_machine(folder: str) -> None:
    # not within a longer path or address
    assert _lines_with(re.compile(rf"(?<![\w.~/}}]){re.escape(folder)}")) == []


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}"
        for path, text in text_files()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


# --- the reader of imports can fail: it finds what it is meant to find


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import prefect.tasks as t", "prefect.tasks"),
        ("def f():\n    from prefect import flow", "prefect.flow"),
        ("from ..moon import limb", "calib.moon.limb"),
        ("from . import plots", "calib.report.plots"),
        ("import importlib\nimportlib.import_module('prefect')", "prefect"),
        ("__import__('distributed')", "distributed"),
    ],
)
def test_the_reader_of_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, found: str) -> None:
    path = tmp_path / "calib" / "report" / "page.py"
    path.parent.mkdir(parents=True)
    path.write_text(code, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    imports.cache_clear()
    assert found in [name for name, _ in imports(path.relative_to(tmp_path))]
    imports.cache_clear()


def test_the_patterns_of_places() -> None:
    assert lies_in(Path("orbit_aux/ccsds/oem_xml.py"), "orbit_aux/ccsds")
    assert lies_in(Path("calib/products/plain.py"), "calib/products")
    assert not lies_in(Path("calib/products_new.py"), "calib/products")
    assert names("rasterio.errors", "rasterio") and not names("rasteriox", "rasterio")
