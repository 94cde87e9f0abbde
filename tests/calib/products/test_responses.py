"""Tables of spectral responses as users have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calib.errors import InputError
from calib.products.responses import read_response_table
from calib.sensor import load_sensor

NM, B1, B2 = [500.0, 502.5, 505.0], [0.0, 1.0, 0.25], [0.5, 0.0, 0.125]

FORMS = {
    "commas": "wavelength_nm,B1,B2\n500,0,0.5\n502.5,1,0\n505,0.25,0.125\n",
    "tabs, decimal commas": "wavelength\tB1\tB2\n500\t0\t0,5\n502,5\t1\t0\n505\t0,25\t0,125\n",
    "semicolons, decimal commas": "Wavelength (nm);B1;B2\n500;0;0,5\n502,5;1;0\n505;0,25;1,25e-1\n",
    "blanks, decimal commas": "wavelength B1 B2\n500,0 0,0 0,5\n502,5 1,0 0,0\n505,0 0,25 0,125\n",
    "index column": "\twavelength\tB1\tB2\n0\t500.0\t0.0\t0.5\n1\t502.5\t1.0\t0.0\n2\t505.0\t0.25\t0.125\n",
    "micrometres": "# a comment\nwavelength_um,B1,B2\n0.5,0,0.5\n0.5025,1,0\n0.505,0.25,0.125\n",
    "quotes, line ends, mark": '\ufeff"wavelength","B1","B2"\r\n500,0,0.5\r\n502.5,1,0\r\n505,0.25,0.125\r\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_responses(tmp_path: Path, form: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(FORMS[form], encoding="utf-8", newline="")
    responses = read_response_table(path)
    assert responses["wavelength"].attrs["units"] == "nm" and responses.attrs["units"] == "1"
    np.testing.assert_allclose(responses["wavelength"], NM, rtol=1e-12)
    assert responses.sel(band="B1").values.tolist() == B1 and responses.sel(band="B2").values.tolist() == B2


def test_a_table_without_header_wants_names(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text("0.5\t0\t0.5\r\n0.5025\t1\t0\r\n", encoding="utf-8")
    with pytest.raises(InputError, match="no names for its 2 columns without header"):
        read_response_table(path)
    with pytest.raises(InputError, match="3 names for its 2 columns"):
        read_response_table(path, ["B1", "B2", "B3"])
    assert list(read_response_table(path, ["B1", "B2"])["band"].values) == ["B1", "B2"]


def test_bands_are_chosen_by_name_in_the_order_asked(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(FORMS["commas"])
    assert list(read_response_table(path, ["B2", "B1"])["band"].values) == ["B2", "B1"]
    with pytest.raises(InputError, match="no column of band B7; it has B1, B2"):
        read_response_table(path, ["B7"])


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "0 rows are no table"),
        (b"wavelength,B1\nfive,1\n", "row 1 of numbers"),
        (b"wavelength,B1\n500,nan\n501,1\n", "row 1 of numbers is '500 nan'"),
        (b"wavelength,B1\n500,1e999\n501,1\n", "not finite"),
        (b"wavelength,B1\n500,1\n500,1\n", "do not grow"),
        (b"wavelength,B1\n500,1\n501,1,2\n", "row 2 of numbers"),
        (b"wavelength,B1\n500,0\n501,0\n", "the response of B1 is nowhere positive"),
        (b"wavelength,B1,B1\n500,1,1\n501,1,1\n", "need names that differ"),
        (b"energy,B1\n500,1\n501,1\n", "needs one column 'wavelength'"),
        (b"wavelength_um,B1\n500,1\n501,1\n", "under the name 'wavelength_um'; correct the unit"),
        (b"wavelength_nm,B1\n0.5,1\n0.6,1\n", "under the name 'wavelength_nm'; correct the unit"),
        (b"wavelength,B1\n60,1\n70,1\n", "neither nm nor"),
        (b"wavelength\n500\n501\n", "1 columns are no table"),
        (b"wavelength,B1\n" + b"\xe9,1\n", "no text in UTF-8"),
        (b"wavelength,B1\n" + b"500,1\n" * 60_000, "rows are no table"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_response_table(path)


def test_genuine_tables(shared: Path) -> None:
    found = {path.name: path for path in shared.glob("products/**/sr[sf]_*")}
    if not found:
        pytest.skip("no reference folder of responses below products")
    # facts of these files: S2 with decimal commas, Venus with tabs and an index column, and in micrometres without header
    sentinel2 = read_response_table(found["srs_sentinel2a.csv"])
    assert sentinel2.sizes["band"] == 13 and float(sentinel2["wavelength"][0]) == 300.0
    venus = [f"B{number}" for number in range(1, 13)]
    table, coarse = read_response_table(found["srs_venus.csv"]), read_response_table(found["srs_venus.txt"], venus)
    shipped = load_sensor("venus").response
    for responses in (table, coarse):
        centre = (responses * responses["wavelength"]).sum("wavelength") / responses.sum("wavelength")
        expected = (shipped * shipped["wavelength"]).sum("wavelength") / shipped.sum("wavelength")
        # the tables are interpolations of each other, in steps of 1 and 2.5 nm
        np.testing.assert_allclose(centre.sel(band=venus), expected.sel(band=venus), atol=0.1)
    with pytest.raises(InputError, match="no names for its 12 columns"):
        read_response_table(found["srs_venus.txt"])
