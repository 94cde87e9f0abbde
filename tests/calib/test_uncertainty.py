"""Propagation against closed formulas, and linear against Monte Carlo (GUM 5.1 against GUM supplement 1)."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from calib.uncertainty import (
    COMMON,
    Component,
    Uncertain,
    from_dataset,
    linear,
    monte_carlo,
    stack,
    to_variables,
    weighted_mean,
)

BANDS = ["B1", "B2", "B10"]
DRAWS = 20_000


def bands(values: list[float], units: str = "1") -> xr.DataArray:
    return xr.DataArray(values, dims="band", coords={"band": BANDS}, attrs={"units": units}, name="k")


def grid(values: np.ndarray, units: str = "1") -> xr.DataArray:
    """Over (acquisition, band)."""
    coords = {"acquisition": ["a", "b"], "band": BANDS}
    return xr.DataArray(values, dims=("acquisition", "band"), coords=coords, attrs={"units": units})


def quantity(
    values: xr.DataArray, random: float = 0, common: float = 0, along_band: float = 0, along_date: float = 0
) -> Uncertain:
    """A quantity whose components have the given relative sizes (none where zero)."""
    sizes = [("noise", random, "random"), ("scale", common, "common"), ("angle", along_band, "along band")]
    sizes.append(("response", along_date, "along acquisition"))
    return Uncertain(values, tuple(Component(name, values * size, kind) for name, size, kind in sizes if size))


def test_total_is_the_root_of_the_sum_of_squares_in_the_units_of_the_value() -> None:
    total = quantity(bands([1.0, 2.0, 10.0], "DN"), random=0.03, common=0.04).total()
    np.testing.assert_allclose(total, [0.05, 0.1, 0.5], rtol=1e-14)
    assert total.attrs["units"] == "DN"
    np.testing.assert_array_equal(Uncertain(bands([1.0, 2.0, 3.0])).total(), 0.0)


def test_covariance_of_each_kind() -> None:
    sigma = np.array([0.1, 0.2, 1.0])
    value = bands([1.0, 2.0, 10.0], "DN")
    off, full = np.diag(sigma**2), np.outer(sigma, sigma)
    for item, expected in [
        (quantity(value, random=0.1), off),
        (quantity(value, common=0.1), full),
        (quantity(value, along_band=0.1), full),
        (quantity(value, along_date=0.1), off),
        (quantity(value, random=0.1, common=0.1), off + full),
        (Uncertain(value), 0 * full),
    ]:
        matrix = item.covariance("band")
        np.testing.assert_allclose(matrix, expected, rtol=1e-14)
        assert matrix.dims == ("band", "band_other")
        assert list(matrix["band_other"].values) == BANDS
        assert matrix.attrs["units"] == "DN2"


@pytest.mark.parametrize(
    ("units", "squared"), [("1", "1"), ("%", "%2"), ("DN / (W m-2 sr-1 um-1)", "m4 DN2 sr2 um2 / W2")]
)
def test_covariance_has_squared_units(units: str, squared: str) -> None:
    assert quantity(bands([1.0, 2.0, 3.0], units), random=0.1).covariance("band").attrs["units"] == squared


def test_covariance_leaves_other_dimensions_and_coordinates_alone() -> None:
    value = grid(np.arange(1.0, 7.0).reshape(2, 3)).assign_coords(wavelength=("band", [1.0, 2.0, 3.0]))
    matrix = quantity(value, random=0.1, along_band=0.2).covariance("band").transpose("acquisition", ...)
    for date in range(2):
        sigma = value.values[date]
        expected = 0.01 * np.diag(sigma**2) + 0.04 * np.outer(sigma, sigma)
        np.testing.assert_allclose(matrix.values[date], expected, rtol=1e-13)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=9, max_size=9), st.permutations(["random", "common", "along band"]))
def test_covariance_is_positive_semidefinite(sizes: list[float], kinds: list[str]) -> None:
    rows = np.reshape(sizes, (3, 3))
    parts = [Component(f"c{i}", bands(list(row)), kind) for i, (row, kind) in enumerate(zip(rows, kinds, strict=True))]
    matrix = Uncertain(bands([1.0, 2.0, 3.0]), tuple(parts)).covariance("band").values
    np.testing.assert_array_equal(matrix, matrix.T)
    # rounding of a sum of outer products of numbers up to 10
    assert np.linalg.eigvalsh(matrix).min() >= -1e-12


def test_covariance_is_that_of_the_draws() -> None:
    item = quantity(bands([1.0, 2.0, 10.0]), random=0.02, common=0.03, along_band=0.01, along_date=0.02)
    draws = monte_carlo(lambda x: x, DRAWS, 1, x=item)
    assert draws.dims == ("draw", "band")
    sampled, expected = np.cov(draws.values, rowvar=False), item.covariance("band").values
    sigma = np.sqrt(np.diag(expected))
    # an element of a sample covariance scatters by at most sqrt(2/n) of sigma_i sigma_j: five of these
    assert np.abs((sampled - expected) / np.outer(sigma, sigma)).max() < 5 * np.sqrt(2 / DRAWS)


@settings(max_examples=40, deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.01, 1), st.floats(0.01, 1))
def test_linear_functions_are_exact(a: float, b: float, random: float, common: float) -> None:
    x, y = bands([1.0, -2.0, 10.0], "m"), bands([3.0, 5.0, -7.0], "m")
    made = linear(
        lambda x, y: a * x + b * y + 7.0, "m", x=quantity(x, random, common), y=quantity(y, 2 * random, 3 * common)
    )
    parts = {part.name: part.values.values for part in made.components}
    # sums over a step of a thousandth of sigma lose three to five of sixteen digits
    np.testing.assert_allclose(parts["scale"], common * (a * x + 3 * b * y), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(parts["noise"], random * np.hypot(a * x, 2 * b * y), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(made.value, a * x + b * y + 7.0, rtol=1e-15)
    assert made.value.attrs["units"] == "m"


def test_a_common_scale_cancels_in_a_ratio() -> None:
    x, y = quantity(bands([1.0, 2.0, 10.0]), random=0.01, common=0.05), quantity(bands([3.0, 5.0, 7.0]), common=0.05)
    ratio = linear(lambda x, y: x / y, "1", x=x, y=y)
    parts = {part.name: part for part in ratio.components}
    # what remains is second order in the step, (1e-3 * 0.05)**2
    assert np.abs(parts["scale"].values / ratio.value).max() < 1e-8
    np.testing.assert_allclose(ratio.total() / ratio.value, 0.01, rtol=1e-6)
    product = linear(lambda x, y: x * y, "1", x=x, y=y)
    np.testing.assert_allclose(product.total() / product.value, np.hypot(0.01, 0.1), rtol=1e-6)


def test_random_components_of_one_name_are_independent_between_inputs() -> None:
    x = quantity(bands([1.0, 2.0, 10.0]), random=0.01)
    ratio = linear(lambda x, y: x / y, "1", x=x, y=x)
    np.testing.assert_allclose(ratio.total(), np.sqrt(2) * 0.01, rtol=1e-6)


def test_linear_agrees_with_monte_carlo() -> None:
    signal = quantity(bands([1.0, 2.0, 10.0]), random=0.01, common=0.02)
    radius = quantity(bands([0.5, 0.6, 0.7]), common=0.02, along_band=0.004)
    # the scalar's noise has a name of its own: it is one error for all bands
    distance = Uncertain(xr.DataArray(3.0, attrs={"units": "1"}), (Component("range", xr.DataArray(0.015)),))

    def gain(signal: xr.DataArray, radius: xr.DataArray, distance: xr.DataArray) -> xr.DataArray:
        return signal * radius**-2 * np.exp(distance / 10)

    inputs = {"signal": signal, "radius": radius, "distance": distance}
    expected = linear(gain, "1", **inputs).covariance("band").values
    sampled = np.cov(monte_carlo(gain, DRAWS, 2, **inputs).values, rowvar=False)
    sigma = np.sqrt(np.diag(expected))
    # sampling error as above, and curvature of relative size sigma**2 = 1e-3
    assert np.abs((sampled - expected) / np.outer(sigma, sigma)).max() < 5 * np.sqrt(2 / DRAWS) + 5e-3


def test_one_error_repeated_along_a_new_dimension_is_the_same_along_it() -> None:
    scalar = Uncertain(
        xr.DataArray(2.0, attrs={"units": "1"}),
        (Component("range", xr.DataArray(0.1)), Component("response", xr.DataArray(0.1), "along acquisition")),
    )
    made = linear(lambda x, y: x * y, "1", x=scalar, y=Uncertain(bands([1.0, 2.0, 3.0])))
    assert {part.name: part.along for part in made.components} == {
        "range": ("band",),
        "response": ("acquisition", "band"),
    }
    mean = weighted_mean(made, "band")
    np.testing.assert_allclose(mean.total(), np.hypot(0.2, 0.2), rtol=1e-9)


def test_an_exact_element_at_the_edge_of_the_domain_has_no_uncertainty() -> None:
    item = Uncertain(bands([0.5, 1.0, 2.0]), (Component("noise", bands([0.0, 0.1, 0.1])),))
    with np.errstate(invalid="ignore"):
        made = linear(lambda x: np.log(x), "1", x=item)
    np.testing.assert_allclose(made.total(), [0.0, 0.1, 0.05], rtol=1e-6)


def test_linear_refuses_what_would_be_wrong() -> None:
    x = quantity(bands([1.0, 2.0, 3.0]), random=0.1)
    with pytest.raises(ValueError, match="removes band of 'x'; it must work element by element"):
        linear(lambda x: x.sum("band"), "1", x=x)
    other = Uncertain(bands([1.0, 2.0, 3.0]), (Component("noise", bands([0.1, 0.1, 0.1]), COMMON),))
    with pytest.raises(ValueError, match="'noise' is 'random' in one input and 'common' in another"):
        linear(lambda x, y: x + y, "1", x=x, y=other)


def test_weighted_mean_averages_only_what_is_independent() -> None:
    value = grid(np.full((2, 3), 10.0))
    item = quantity(value, random=0.1, common=0.2, along_band=0.3, along_date=0.4)
    over_bands = {part.name: part for part in weighted_mean(item, "band").components}
    expected = {
        "noise": (1 / np.sqrt(3), "random"),
        "scale": (2.0, "common"),
        "angle": (3.0, "random"),
        "response": (4 / np.sqrt(3), "along acquisition"),
    }
    for name, (size, correlation) in expected.items():
        np.testing.assert_allclose(over_bands[name].values, size, rtol=1e-14)
        assert over_bands[name].correlation == correlation
    over_dates = {part.name: part for part in weighted_mean(item, "acquisition").components}
    np.testing.assert_allclose(over_dates["response"].values, 4.0, rtol=1e-14)
    np.testing.assert_allclose(over_dates["angle"].values, 3 / np.sqrt(2), rtol=1e-14)
    assert (over_dates["response"].correlation, over_dates["angle"].correlation) == ("random", "along band")


def test_weighted_mean_is_that_of_the_draws() -> None:
    item = quantity(bands([1.0, 2.0, 10.0]), random=0.05, common=0.03)
    weights = bands([1.0, 2.0, 5.0])
    mean = weighted_mean(item, "band", weights)
    assert float(mean.value) == pytest.approx((1 + 4 + 50) / 8, rel=1e-15)
    draws = monte_carlo(lambda x: (x * weights).sum("band") / 8, DRAWS, 3, x=item)
    # the spread of n draws is known to 1/sqrt(2n): five of these
    assert float(mean.total()) == pytest.approx(float(draws.std()), rel=5 / np.sqrt(2 * DRAWS))


def test_a_missing_value_never_lowers_a_mean() -> None:
    assert np.isnan(weighted_mean(Uncertain(bands([1.0, np.nan, 3.0])), "band").value)


def test_draws_of_one_seed_are_the_same_and_share_common_errors() -> None:
    item = quantity(bands([1.0, 2.0, 10.0]), random=0.1, common=0.1)
    xr.testing.assert_identical(monte_carlo(lambda x: x, 5, 7, x=item), monte_carlo(lambda x: x, 5, 7, x=item))
    shared = quantity(bands([1.0, 2.0, 10.0]), common=0.1)
    np.testing.assert_allclose(monte_carlo(lambda x, y: x / y, 50, 7, x=shared, y=shared), 1.0, rtol=1e-14)


def test_stack_keeps_the_order_and_fills_absent_components_with_zero() -> None:
    first, second = (
        quantity(bands([1.0, 2.0, 3.0], "DN"), random=0.1),
        quantity(bands([4.0, 5.0, 6.0], "DN"), common=0.1),
    )
    both = stack({"2020": first, "2019": second}, "acquisition")
    assert list(both.value["acquisition"].values) == ["2020", "2019"]
    assert list(both.value["band"].values) == BANDS
    assert both.value.attrs["units"] == "DN"
    parts = {part.name: part.values for part in both.components}
    np.testing.assert_allclose(parts["noise"], [[0.1, 0.2, 0.3], [0, 0, 0]])
    np.testing.assert_allclose(parts["scale"], [[0, 0, 0], [0.4, 0.5, 0.6]])
    assert [part.correlation for part in both.components] == ["random", "common"]


def test_stack_refusals() -> None:
    item = quantity(bands([1.0, 2.0, 3.0]), random=0.1)
    with pytest.raises(ValueError, match="different units: \\['1', 'm'\\]"):
        stack({"a": item, "b": Uncertain(bands([1.0, 2.0, 3.0], "m"))}, "date")
    with pytest.raises(ValueError, match="'noise' has two correlations: 'random' and 'common'"):
        stack({"a": item, "b": Uncertain(item.value, (Component("noise", item.value, COMMON),))}, "date")
    with pytest.raises(ValueError, match="nothing to stack along 'date'"):
        stack({}, "date")
    with pytest.raises(ValueError, match="cannot stack along 'date' quantities with other labels"):
        stack({"a": Uncertain(item.value), "b": Uncertain(item.value[:2])}, "date")


def test_storing_and_reading_back() -> None:
    value = grid(np.arange(1.0, 7.0).reshape(2, 3), "DN")
    item = quantity(value, random=0.1, along_date=0.2).with_component("flat", xr.DataArray(0.5), COMMON)
    dataset = xr.Dataset(to_variables("signal", item))
    assert all(array.attrs["units"] == "DN" for array in dataset.data_vars.values())
    again = from_dataset(dataset, "signal")
    xr.testing.assert_identical(again.value, value.rename("signal"))
    assert [(part.name, part.correlation) for part in again.components] == [
        ("noise", "random"), ("response", "along acquisition"), ("flat", "common"),
    ]  # fmt: skip
    for before, after in zip(item.components, again.components, strict=True):
        np.testing.assert_array_equal(after.values, before.values.broadcast_like(value).transpose(*after.values.dims))


def test_components_are_read_in_the_units_of_the_value() -> None:
    dataset = xr.Dataset(to_variables("length", quantity(bands([1.0, 2.0, 3.0], "km"), random=0.1)))
    dataset["length"] = (dataset["length"] * 1000.0).assign_attrs(units="m")
    np.testing.assert_allclose(from_dataset(dataset, "length").total(), [100.0, 200.0, 300.0], rtol=1e-14)


def test_names_that_begin_alike_are_kept_apart() -> None:
    dataset = xr.Dataset(
        to_variables("k", quantity(bands([1.0, 2.0, 3.0]), random=0.1))
        | to_variables("k_raw", quantity(bands([1.0, 2.0, 3.0]), common=0.2))
    )
    assert [part.name for part in from_dataset(dataset, "k").components] == ["noise"]


def test_refusals() -> None:
    value = bands([1.0, 2.0, 3.0])
    for wrong in ("sometimes", "along", "along ", "Common"):
        with pytest.raises(ValueError, match="is none of random, common, along <dimension>"):
            Component("noise", value, wrong)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="component 'noise' holds values that are not finite"):
            Component("noise", value * bad)
    with pytest.raises(ValueError, match="'k' has no units"):
        Uncertain(value.drop_attrs())
    with pytest.raises(ValueError, match="unknown unit"):
        Uncertain(value.assign_attrs(units="foot-lambert"))
    with pytest.raises(ValueError, match="two components of one name"):
        quantity(value, random=0.1).with_component("noise", value)
    with pytest.raises(ValueError, match=r"dimensions \['line'\] that the value has not"):
        Uncertain(value, (Component("noise", xr.DataArray([1.0], dims="line")),))
    for part in (value[:2], value.assign_coords(band=["B1", "B2", "B3"]), value[:2].drop_vars("band"), value[::-1]):
        with pytest.raises(ValueError, match="component 'noise' has other labels or another length"):
            Uncertain(value, (Component("noise", part),))
