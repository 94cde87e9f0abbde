"""A step says what it depends on, and its key says so too."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import xarray as xr

from calib.config import Model
from calib.lineage import Lineage
from calib.steps import NoParameters, Step, parameters_for
from calib.types import Content, Result, as_record
from calib.units import Pixels


class Extraction(Model):
    level: float = 0.1
    reach: Pixels


@dataclass(frozen=True)
class File:
    digest: str
    label: str = "file"


def disk(image: File, background: xr.Dataset, parameters: Extraction) -> xr.Dataset:
    return xr.Dataset({"radius": background["radius"] * parameters.level, "seen": str(sorted(background.data_vars))})


DISK = Step("lunar_disk", "1", ("image", "background"), Extraction, disk)
PARAMETERS = Extraction.model_validate({"reach": "8 pixel"})


def background(radius: float = 5.0) -> Result:
    data = xr.Dataset(
        {
            "radius": ("band", [radius], {"units": "pixel"}),
            "quicklook": as_record(xr.DataArray([1.0], dims="x", attrs={"units": "DN"})),
        }
    )
    return Result(data, Lineage("background", "1", {}, ()))


@pytest.mark.parametrize(
    "needs", [("image",), ("background", "image"), ("image", "sky"), ("image", "background", "sky"), ()], ids=str
)
def test_the_function_must_take_what_the_step_declares(needs: tuple[str, ...]) -> None:
    with pytest.raises(TypeError, match=r"step 'lunar_disk': the function takes .*, the step declares"):
        replace(DISK, needs=needs)


def test_causes_are_roles_contents_labels_and_keys() -> None:
    result = background()
    image, other = DISK.causes((File("d1", "A"), result))
    assert (image.role, image.content, image.label, image.key) == ("image", "d1", "A", None)
    assert (other.role, other.content, other.key) == ("background", result.digest, result.key)
    with pytest.raises(TypeError, match="step 'lunar_disk' needs image, background; 1 inputs were given"):
        DISK.causes((result,))


def key(step: Step = DISK, image: File = File("d1"), result: Result | None = None, reach: str = "8 pixel") -> str:
    inputs: tuple[Content, ...] = (image, result or background())
    return step.key(step.causes(inputs), Extraction.model_validate({"reach": reach}))


def test_the_key_changes_with_version_parameters_and_content() -> None:
    keys = [
        key(),
        key(step=replace(DISK, version="2")),
        key(step=replace(DISK, name="disk")),
        key(reach="9 pixel"),
        key(image=File("d2")),
        key(result=background(6.0)),
    ]
    assert len(set(keys)) == len(keys)


def test_the_key_does_not_change_with_labels_spelling_or_the_history_of_inputs() -> None:
    assert key(image=File("d1", "moved")) == key()
    assert key(reach="8.0 pix") == key()
    made_otherwise = Result(background().data, Lineage("background", "2", {"a": 1}, (), subject="B", host="h"))
    assert key(result=made_otherwise) == key()


def test_a_step_sees_no_records() -> None:
    made = DISK.compute((File("d1"), background()), PARAMETERS)
    assert made["seen"].item() == "['radius']"
    assert made["radius"].item() == 0.5


def test_a_step_cannot_change_its_inputs() -> None:
    def spoil(background: xr.Dataset, parameters: NoParameters) -> xr.Dataset:
        background["radius"].attrs["units"] = "km"
        background["new"] = 1
        with pytest.raises(ValueError, match="read-only"):
            background["radius"][0] = 0.0
        return background

    result = background()
    Step("spoil", "1", ("background",), NoParameters, spoil).compute((result,), NoParameters())
    assert result.digest == background().digest
    assert result.data["radius"].attrs["units"] == "pixel"
    assert set(result.data.data_vars) == {"radius", "quicklook"}


def test_titles_and_parameters() -> None:
    assert DISK.title == "lunar disk"
    assert parameters_for(DISK, {"lunar_disk": PARAMETERS}) is PARAMETERS
    other = Step("other", "1", (), NoParameters, lambda parameters: xr.Dataset())
    assert parameters_for(other, {"lunar_disk": PARAMETERS}) == NoParameters()
