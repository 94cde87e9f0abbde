"""Products, requests and a finished run, made once for all tests of the flows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# pytest imports test files by path: the modules beside them need to be found by name
sys.path.insert(0, str(Path(__file__).resolve().parent))

from campaigns import make_products, run, write_request
from commands import Answer

from flows import cli
from flows.campaign import Finished


@pytest.fixture(scope="session")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three simulated products and their orbit; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("products")
    make_products(folder)
    return folder


@pytest.fixture(scope="session")
def finished(products: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished run over the products."""
    folder = tmp_path_factory.mktemp("finished")
    return run(write_request(folder, products, folder / "archive"))


@pytest.fixture
def request_file(products: Path, tmp_path: Path) -> Path:
    """A request over the products with an archive of its own."""
    return write_request(tmp_path, products, tmp_path / "archive")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two Moons in one band, 77 pixels wide: what can be computed in a second."""
    folder = tmp_path_factory.mktemp("small")
    make_products(folder, 2, ("B4",), binning=16)
    return folder


@pytest.fixture
def etalon(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`etalon("run", request)`: the exit code and what was printed, by the command in this process."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("ETALON_ARCHIVE", raising=False)

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr("sys.argv", ["etalon", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        code = stop.value.code
        return Answer(code if isinstance(code, int) else 0, *capsys.readouterr())

    return call
