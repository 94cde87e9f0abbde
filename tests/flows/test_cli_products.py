"""Products of every format from the command line: simulated, inspected, refused; parameter files proposed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import Answer
from PIL import Image

import calib.raster
from calib.products import open_acquisition, plain
from calib.products.venus_parameters.straylight import Crosstalk, Filter, Straylight, Strip
from calib.radiometry import reflectance
from calib.simulate.products.scene import site_scene
from calib.simulate.products.venus_parameters import Identity, write_gains, write_noise, write_straylight_filters
from flows.cli_products import FORMATS
from flows.product_simulation import FORMATS as WRITERS

ROOT = Path(__file__).resolve().parents[2]
MOON = sorted(path for path in (ROOT / "data_samples" / "moon").glob("VENUS*") if path.suffix != ".truth")[0]
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def test_the_help_lists_every_format() -> None:
    assert tuple(WRITERS) == FORMATS


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_there_and_back(etalon: Callable[..., Answer], tmp_path: Path, form: str) -> None:
    code, out, err = etalon("simulate", "product", form, "--out", tmp_path / "made", "--site", "LIBYA4")
    assert (code, err) == (0, "")
    product = Path(out.strip())
    code, out, _ = etalon("inspect", product, "--json", "--quicklook", tmp_path / "look.png")
    facts = json.loads(out)
    assert code == 0 and facts["images"] == "present" and facts["kind"] == "site"
    assert facts["acquired_utc"].startswith("2019-02-04T10:34:3")
    bands = WRITERS[form][1]
    assert list(facts["bands"]) == bands
    assert facts["missing"]["sno"] == [] or form == "pleiades-system"
    assert all(
        known["origin"] == "product" for band in facts["bands"].values() for known in band["calibration"].values()
    )
    picture = np.asarray(Image.open(tmp_path / "look.png"))
    assert picture.std() > 10
    # every file that is opened is known by its digest
    assert len(open_acquisition(product).digest) == 64


def test_the_same_seed_gives_the_same_bytes(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        etalon("simulate", "product", "venus-vsc", "--out", tmp_path / name, "--seed", 7)
        made.append({path.name: path.read_bytes() for path in sorted((tmp_path / name).rglob("*")) if path.is_file()})
    assert made[0] == made[1]
    code, _, err = etalon("simulate", "product", "venus-vsc", "--out", tmp_path / "a")
    assert code == 2 and "is not empty" in err


def test_an_unknown_format(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    code, _, err = etalon("simulate", "product", "venus-vcs", "--out", tmp_path / "x")
    assert code == 2 and "did you mean 'venus-vsc'?" in err


def test_reflectances_of_a_site_come_back(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    _, out, _ = etalon("simulate", "product", "venus-muscate", "--out", tmp_path / "made")
    product, scene = open_acquisition(Path(out.strip())), site_scene(WRITERS["venus-muscate"][1])
    for band in ("B1", "B10"):
        image = product.band(band)
        found = reflectance(image.counts(), image.calibration, nodata=image.nodata).values
        expected = scene.reflectance.sel(band=band).values
        seen = np.isfinite(found)
        assert seen.mean() > 0.9
        # half a count of 1/1000
        assert np.abs(found - expected)[seen].max() <= 0.0005 + 1e-12


def test_a_moon_as_the_ground_segment_delivers_it(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    code, out, _ = etalon("simulate", "system-product", MOON, "--out", tmp_path / "made")
    assert code == 0
    made, source = open_acquisition(Path(out.strip())), plain.read(MOON)
    assert (made.kind, list(made.bands)) == ("moon", list(source.bands))
    for name, image in made.bands.items():
        assert np.array_equal(image.raster.read(), source.band(name).raster.read())
        # the files hold microseconds
        drift = [image.line_time(line) - source.band(name).line_time(line) for line in (0, image.raster.lines - 1)]
        assert max(abs(item) for item in drift) <= np.timedelta64(1, "us")
    code, _, err = etalon("simulate", "system-product", tmp_path, "--out", tmp_path / "again")
    assert code != 0 and "not a product of a known format" in err


@pytest.mark.parametrize("form", FORMATS)
def test_opening_a_header_of_a_megabyte(
    etalon: Callable[..., Answer], tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.3 s of processor time, which other work on the machine does not lengthen; and no pixel is read."""
    _, out, _ = etalon("simulate", "product", form, "--out", tmp_path / "made")
    product = Path(out.strip())
    header = (
        product if product.is_file() else max(product.rglob("*.[xX][mM][lL]"), key=lambda path: path.stat().st_size)
    )
    text = header.read_bytes()
    end = text.rindex(b"</")
    header.write_bytes(text[:end] + b"<Padding><Value>1.5</Value></Padding>\n" * 30_000 + text[end:])
    assert header.stat().st_size > 1e6
    monkeypatch.setattr(calib.raster, "read_layers", None)
    times = []
    for _ in range(3):
        begin = time.process_time()
        # the digests of a manifest no longer hold
        open_acquisition(product, verify=False)
        times.append(time.process_time() - begin)
    assert min(times) < 0.3


# --- proposals


GAINS = {f"B{number}": 0.2 * number for number in range(1, 13)}


@pytest.fixture
def in_force(tmp_path: Path) -> Path:
    identity = Identity(serial=7, start=np.datetime64("2017-08-01"))
    return write_gains(tmp_path / "gipp", identity, GAINS)


def test_a_proposal_of_gains(etalon: Callable[..., Answer], tmp_path: Path, in_force: Path) -> None:
    (tmp_path / "gains.csv").write_text("band,gain\nB1,0.2113\nB12,2.5\n")
    words = proposal(tmp_path, in_force)
    code, out, err = etalon(*words)
    assert (code, err) == (0, "")
    made = Path(out.splitlines()[0])
    assert "_00008_20190301_" in made.name
    code, out, _ = etalon("inspect", made, "--json")
    assert code == 0 and json.loads(out)["file"] == made.name
    text = made.read_text()
    assert "0.2113" in text and repr(GAINS["B5"]) in text
    # nothing is ever overwritten
    code, _, err = etalon(*words)
    assert code == 2 and "exists already" in err


@pytest.mark.parametrize(
    ("table", "start", "words"),
    [
        ("band,gain\nB13,1\n", "2019-03-01", "'B13' is no band"),
        ("band,gain\nB1,0\n", "2019-03-01", "is not positive"),
        ("band,gian\nB1,1\n", "2019-03-01", "it needs band, gain"),
        ("band,gain\nB1,1\n", "soon", "--from: 'soon' is no UTC date"),
    ],
)
def test_a_proposal_that_makes_no_sense(
    etalon, tmp_path: Path, in_force: Path, table: str, start: str, words: str
) -> None:
    (tmp_path / "gains.csv").write_text(table)
    code, _, err = etalon(*proposal(tmp_path, in_force, start))
    assert code == 2 and words in err and err.count("\n") == 1


def proposal(folder: Path, in_force: Path, start: str = "2019-03-01") -> list[object]:
    """The words of a proposal of the gains in `gains.csv`."""
    words = ["propose", "phgain", "--based-on", in_force, "--values", folder / "gains.csv"]
    return [*words, "--from", start, "--out", folder / "out"]


def test_proposals_of_noise_and_stray_light(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    identity = Identity(serial=3, start=np.datetime64("2017-08-01"))
    noise = write_noise(tmp_path / "gipp", identity, dict.fromkeys(GAINS, 1.2), dict.fromkeys(GAINS, 0.01))
    paths = (Crosstalk("B1", Filter("SPATIAL", np.ones((3, 3), "f4") / 9), 4, (Strip(0, 5199, 0.003, -5),)),)
    stray = write_straylight_filters(tmp_path / "gipp", identity, Straylight("B2", crosstalks=paths))
    (tmp_path / "noise.csv").write_text("band,a,b\nB4,1.5,0.02\n")
    (tmp_path / "stray.csv").write_text("source,factor\nB1,0.0045\n")
    for kind, base in (("noismo", noise), ("strlgt", stray)):
        table = tmp_path / f"{'noise' if kind == 'noismo' else 'stray'}.csv"
        words = (
            "propose",
            kind,
            "--based-on",
            base,
            "--values",
            table,
            "--from",
            "2019-03-01",
            "--out",
            tmp_path / "out",
        )
        code, out, err = etalon(*words)
        assert (code, err) == (0, "") and "_00004_20190301_" in out
        code, out, _ = etalon("inspect", out.splitlines()[0])
        assert code == 0
    code, _, err = etalon("propose", "strlgt", "--based-on", noise, *words[4:])
    assert code == 2 and "NOISMO" in err


def test_a_proposal_is_validated(etalon: Callable[..., Answer], tmp_path: Path, in_force: Path, shared: Path) -> None:
    (tmp_path / "gains.csv").write_text("band,gain\nB1,0.2113\n")
    schemas = shared / "interfaces" / "venus_icd"
    code, out, err = etalon(*proposal(tmp_path, in_force), "--schemas", schemas)
    assert (code, err) == (0, "") and "against the schemas" not in out


# --- refusals, on genuine files


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("products/pleiades/**/DIM_PHR1A_PMS_*.XML", ("PMS", "pansharpened")),
        ("products/pneo/**/DIM_PNEO3_*.XML", ("REFLECTANCE", "BASIC")),
        ("products/smac/Coef_PHR1A_Blue_1.dat", ("Rayleigh optical depth", "it fits B1")),
        ("products/venus/muscate_template/MTD_ALL.xml", ("NOT_INITIALIZED",)),
        ("products/venus/theia_venus.gpkg", ("not a product of a known format", "known: ")),
    ],
)
def test_what_is_refused(etalon: Callable[..., Answer], shared: Path, pattern: str, words: tuple[str, ...]) -> None:
    code, out, err = etalon("inspect", next(iter(shared.glob(pattern))))
    assert code == 2 and out == "" and err.count("\n") == 1
    for word in words:
        assert word in err


# --- the Moon's irradiance


def test_irradiance_of_the_moon(etalon: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(
        "utc,lat_deg,lon_deg,height_m\n2019-02-16T20:00:00Z,43.6,1.44,150\n2019-02-17T20:00:00Z,28.3,-16.5,2400\n"
    )
    code, out, err = etalon(
        "moon", "irradiance", tmp_path / "g.csv", "--sensor", "venus", "--output", tmp_path / "o.csv"
    )
    assert (code, err) == (0, "") and "2 rows" in out
    rows = (tmp_path / "o.csv").read_text().splitlines()
    assert "irradiance_B1_W_m-2_um-1" in next(row for row in rows if not row.startswith("#"))
    code, _, err = etalon("moon", "irradiance", tmp_path / "g.csv", "--output", tmp_path / "o.csv")
    assert code == 2 and "sensor" in err and "wavelengths" in err
