"""Configuration: what is wrong is said in one line; what is right is completed and comes back the same."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from calib import config
from calib.config import Model, complete, find, load, parse, read_yaml, to_yaml
from calib.errors import RequestError
from calib.units import Degrees, Fraction, Nanometres, Seconds


class Channel(Model):
    centre: Nanometres
    tolerance: Fraction = 0.05


class Camera(Model):
    name: str
    kind: Literal["moon", "star"] = "moon"
    half_angle: Degrees = Field(default="80 deg", gt=10, lt=90)
    exposures: list[Channel] = []
    bands: dict[str, Channel] = {}
    offset: Seconds | None = None


Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str | bytes) -> Path:
        path = tmp_path / "camera.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


def refusal(path: Path) -> str:
    with pytest.raises(RequestError) as caught:
        load(Camera, path)
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: a\nknd: star", "FILE: knd: unknown key 'knd'; did you mean 'kind'?"),
        ("name: a\nqqq: 1", "FILE: qqq: unknown key 'qqq'; allowed: bands, exposures, half_angle, kind, name, offset"),
        ("kind: star", "FILE: name: this key is required"),
        ("name: a\nkind: mon", "FILE: kind: 'mon' is not allowed; did you mean 'moon'?"),
        ("name: [a]", "FILE: name: ['a']: Input should be a valid string"),
        ("name: a\nhalf_angle: 95 deg", "FILE: half_angle: '95 deg': Input should be less than 90"),
        (
            "name: a\nhalf_angle: 50",
            "FILE: half_angle: 50 has no unit; write for example '50 deg' (deg or rad or arcmin or arcsec)",
        ),
        ("name: a\nhalf_angle: 50 dgr", "FILE: half_angle: '50 dgr': unknown unit 'dgr'; did you mean 'deg'?"),
        (
            "name: a\noffset: 3 m",
            "FILE: offset: '3 m': 'm' cannot be converted to s; allowed: s or ms or us or min or h or d",
        ),
        ("name: a\nbands: {B1: {center: 1 nm}}", "FILE: bands.B1.center: unknown key 'center'; did you mean 'centre'?"),
        ("name: a\nbands: {B1: {}}", "FILE: bands.B1.centre: this key is required"),
        ("name: a\nbands: {B1: 5}", "FILE: bands.B1: 5: Input should be a valid dictionary or instance of Channel"),
        (
            "name: a\nexposures:\n- centre: 1 nm\n- centre: 2 s",
            "FILE: exposures.1.centre: '2 s': 's' cannot be converted to nm; allowed: nm or um or m",
        ),
        ('name: a\n"k\\nind": 1', "FILE: k\\nind: unknown key 'k\\nind'; did you mean 'kind'?"),
    ],
)
def test_one_line_with_file_key_value_and_remedy(write: Write, text: str, sentence: str) -> None:
    assert refusal(write(text)) == sentence


def test_each_fault_has_its_line(write: Write) -> None:
    lines = refusal(write("kind: mon\nbands: {B1: {centre: 5}}")).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("FILE: ") for line in lines)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("name: a\nname: b", "FILE, line 2: not valid YAML: key 'name' is given twice"),
        (
            "name: a\nbands:\n  B1: {centre: 1 nm, centre: 2 nm}",
            "FILE, line 3: not valid YAML: key 'centre' is given twice",
        ),
        ("- name", "FILE: expected a mapping of keys to values, found list"),
        ("", "FILE: expected a mapping of keys to values, found NoneType"),
        ("a: [1", "FILE, line 1: not valid YAML: "),
        ("a: b: c", "FILE, line 1: not valid YAML: "),
        ("a: \x01", "FILE: not valid YAML: unacceptable character #x0001"),
        ("[x]: 1", "no plain key"),
        ("? !!set {a}\n: 1", "no plain key"),
        ("a: !!bool maybe", "FILE: not valid YAML: "),
        ("a: !!timestamp never", "FILE: not valid YAML: "),
        ("a: !!python/name:os.system x", "FILE, line 1: not valid YAML: could not determine a constructor"),
        ("a: 1\n---\nb: 2", "FILE, line 2: not valid YAML: "),
        (b"a: \xff\xfe", "FILE: cannot be read as UTF-8 text: "),
        ("a: " + "[" * 5000, "FILE: not valid YAML: maximum recursion depth"),
    ],
)
def test_what_is_no_usable_yaml(write: Write, text: str | bytes, part: str) -> None:
    message = refusal(write(text))
    assert part in message
    assert "\n" not in message


def test_a_few_lines_of_aliases_do_not_fill_the_memory(write: Write) -> None:
    laughs = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10)
    )
    path = write(laughs + "name: *a9\n")
    tracemalloc.start()
    try:
        message = refusal(path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert message == "FILE, line 2: not valid YAML: the alias '*a0' is not read; write the value out"
    # the text has 700 bytes; its 1e10 words would be 80 GB of pointers
    assert peak_bytes < 5e6


def test_an_alias_of_itself_is_refused(write: Write) -> None:
    assert "the alias '*a' is not read" in refusal(write("name: &a [*a]"))


def test_a_file_that_is_missing_names_its_neighbour(write: Write) -> None:
    path = write("name: a")
    with pytest.raises(RequestError, match=r"camra\.yaml: no such file; did you mean 'camera\.yaml'\?"):
        read_yaml(path.with_name("camra.yaml"))
    with pytest.raises(RequestError, match=r"no such file; check the path$"):
        read_yaml(path.parent / "nowhere" / "camera.yaml")
    with pytest.raises(RequestError, match="cannot be read as UTF-8 text"):
        read_yaml(path.parent)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("-1E5", -1e5), ("1.", 1.0), (".5", 0.5), ("1_000", 1000), ("0x10", 16), ("0", 0), ("+1", 1),
        ("2020-01-01", "2020-01-01"), ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("10:30", "10:30"), ("012", "012"), ("1e", "1e"), ("7 km", "7 km"), ("true", True), ("null", None),
    ],
)  # fmt: skip
def test_scalars_without_surprises(write: Write, text: str, value: Any) -> None:
    read = read_yaml(write(f"a: {text}"))["a"]
    assert read == value
    assert type(read) is type(value)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
    | st.from_regex(r"[-+]?[0-9_.:eExo]{1,8}", fullmatch=True),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(TEXT, PLAIN, max_size=4))
def test_plain_data_come_back_from_yaml_the_same(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.yaml"
    path.write_text(to_yaml(content), encoding="utf-8")
    assert read_yaml(path) == content


def test_text_like_a_number_stays_text(write: Write) -> None:
    content = {"digest": "12e45678", "code": "1e5", "time": "10:30", "no": "no"}
    assert read_yaml(write(to_yaml(content))) == content


@given(st.floats(10.000001, 89.999999), st.floats(0, 1e5), st.floats(0, 1e9))
def test_a_completed_configuration_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, angle_deg: float, centre_nm: float, offset_s: float
) -> None:
    given_text = {
        "name": "1e5",
        "half_angle": f"{angle_deg!r} deg",
        "offset": f"{offset_s!r} ms",
        "bands": {"B10": {"centre": f"{centre_nm!r} um", "tolerance": "3 %"}, "B2": {"centre": "5 nm"}},
    }
    camera = parse(Camera, given_text, "test")
    path = tmp_path_factory.getbasetemp() / "completed.yaml"
    path.write_text(to_yaml(complete(camera)), encoding="utf-8")
    again = load(Camera, path)
    assert again == camera
    assert list(again.bands) == ["B10", "B2"]
    assert complete(again) == complete(camera)


def test_completion_states_every_default_with_its_unit() -> None:
    assert complete(parse(Camera, {"name": "a"}, "test")) == {
        "name": "a", "kind": "moon", "half_angle": "80.0 deg", "exposures": [], "bands": {}, "offset": None,
    }  # fmt: skip


def test_a_section_cannot_be_changed() -> None:
    camera = parse(Camera, {"name": "a"}, "test")
    with pytest.raises(ValidationError, match="frozen"):
        camera.name = "b"  # type: ignore[misc]


def test_find_knows_what_is_shipped_and_what_is_named_by_path(tmp_path: Path) -> None:
    assert find("sensors", "venus").parent == config.CONFIGS / "sensors"
    assert find("sensors", "own.yaml", beside=tmp_path) == tmp_path / "own.yaml"
    assert find("sensors", str(tmp_path / "own.yml"), beside=Path("elsewhere")) == tmp_path / "own.yml"
    with pytest.raises(RequestError, match=r"no sensors configuration 'vennus'; did you mean 'venus'\?"):
        find("sensors", "vennus")


def test_frozen_view() -> None:
    view = config.frozen({"a": 1})
    with pytest.raises(TypeError):
        view["a"] = 2  # type: ignore[index]
