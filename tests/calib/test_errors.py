"""The text of an error is one line, meant for the user."""

from __future__ import annotations

import pytest

from calib.errors import ArchiveError, EtalonError, InputError, RequestError, one_line


@pytest.mark.parametrize("kind", [RequestError, InputError, ArchiveError])
def test_every_refusal_has_one_root(kind: type[EtalonError]) -> None:
    assert issubclass(kind, EtalonError)


def test_own_errors_stand_as_they_are_on_one_line() -> None:
    assert (
        one_line(InputError("moon.tif: cannot be read;\n  fetch it again"))
        == "moon.tif: cannot be read; fetch it again"
    )


def test_foreign_errors_carry_their_type() -> None:
    assert one_line(ValueError("bad\nvalue")) == "ValueError: bad value"


def test_the_cause_of_a_foreign_error_is_added_once() -> None:
    error = RuntimeError("task failed")
    error.__cause__ = OSError("disk\nfull")
    assert one_line(error) == "RuntimeError: task failed (disk full)"
    repeated = RuntimeError("task failed: disk full")
    repeated.__cause__ = OSError("disk\nfull")
    assert one_line(repeated) == "RuntimeError: task failed: disk full"
