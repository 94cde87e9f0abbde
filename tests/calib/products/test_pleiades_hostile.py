"""Headers of Pléiades products damaged at random: whatever the bytes, a product or one InputError."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calib.errors import InputError
from calib.products import pleiades_dimap, pleiades_neo, pleiades_system
from calib.simulate.products import pleiades_dimap as dimap_writer
from calib.simulate.products import pleiades_neo as neo_writer
from calib.simulate.products import pleiades_system as system_writer
from calib.simulate.products.scene import site_scene

_WORDS = (
    b"",
    b"0",
    b"-1",
    b"1e309",
    b"nan",
    b"inf",
    b"9" * 400,
    b"<",
    b">",
    b"&amp;",
    b"&x;",
    b"../",
    b"\0",
    b"\xff",
    b"2019-02-30T00:00:00Z",
)
FAMILIES = {
    "dimap": (
        pleiades_dimap,
        lambda folder: dimap_writer.write(folder, site_scene(["B0", "B1", "B2", "B3"]), tiles=(2, 1)),
    ),
    "neo": (pleiades_neo, lambda folder: neo_writer.write(folder, site_scene(["DB", "B", "G", "R", "RE", "NIR"]))),
    "system": (pleiades_system, lambda folder: system_writer.write(folder, site_scene(["P"]))),
}


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[ModuleType, Path, bytes]]:
    found = {}
    for name, (reader, write) in FAMILIES.items():
        header = next(write(tmp_path_factory.mktemp(name)).glob("*.XML"))
        if name == "dimap":
            header = next(header.parent.glob("DIM_*.XML"))
        found[name] = reader, header, header.read_bytes()
    return found


@pytest.mark.parametrize("name", list(FAMILIES))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(data=st.data())
def test_damaged_headers(products: dict[str, tuple[ModuleType, Path, bytes]], name: str, data: st.DataObject) -> None:
    reader, header, genuine = products[name]
    damaged = bytearray(genuine)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        if data.draw(st.booleans()):
            # the text of an element, and not only any byte: most of a header is names
            at = damaged.find(b">", at) + 1
        span = data.draw(st.integers(0, 12))
        damaged[at : at + span] = data.draw(st.sampled_from(_WORDS) | st.binary(max_size=6))
    header.write_bytes(bytes(damaged))
    try:
        reader.recognises(header.parent)
        acquisition = reader.read(header)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert acquisition.start <= acquisition.stop or not acquisition.bands
    finally:
        header.write_bytes(genuine)
