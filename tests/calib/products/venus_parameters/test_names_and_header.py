"""Names made and parsed, the header, files in one piece and in two, and which file applies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calib.errors import InputError, RequestError
from calib.products.venus_parameters import ParameterFile, facts, open_parameters, recognises, select
from calib.products.venus_parameters.names import parse_name, tdi_code, tdi_of_code
from calib.simulate.products import venus_parameters as simulate
from calib.simulate.products.venus_parameters import Identity

DAY = np.datetime64("2019-02-04T08:34:37", "s")

#: names of a public L1 header of 2019-02-04, of the interface document, and of a later phase
GENUINE = [
    "VE_OPER_GIP_PHGAIN_L_ALLSITES_00007_20170801_99991231",
    "VE_OPER_GIP_DARKCU_L_ALLSITES_00008_20171021_99991231_B01_111101",
    "VE_OPER_GIP_OUTORD_L_ALLSITES_00003_20170801_99991231_B12",
    "VE_VM05_GIP_PHGAIN_S_THE_MOON_00001_20220301_20230101",
    "VE_VM01_AUX_GPSDTA_M_THE_MOON_07993_S_VEN_KRN_07993_00001_1",
    "VE_VM01_TEC_LINDAT_1AVALD_THE_MOON_20190204_B04",
]


@pytest.mark.parametrize("text", GENUINE)
def test_a_name_is_parsed_and_made_again(text: str) -> None:
    name = parse_name(text)
    assert name is not None and name.text == text


def test_parts_of_a_name() -> None:
    name = parse_name(GENUINE[1])
    assert name is not None
    assert (name.file_class, name.file_type, name.site, name.serial) == ("OPER", "GIP_DARKCU", "ALLSITES", 8)
    assert (name.band, name.tdi) == ("B1", (1, 4, 8, 16, 32))


@pytest.mark.parametrize(
    "text",
    ["", "VE_OPER_GIP_PHGAIN", GENUINE[0] + "_B13", GENUINE[0] + "_B01_111111", GENUINE[0].lower(), GENUINE[0] + "\n"],
)
def test_what_is_no_name(text: str) -> None:
    assert parse_name(text) is None


# the schema: the code is a binary number whose value is the sum of the configurations
@pytest.mark.parametrize(("tdi", "code"), [((1, 4, 8, 16, 32), "111101"), ((32,), "100000"), ((1, 8), "001001")])
def test_tdi_code_both_ways(tdi: tuple[int, ...], code: str) -> None:
    assert tdi_code(tdi) == code and tdi_of_code(code) == tdi and int(code, 2) == sum(tdi)


def test_header_of_a_file(files: dict[str, Path]) -> None:
    file = open_parameters(files["GIP_PHGAIN"])
    header = file.header
    assert header.name.text == header.file_name == files["GIP_PHGAIN"].stem
    assert header.validity_start == np.datetime64("2017-08-01") and header.validity_stop is None
    assert header.notes == "synthetic: α & <b>" and file.warnings == ()


@pytest.mark.parametrize("file_class", ["VM04", "VM05", "X_9Z"])
def test_a_class_beyond_the_schemas_is_a_warning(tmp_path: Path, file_class: str) -> None:
    file = open_parameters(simulate.write_gains(tmp_path, Identity(file_class), {"B1": 1.0}))
    assert any(file_class in text for text in file.warnings)


def test_oddities_are_warnings(files: dict[str, Path], tmp_path: Path) -> None:
    text = files["GIP_PHGAIN"].read_text("utf-8").replace('schema_version="0.40"', 'schema_version="9.1"')
    text = text.replace("<Mission>VENuS", "<Mission>OTHER").replace("99991231</File_Name>", "20300101</File_Name>")
    path = tmp_path / files["GIP_PHGAIN"].name
    path.write_text(text, "utf-8")
    found = " | ".join(open_parameters(path).warnings)
    assert "newer" in found and "OTHER" in found and "does not agree" in found and "is called" in found


def test_header_and_data_in_two_files(files: dict[str, Path], tmp_path: Path) -> None:
    text = files["GIP_PHGAIN"].read_text("utf-8")
    start, stop = text.index("<Data_Block>"), text.index("</Data_Block>") + len("</Data_Block>")
    split = text[:start] + text[stop:]
    header, footer = split.index("<Earth_Explorer_Header>"), split.index("</Earth_Explorer_File>")
    root = '<Earth_Explorer_Header xmlns="http://eop-cfi.esa.int/CFI" schema_version="0.40">'
    path = tmp_path / files["GIP_PHGAIN"].with_suffix(".HDR").name
    path.write_text(root + split[header + len("<Earth_Explorer_Header>") : footer], "utf-8")
    with pytest.raises(InputError, match=r"\.DBL.*missing"):
        open_parameters(path)
    path.with_suffix(".DBL").write_text(text[start:stop], "utf-8")
    whole, halves = open_parameters(files["GIP_PHGAIN"]), open_parameters(path)
    assert halves.content.identical(whole.content)  # type: ignore[union-attr]
    named = path.read_text("utf-8").replace(
        "</Instance_Id>",
        "</Instance_Id><DBL_Organization><Unpackaged_DBL_File><Relative_File_Path>../x.DBL</Relative_File_Path>"
        "</Unpackaged_DBL_File></DBL_Organization>",
    )
    path.write_text(named, "utf-8")
    with pytest.raises(InputError, match="leads out of the product"):
        open_parameters(path)


def test_recognises_by_name_or_content(files: dict[str, Path], tmp_path: Path) -> None:
    assert all(recognises(path) for path in files.values())
    renamed = tmp_path / "stray.xml"
    renamed.write_bytes(files["GIP_PHGAIN"].read_bytes())
    other = tmp_path / "VE_OPER_GIP_CLOUDD_L_ALLSITES_00006_20170801_99991231.EEF"
    other.write_bytes(files["GIP_PHGAIN"].read_bytes())
    assert recognises(renamed) and open_parameters(renamed).header.file_type == "GIP_PHGAIN"
    assert not recognises(other) and not recognises(tmp_path) and not recognises(Path("a\0.xml"))


def test_facts_of_every_type_are_json(files: dict[str, Path]) -> None:
    import json

    for file_type, path in files.items():
        found = json.loads(json.dumps(facts(open_parameters(path)), allow_nan=False))
        assert found["type"] == file_type and found["validity"]["start"] and found["warnings"] == []
    assert facts(open_parameters(files["GIP_PHGAIN"]))["ranges"]["gain"]["least"] == 0.1


def _gains(folder: Path, **identity: object) -> ParameterFile:
    return open_parameters(simulate.write_gains(folder, Identity(**identity), {"B1": 1.0}))  # type: ignore[arg-type]


def test_selection(tmp_path: Path) -> None:
    stop = np.datetime64("2019-06-01T00:00:00", "s")
    old, new = _gains(tmp_path, serial=1), _gains(tmp_path, serial=2, start=np.datetime64("2019-01-01", "s"))
    moon = _gains(tmp_path, site="THE_MOON", serial=1, start=np.datetime64("2019-02-01", "s"), stop=stop)
    known = [new, moon, old]
    assert select(known, "ISRAEL03", DAY) is new, "the highest serial"
    assert select(known, "ISRAEL03", np.datetime64("2018-05-01", "s")) is old, "the newer is not yet in force"
    assert select(known, "THE_MOON", DAY) is moon, "its own site before all sites"
    assert select(known, "THE_MOON", np.datetime64("2019-02-01", "s")) is moon, "the start is included"
    assert select(known, "THE_MOON", stop) is new, "the stop is excluded"
    assert select(known, "THE_MOON", stop - np.timedelta64(1, "s")) is moon
    assert select(known, "ISRAEL03", np.datetime64("9999-12-31", "s")) is new, "open until further notice"


def test_selection_refuses(files: dict[str, Path], tmp_path: Path) -> None:
    moon = _gains(tmp_path, site="THE_MOON")
    with pytest.raises(InputError, match="none of 1 GIP_PHGAIN files applies to site ISRAEL03"):
        select([moon], "ISRAEL03", DAY)
    with pytest.raises(InputError, match="none of 0"):
        select([], "ISRAEL03", DAY)
    with pytest.raises(RequestError, match="several kinds"):
        select([moon, open_parameters(files["GIP_NOISMO"])], "THE_MOON", DAY)
    with pytest.raises(InputError, match="same serial"):
        select([moon, _gains(tmp_path / "copy", site="THE_MOON")], "THE_MOON", DAY)


def test_a_list_of_sites(files: dict[str, Path], tmp_path: Path) -> None:
    path = simulate.write_gains(tmp_path, Identity(site="NOTNAMED"), {"B1": 1.0})
    site = '<Applicable_SiteDefinition_Id sn="1">VE_VM01_MPL_SITDEF_S_ISRAEL03</Applicable_SiteDefinition_Id>'
    text = path.read_text("utf-8").replace(
        '<List_of_Applicable_SiteDefinition_Ids count="0"/>',
        f'<List_of_Applicable_SiteDefinition_Ids count="1">{site}</List_of_Applicable_SiteDefinition_Ids>',
    )
    path.write_text(text, "utf-8")
    named, everywhere = open_parameters(path), _gains(tmp_path, serial=99)
    assert select([named, everywhere], "ISRAEL03", DAY) is named
    assert select([named, everywhere], "ISRAEL04", DAY) is everywhere
