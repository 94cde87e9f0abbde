"""What relief hides from a fit of half a limb, against many drawn limbs."""

from __future__ import annotations

import numpy as np
import pytest

from calib.moon.relief import hidden_relief

HALF, STRETCHES = np.radians(85.0), 16


@pytest.mark.parametrize("sun_deg", [0.0, 30.0, 45.0])
def test_hidden_and_shown_relief_are_the_scatter_of_the_fit(sun_deg: float) -> None:
    """Limbs of unit rms whose waves fall as one over their number, fitted by plain least squares: the scatter of the fits is what the residuals of the
    stretches show, on average, and what is hidden."""
    angle = np.linspace(-HALF, HALF, 360) + np.radians(sun_deg)
    waves = np.arange(2, 91)
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((2, 3000, len(waves))) / waves / np.sqrt(np.sum(waves**-2.0))
    heights = draws[0] @ np.cos(np.outer(waves, angle)) + draws[1] @ np.sin(np.outer(waves, angle))
    design = np.stack([np.cos(angle), np.sin(angle), np.cos(angle) ** 2, np.sin(angle) ** 2], axis=1)
    fitted = np.linalg.lstsq(design, heights.T, rcond=None)[0]
    left = np.stack(
        [part.sum(axis=0) / np.sqrt(len(part)) for part in np.array_split(heights.T - design @ fitted, STRETCHES)]
    )
    excess = np.mean(np.sum(left**2, axis=0)) / (STRETCHES - 6)
    stated = hidden_relief(np.radians(sun_deg), HALF, STRETCHES) + excess * np.linalg.inv(design.T @ design)
    scatter = np.cov(fitted)
    # of the area, which the gain follows, and of the axis that is worst known; 3000 draws tell a variance to 3 %, and no negative part is cut
    area = np.array([0.0, 0.0, 1.0, 1.0])
    assert area @ stated @ area == pytest.approx(area @ scatter @ area, rel=0.12)
    assert np.max(np.diag(stated)) == pytest.approx(np.max(np.diag(scatter)), rel=0.12)


def test_it_turns_with_the_sun_and_has_no_negative_part() -> None:
    first, second = (hidden_relief(np.radians(angle), HALF, STRETCHES) for angle in (20.0, 70.0))
    # 90 - 20: column and scan change their places
    np.testing.assert_allclose(second, first[np.ix_([1, 0, 3, 2], [1, 0, 3, 2])], rtol=1e-4, atol=1e-6)
    assert np.linalg.eigvalsh(first).min() > -1e-12
