"""How a low orbit is restituted."""

from __future__ import annotations

from dataclasses import dataclass

from orbit_aux.errors import OrbitError

METHODS = ("batch", "kalman")


@dataclass(frozen=True)
class LowOrbitOptions:
    """Choices of the estimator; the defaults are for a navigation receiver of some metres over one or two days."""

    method: str = "batch"
    """batch: least squares over all data; kalman: square-root Kalman filter and smoother."""
    sigma_m: float | None = None
    """Standard deviation of a fix per axis; None: what comes with the fixes, else what the residuals show."""
    spacing_s: float = 10.0
    """Fixes closer than this to the one before are left out."""
    coloured: bool = True
    """Widen sigma by what the correlation of the residuals costs."""
    gate_sigma: float = 4.5
    """Fixes whose residual (3D) is larger are left out in the end: 1 of 7000 good ones."""
    sigma_drag: float = 1.0
    drag_revolutions: float = 4.0
    """Drag has one scale for so many revolutions."""
    sigma_light: float = 0.3
    empirical_ms2: float | None = None
    """Size of unmodelled accelerations (radial, along, cross; constant over `empirical_s`, and once per revolution); None: by the likelihood of the data."""
    empirical_s: float = 1500.0
    find_manoeuvres: bool = True
    """Look for an impulse that nobody announced where positions leave the orbit before."""
    bias_sigma_m: float = 0.0
    """A constant offset along radial, along, cross with this standard deviation a priori; 0: none."""
    step_s: float = 30.0
    """Longest step of integration."""
    output_step_s: float = 60.0

    def __post_init__(self) -> None:
        sizes = (
            self.sigma_drag,
            self.drag_revolutions,
            self.gate_sigma,
            self.empirical_s,
            self.step_s,
            self.output_step_s,
        )
        if self.method not in METHODS or not all(size > 0 for size in sizes):
            raise OrbitError(f"{self}: method {' or '.join(METHODS)}, and positive sizes")
        if (self.sigma_m is not None and self.sigma_m <= 0) or self.spacing_s < 0 or self.bias_sigma_m < 0:
            raise OrbitError(f"{self}: give a sigma above 0 and a spacing of 0 or more")
        if not (self.step_s <= 60 and self.output_step_s <= 120 and self.empirical_s >= 100):
            raise OrbitError(
                f"{self}: steps of at most 60 s, records at most 120 s apart, empirical accelerations over 100 s or more"
            )
