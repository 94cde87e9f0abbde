"""Gravity fields of the Earth as files of coefficients, and the tables from which loops evaluate them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orbit_aux.errors import OrbitError

_PACKAGED = Path(__file__).parent.parent / "data" / "egm96.csv"
TIDE_SYSTEMS = ("tide_free", "zero_tide")
# zero-tide minus tide-free C20, IERS Conventions 2010, equation 6.14: 4.4228e-8 x (-0.31460) x k20, k20 = 0.30190
_PERMANENT_TIDE_C20 = -4.2007e-9
_GREATEST_DEGREE = 360


@dataclass(frozen=True, eq=False)
class GravityField:
    """Fully normalised coefficients (degree + 1, degree + 1), [n, m], of a body-fixed potential, and what belongs to them."""

    name: str
    mu_m3s2: float
    radius_m: float
    cosine: NDArray[np.float64]
    sine: NDArray[np.float64]
    tide_system: str
    source: str

    @property
    def degree(self) -> int:
        return len(self.cosine) - 1

    @property
    def j2(self) -> float:
        """Oblateness, not normalised."""
        return float(-np.sqrt(5.0) * self.cosine[2, 0])

    def truncated(self, degree: int) -> GravityField:
        """The same field up to `degree` and order."""
        if not 2 <= degree <= self.degree:
            raise OrbitError(
                f"gravity field {self.name} holds degrees up to {self.degree}, not {degree}: ask for less or give a larger file"
            )
        return replace(self, cosine=self.cosine[: degree + 1, : degree + 1], sine=self.sine[: degree + 1, : degree + 1])

    def tide_free(self) -> GravityField:
        """The field without the permanent tide, as propagation with solid tides wants it."""
        if self.tide_system == "tide_free":
            return self
        cosine = self.cosine.copy()
        cosine[2, 0] -= _PERMANENT_TIDE_C20
        return replace(self, cosine=cosine, tide_system="tide_free")

    def record(self) -> dict[str, str | float | int]:
        """What every result says of its field."""
        return {
            "gravity_field": self.name,
            "degree": self.degree,
            "mu_m3s2": self.mu_m3s2,
            "radius_m": self.radius_m,
            "tide_system": self.tide_system,
            "source": self.source,
        }


class GravityTables(NamedTuple):
    """A field as loops want it: solid harmonics in order of m, then n, their recursion, and what multiplies each of them."""

    scale: NDArray[np.float64]
    """Reference radius (m), mu / radius^2 and mu / radius^3."""
    sectoral: NDArray[np.float64]
    upward: NDArray[np.float64]
    """Two factors of the recursion in n, (harmonics, 2)."""
    factors: NDArray[np.float64]
    """(harmonics, 16): cosine and sine factors of x, y, z of the acceleration, then of its gradient xx, xy, xz, yy, yz."""


@lru_cache(maxsize=1)
def packaged_gravity() -> GravityField:
    """EGM96 as it comes with the package."""
    return read_gravity(_PACKAGED)


def read_gravity(path: str | Path, degree: int | None = None) -> GravityField:
    """A field from an ICGEM file (.gfc) of any degree, or a table n,m,cosine,sine whose comments give mu_m3s2 and radius_m.

    Coefficients must be fully normalised and static; `degree` cuts the field.
    """
    file = Path(path)
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise OrbitError(f"{file}: cannot be read ({error}); give a file of gravity coefficients") from None
    try:
        header, rows = _icgem(lines) if file.suffix.lower() == ".gfc" else _table(lines)
        return _field(file, header, rows, degree)
    except (ValueError, KeyError, IndexError) as error:
        if isinstance(error, OrbitError):
            raise
        raise OrbitError(f"{file}: not readable as gravity coefficients ({error!r}); give an ICGEM file") from None


def gravity_tables(field: GravityField) -> GravityTables:
    """Tables of acceleration and gradient of `field`: each derivative of a solid harmonic is a sum of two of the next degree
    (Cunningham 1970), so both are sums over harmonics up to degree + 2 with factors that are known beforehand."""
    size = field.degree + 3
    potential = np.zeros((size, size, 2))
    potential[: field.degree + 1, : field.degree + 1, 0] = field.cosine
    potential[: field.degree + 1, : field.degree + 1, 1] = field.sine
    first = [_derivative(potential, axis) for axis in range(3)]
    second = [_derivative(first[a], b) for a, b in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2))]
    order, degree = np.array([(m, n) for m in range(size) for n in range(m, size)]).T
    factors = np.concatenate([part[degree, order] for part in (*first, *second)], axis=1)
    m = np.arange(size)
    sectoral = np.sqrt(np.divide(2.0 * m + 1.0, 2.0 * m, out=np.ones(size), where=m > 0))
    sectoral[1] *= np.sqrt(2.0)
    scale = np.array([field.radius_m, field.mu_m3s2 / field.radius_m**2, field.mu_m3s2 / field.radius_m**3])
    return GravityTables(scale, sectoral, _upward(degree, order), np.ascontiguousarray(factors))


def _upward(n: NDArray[np.int64], m: NDArray[np.int64]) -> NDArray[np.float64]:
    above, far = n > m, n > m + 1
    product = np.where(above, (n - m) * (n + m), 1).astype(np.float64)
    first = np.where(above, np.sqrt((2.0 * n - 1.0) * (2.0 * n + 1.0) / product * above), 0.0)
    numerator = (2.0 * n + 1.0) * (n + m - 1.0) * (n - m - 1.0)
    second = np.where(far, np.sqrt(np.where(far, numerator, 0.0) / np.where(far, (2.0 * n - 3.0) * product, 1.0)), 0.0)
    return np.stack([first, second], axis=1)


def _derivative(field: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Factors of the derivative of a sum of normalised solid harmonics along x, y or z, in units of 1 / radius."""
    size = len(field)
    result = np.zeros_like(field)
    for n in range(size - 1):
        m = np.arange(n + 1)
        cosine, sine = field[n, : n + 1].T
        if axis == 2:
            result[n + 1, : n + 1] -= ((n - m + 1) * _ratio(n, m, 0))[:, None] * field[n, : n + 1]
            continue
        half = np.where(m > 0, 0.5, 1.0) * _ratio(n, m, 1)
        up = np.stack([-cosine, -sine] if axis == 0 else [sine, -cosine], axis=1)
        result[n + 1, 1 : n + 2] += half[:, None] * up
        low = m[1:]
        back = 0.5 * (n - low + 2.0) * (n - low + 1.0) * _ratio(n, low, -1)
        down = np.stack([cosine, sine] if axis == 0 else [sine, -cosine], axis=1)[1:]
        result[n + 1, :n] += back[:, None] * down
    # the sine harmonic of order 0 is nought
    result[:, 0, 1] = 0.0
    return result


def _ratio(n: int, m: NDArray[np.int64], step: int) -> NDArray[np.float64]:
    """Norm of harmonic (n, m) over that of (n + 1, m + step)."""
    from scipy.special import gammaln

    def logarithm(degree: int, order: NDArray[np.int64]) -> NDArray[np.float64]:
        value: NDArray[np.float64] = (
            np.log((2.0 - (order == 0)) * (2.0 * degree + 1.0))
            + gammaln(degree - order + 1.0)
            - gammaln(degree + order + 1.0)
        )
        return value

    ratio: NDArray[np.float64] = np.exp(0.5 * (logarithm(n, m) - logarithm(n + 1, m + step)))
    return ratio


def _icgem(lines: list[str]) -> tuple[dict[str, str], list[list[str]]]:
    """Header and rows n, m, C, S of an ICGEM file; time-variable terms are refused, as a silent half of them is worse."""
    header: dict[str, str] = {}
    rows = []
    for line in lines:
        words = line.replace("D", "E").replace("d", "e").split() if line.lower().startswith("gfc ") else line.split()
        if not words:
            continue
        if words[0].lower() == "gfct":
            raise OrbitError("the gravity file has terms that vary with time (gfct): give its static part")
        if words[0].lower() == "gfc":
            rows.append(words[1:5])
        elif len(words) >= 2 and not rows:
            header[words[0].lower()] = (
                words[1].replace("D", "E").replace("d", "e") if words[1][0].isdigit() else words[1]
            )
    names = {"mu_m3s2": "earth_gravity_constant", "radius_m": "radius", "name": "modelname"}
    known = {key: header[name] for key, name in names.items()}
    if header.get("norm", "fully_normalized") != "fully_normalized":
        raise OrbitError(f"gravity coefficients are {header['norm']!r}: give fully normalised ones")
    return known | {"tide_system": header.get("tide_system", "tide_free")}, rows


def _table(lines: list[str]) -> tuple[dict[str, str], list[list[str]]]:
    comments = [line.lstrip("# ") for line in lines if line.startswith("#")]
    header = {key.strip(): value.strip() for key, mark, value in (text.partition("=") for text in comments) if mark}
    rows = [line.split(",") for line in lines if line[:1].isdigit()]
    return {"name": comments[0].split()[0], "source": comments[0]} | header, rows


def _field(file: Path, header: dict[str, str], rows: list[list[str]], degree: int | None) -> GravityField:
    places = np.array([(int(row[0]), int(row[1])) for row in rows], dtype=np.int64).reshape(-1, 2)
    values = np.array([(float(row[2]), float(row[3])) for row in rows]).reshape(-1, 2)
    keep = places[:, 0] <= (degree if degree is not None else _GREATEST_DEGREE)
    places, values = places[keep], values[keep]
    tide = header.get("tide_system", "tide_free")
    if tide not in TIDE_SYSTEMS or not np.isfinite(values).all() or (places[:, 1] > places[:, 0]).any():
        raise OrbitError(
            f"{file}: tide system {tide!r} or a coefficient is not usable; give {' or '.join(TIDE_SYSTEMS)}"
        )
    most = int(places[:, 0].max()) if len(places) else 0
    if most < max(2, degree or 0):
        raise OrbitError(f"{file}: coefficients end at degree {most}; give a file that reaches {max(2, degree or 0)}")
    coefficients = np.zeros((2, most + 1, most + 1))
    coefficients[:, places[:, 0], places[:, 1]] = values.T
    coefficients[:, 0, 0] = 1.0, 0.0
    if abs(coefficients[0, 2, 0] + 4.8417e-4) > 1e-7:
        raise OrbitError(
            f"{file}: C20 is {coefficients[0, 2, 0]:.6g}, not a normalised one of the Earth; give another file"
        )
    mu, radius = float(header["mu_m3s2"]), float(header["radius_m"])
    source = header.get("source", str(file.name))
    return GravityField(header["name"], mu, radius, coefficients[0], coefficients[1], tide, source)
