"""The one way in which loops are compiled here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def kernels_digest(package: Path) -> str:
    """Digest of all loops of a package: machine code holds what a loop calls in other files, and numba looks only at the loop's own."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*kernel*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _keep_by_digest() -> None:
    """Machine code in a folder of its own for each state of the loops; where nothing can be written, numba chooses."""
    package = Path(__file__).parent
    if not os.environ.get("NUMBA_CACHE_DIR") and os.access(package, os.W_OK):
        numba.config.CACHE_DIR = str(  # type: ignore[attr-defined]
            package / "__pycache__" / f"kernels-{kernels_digest(package)}"
        )


_keep_by_digest()


def compiled(function: _Function) -> _Function:
    """`function` as machine code, made at its first call and kept on disk for the next process.

    Division by zero gives inf or NaN as NumPy does, arithmetic stays IEEE (no reordering): the same numbers on every machine.
    """
    return cast("_Function", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def compiled_fast(function: _Function) -> _Function:
    """As `compiled`, but sums may be reordered and fused and NaN is not looked for: last bits may differ between machines.

    For loops whose inputs are checked before and whose result is checked after.
    """
    return cast("_Function", numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(function))
