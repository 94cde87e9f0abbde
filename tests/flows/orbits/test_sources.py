"""What a file of an orbit is, by its beginning."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from flows.orbits.sources import head_of, kind_of, read_orbit_or_elements
from orbit_aux.errors import OrbitError

TLE = "SAT\n1 27421U 02021A   02124.48976499 -.00021470  00000-0 -89879-2 0    2\n2 27421  98.7490 199.5121 0001333 133.9522 226.1918 14.26113993    6\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CCSDS_OEM_VERS = 2.0\n", "OEM"),
        ("\n\ufeffCCSDS_OPM_VERS = 2.0\nCOMMENT made of CCSDS_OEM_VERS\n".lstrip(), "OPM"),
        ("COMMENT first\nCCSDS_OPM_VERS = 2.0\n", "OPM"),
        ('<?xml version="1.0"?>\n<ndm><opm id="CCSDS_OPM_VERS" version="2.0"></opm></ndm>', "OPM"),
        (TLE, "TLE"),
        (TLE.replace("    2\n", "    3\n"), "TLE"),
        ("utc,x_m,y_m,z_m\n", ""),
        ("", ""),
    ],
)
def test_a_file_is_known_by_its_beginning(tmp_path: Path, text: str, kind: str) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert kind_of(tmp_path / "a.txt", "an orbit") == kind
    (tmp_path / "a.gz").write_bytes(gzip.compress(text.encode()))
    assert kind_of(tmp_path / "a.gz", "an orbit") == kind


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "no.gz").write_bytes(b"none")
    for path in (tmp_path, tmp_path / "absent.oem", tmp_path / "no.gz"):
        with pytest.raises(OrbitError, match=f"{path.name}: cannot be read .*; give an orbit"):
            head_of(path, "an orbit")


def test_damaged_elements_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "a.tle").write_text(TLE.replace("    2\n", "    3\n"))
    with pytest.raises(OrbitError, match="good check sums"):
        read_orbit_or_elements(tmp_path / "a.tle")
