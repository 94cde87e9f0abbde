"""Damaged and malicious files: an InputError of one line, whatever the bytes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calib.errors import InputError
from calib.products.venus_parameters import facts, open_parameters, recognises

#: small files of every structure; the long tables share theirs with the spikes of none and the defects
TYPES = ["GIP_PHGAIN", "GIP_NOISMO", "GIP_OUTORD", "GIP_STRLGT", "GIP_SPECSE", "GIP_REFLEC", "TEC_LINDAT", "AUX_GPSDTA", "AUX_AOCDTA"]  # fmt: skip
WORDS = [
    "",
    "nan",
    "inf",
    "-1",
    "1e400",
    "9" * 30,
    "1_0",
    "٣",
    "NIL=MISSING",
    "UTC=2019-02-30T00:00:00",
    "../../x",
    "0",
    "5201",
    "B13",
    "\n",
]
MUTATIONS = st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(WORDS)), min_size=1, max_size=3)


def attempt(path: Path) -> None:
    """Reading gives a file whose facts can be told, or an InputError of one line that names the file."""
    recognises(path)
    try:
        facts(open_parameters(path))
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000 and path.parent.name in str(error)


@pytest.fixture(scope="module")
def place(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the filters that the stray light header names."""
    folder = tmp_path_factory.mktemp("hostile")
    filters = files["GIP_STRLGT"].with_suffix(".DBL.DIR")
    shutil.copytree(filters, folder / filters.name)
    return folder


@pytest.mark.parametrize("file_type", TYPES)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutations=MUTATIONS)
def test_other_values(files: dict[str, Path], place: Path, file_type: str, mutations: list[tuple[int, str]]) -> None:
    text = files[file_type].read_text("utf-8")
    for index, word in mutations:
        spots = list(re.finditer(r'(?<=>)[^<>\n]+(?=<)|(?<==")[^"\n]+(?=")', text))
        spot = spots[index % len(spots)]
        text = text[: spot.start()] + word + text[spot.end() :]
    path = place / files[file_type].name
    path.write_text(text, "utf-8")
    attempt(path)


@pytest.mark.parametrize("file_type", TYPES)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cuts=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 400), st.binary(max_size=6)), min_size=1, max_size=2)
)
def test_other_bytes(files: dict[str, Path], place: Path, file_type: str, cuts: list[tuple[int, int, bytes]]) -> None:
    content = files[file_type].read_bytes()
    for start, length, new in cuts:
        start %= len(content) + 1
        content = content[:start] + new + content[start + length :]
    path = place / files[file_type].name
    path.write_bytes(content)
    attempt(path)


@pytest.mark.parametrize("file_type", TYPES)
def test_missing_elements(files: dict[str, Path], place: Path, file_type: str) -> None:
    text = files[file_type].read_text("utf-8")
    path = place / files[file_type].name
    for name in sorted(set(re.findall(r"<(\w+)[ >]", text))):
        path.write_text(re.sub(rf"<{name}[ >].*?</{name}>|<{name}[^>]*/>", "", text, count=1, flags=re.S), "utf-8")
        attempt(path)


def test_entities_and_endless_lists(files: dict[str, Path], tmp_path: Path) -> None:
    text = files["GIP_NOISMO"].read_text("utf-8")
    path = tmp_path / files["GIP_NOISMO"].name
    secret = tmp_path / "secret"
    secret.write_text("0.5")
    start = text.index("<Earth_Explorer_File")
    path.write_text(f'{text[:start]}<!DOCTYPE x [<!ENTITY a SYSTEM "{secret.as_uri()}">]>{text[start:]}', "utf-8")
    with pytest.raises(InputError, match="document type or entities"):
        open_parameters(path)
    many = '<Band_Noise_Model sn="1"/>' * 200_000
    path.write_text(re.sub(r'count="12">', f'count="200012">{many}', text, count=1), "utf-8")
    with pytest.raises(InputError, match="200012 elements Band_Noise_Model, at most 12"):
        open_parameters(path)


@pytest.mark.parametrize(
    "content", [b"", b"<", b"\0" * 100, b"<Earth_Explorer_File/>", b"\xff\xfe<\0a\0/\0>\0", b"<a>" * 5000]
)
def test_no_parameter_file_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "VE_OPER_GIP_PHGAIN_L_ALLSITES_00007_20170801_99991231.EEF"
    path.write_bytes(content)
    with pytest.raises(InputError, match=path.name):
        open_parameters(path)


def test_truncated_filter(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / files["GIP_STRLGT"].name
    path.write_bytes(files["GIP_STRLGT"].read_bytes())
    filters = files["GIP_STRLGT"].with_suffix(".DBL.DIR")
    shutil.copytree(filters, tmp_path / filters.name)
    for item in (tmp_path / filters.name).iterdir():
        item.write_bytes(item.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"truncated or damaged|cannot be opened"):
        open_parameters(path)
