"""The averages of the report against numbers worked out by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from calib.report.summary import band_names, coefficient, flags_of, gain_of, groups, phase_of, spread
from calib.report.text import NOTHING, fixed

BANDS = ("B1", "B2", "B10")


def _dates(samples: SimpleNamespace, k_of: list, **more: list) -> list:
    return [
        samples.case(
            f"A{index}",
            f"2020-0{index + 1}-01T00:00:00Z",
            BANDS,
            k,
            **{key: values[index] for key, values in more.items()},
        )
        for index, k in enumerate(k_of)
    ]


def test_mean_gain_and_difference(samples: SimpleNamespace) -> None:
    (group,) = groups(_dates(samples, [[1.0, 1.1, 0.9], [1.02, 1.1, 0.92]]))
    assert [row.band for row in group.bands] == list(BANDS)
    assert [row.k for row in group.bands] == pytest.approx([1.01, 1.1, 0.91])
    assert [row.proposed for row in group.bands] == pytest.approx([1.515, 1.65, 1.365])
    assert [row.difference for row in group.bands] == pytest.approx([0.01, 0.1, -0.09])
    # standard deviation of two values is their distance over the square root of two
    assert group.bands[0].scatter == pytest.approx(0.02 / math.sqrt(2) / 1.01)
    assert [row.used for row in group.bands] == [2, 2, 2]


def test_common_parts_do_not_average_down(samples: SimpleNamespace) -> None:
    count = 9
    (group,) = groups(_dates(samples, [1.0] * count))
    effect = {source.name: source.effect[0] for source in group.sources}
    for name, (size, correlation) in samples.BUDGET.items():
        stays = correlation == "common" or "acquisition" in correlation
        assert effect[name] == pytest.approx(size if stays else size / math.sqrt(count)), name
    assert group.bands[0].u_k == pytest.approx(math.sqrt(sum(value**2 for value in effect.values())))
    assert [source.name for source in group.sources][:2] == ["model_scale", "model_phase"]
    assert {source.name: source.correlation for source in group.sources}["response"] == "along acquisition"


def test_invalid_nan_and_superseded_stay_out(samples: SimpleNamespace) -> None:
    cases = _dates(
        samples,
        [[1.0, 1.0, 1.0], [1.2, float("nan"), 1.2], [5.0, 5.0, 5.0]],
        valid=[True, [True, True, False], True],
        superseded=["", "", "replaced"],
    )
    (group,) = groups(cases)
    assert [row.k for row in group.bands] == pytest.approx([1.1, 1.0, 1.0])
    assert [(row.used, row.seen) for row in group.bands] == [(2, 2), (1, 2), (1, 2)]
    assert math.isnan(group.bands[1].scatter)


def test_band_without_any_value_is_nan_not_an_error(samples: SimpleNamespace) -> None:
    (group,) = groups(_dates(samples, [[1.0, float("nan"), 1.0]]))
    assert math.isnan(group.bands[1].k)
    assert math.isnan(group.bands[1].u_k)
    assert group.bands[1].used == 0
    assert not group.bands[1].notable
    assert [row.band for row in group.measured] == ["B1", "B10"]


def test_dates_of_different_parameters_are_never_merged(samples: SimpleNamespace) -> None:
    cases = _dates(samples, [1.0, 1.1], po=["PO venus 1 (valid on x)", "PO venus 2 (named by the product)"])
    assert [(group.po, group.bands[0].k) for group in groups(cases)] == [
        ("PO venus 1", pytest.approx(1.0)),
        ("PO venus 2", pytest.approx(1.1)),
    ]


def test_gain_that_differs_from_the_one_in_force_is_left_out(samples: SimpleNamespace) -> None:
    (group,) = groups(_dates(samples, [1.0, 1.1, 1.2], gain=[1.4, 1.5, 1.5]))
    assert group.bands[0].gain == 1.5
    assert group.bands[0].k == pytest.approx(1.15)
    assert (group.bands[0].used, group.bands[0].seen) == (2, 3)


def test_acquisitions_with_different_bands_join(samples: SimpleNamespace) -> None:
    cases = [samples.case("A", bands=("B2",), k=1.1), samples.case("B", bands=BANDS, k=1.0)]
    (group,) = groups(cases)
    assert [(row.band, row.used) for row in group.bands] == [("B1", 1), ("B2", 2), ("B10", 1)]
    assert band_names(gain_of(case) for case in cases) == list(BANDS)


def test_notable_is_beyond_twice_the_uncertainty(samples: SimpleNamespace) -> None:
    # u is 5.14 % of k
    (group,) = groups([samples.case("A", bands=BANDS, k=[1.10, 1.13, 0.88])])
    assert [row.notable for row in group.bands] == [False, True, True]


def test_flags_name_their_bands(samples: SimpleNamespace) -> None:
    case = samples.case("A", bands=BANDS, flags=["low_signal, eclipse", "", "eclipse"])
    assert flags_of(case) == {"low_signal": ["B1"], "eclipse": ["B1", "B10"]}
    (group,) = groups([case, samples.case("B", bands=BANDS, flags=["low_signal", "", ""])])
    assert group.bands[0].flags == (("eclipse", 1), ("low_signal", 2))


def test_spread_agrees_with_the_kernel(samples: SimpleNamespace) -> None:
    item = coefficient(samples.lunar_gain(BANDS, [1.0, 2.0, 0.5], 1.5, 10.0))
    assert spread(item) == pytest.approx(item.total().values)
    dates = [size for size, correlation in samples.BUDGET.values() if correlation in ("random", "along band")]
    assert spread(item, beyond="acquisition")[0] == pytest.approx(math.sqrt(sum(size**2 for size in dates)))


def test_phase_is_nan_without_geometry(samples: SimpleNamespace) -> None:
    assert phase_of(samples.case("A", phase=-33.3)) == pytest.approx(-33.3, abs=1e-6)
    assert fixed(phase_of(samples.failed("F")), 1) == NOTHING


def test_missing_component_values_do_not_hide_a_finite_k(samples: SimpleNamespace) -> None:
    data = samples.lunar_gain(BANDS, 1.0, 1.5, 10.0)
    broken = data.assign(k__u_sky=data["k__u_sky"].copy(data=np.array([np.nan, 0.1, 0.1])))
    item = coefficient(broken)
    assert isinstance(broken, xr.Dataset)
    assert spread(item)[0] < spread(item)[1]
