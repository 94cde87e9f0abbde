"""Machine code on disk belongs to one state of all loops."""

from __future__ import annotations

from pathlib import Path

from orbit_aux.compiled import kernels_digest


def test_a_changed_loop_makes_all_machine_code_anew(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "a_kernel.py").write_text("one")
    (tmp_path / "room" / "b_kernel.py").write_text("two")
    (tmp_path / "other.py").write_text("three")
    first = kernels_digest(tmp_path)
    (tmp_path / "other.py").write_text("four")
    assert kernels_digest(tmp_path) == first
    (tmp_path / "room" / "b_kernel.py").write_text("five")
    assert kernels_digest(tmp_path) != first
