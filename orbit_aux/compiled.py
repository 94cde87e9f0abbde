"""The one way in which loops are compiled here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


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
