"""Makes the table of Moon, Earth and Sun from a JPL kernel: `python -m orbit_aux.ephemeris_fit de440.bsp`. Needs jplephem, which only this module does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from orbit_aux.ephemeris_table import TABLE, Array, Chebyshev, EphemerisTable, write_ephemeris_table

SOURCE = "JPL DE440 (Park et al. 2021, public domain), Chebyshev fit 1980-2052"
#: Julian dates of TDB
_START_JD, _STOP_JD = 2_444_239.5, 2_470_543.5
#: days of a granule and coefficients: the Moon and the barycentre to a centimetre, the Sun to some metres
_SHAPES = {"moon": (8, 16), "barycentre": (16, 10), "sun": (32, 12)}


def fitted(kernel: Path, start_jd: float = _START_JD, stop_jd: float = _STOP_JD) -> EphemerisTable:
    """The table fitted to a kernel over at least the given dates."""
    from jplephem.spk import SPK

    spk = SPK.open(str(kernel))
    try:
        places = _places(spk)
        parts = {name: _fit(places[name], start_jd, stop_jd, *_SHAPES[name]) for name in _SHAPES}
    finally:
        spk.close()
    return EphemerisTable(SOURCE, **parts)


def _places(spk: Any) -> dict[str, Callable[[float, Array], Array]]:
    """Places (k, 3), m, at two-part dates, by body."""

    def from_barycentre(target: int) -> Callable[[float, Array], Array]:
        return lambda date, rest: np.asarray(spk[0, target].compute(date, rest)).T * 1e3

    def moon(date: float, rest: Array) -> Array:
        return np.asarray(spk[3, 301].compute(date, rest) - spk[3, 399].compute(date, rest)).T * 1e3

    return {"moon": moon, "barycentre": from_barycentre(3), "sun": from_barycentre(10)}


def _fit(
    place: Callable[[float, Array], Array], start_jd: float, stop_jd: float, granule_d: int, count: int
) -> Chebyshev:
    """Least squares at twice as many Chebyshev nodes as coefficients, where the basis is orthogonal."""
    nodes = np.cos(np.pi * (np.arange(2 * count) + 0.5) / (2 * count))
    basis = np.polynomial.chebyshev.chebvander(nodes, count - 1)
    weights = basis.T / (basis**2).sum(axis=0)[:, None]
    granules = int(np.ceil((stop_jd - start_jd) / granule_d))
    rests = (nodes + 1.0) / 2.0 * granule_d
    coefficients = [(weights @ place(start_jd + number * granule_d, rests)).T for number in range(granules)]
    return Chebyshev(start_jd, float(granule_d), np.array(coefficients))


def main() -> None:
    """Write the table of the package from the kernel that is named."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m orbit_aux.ephemeris_fit de440.bsp")
    target = Path(__file__).parent / "data" / TABLE
    write_ephemeris_table(target, fitted(Path(sys.argv[1])))
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
