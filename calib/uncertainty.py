"""Uncertainty as named components, each with the dimensions along which its error is one and the same.

A component holds the signed effect of one standard deviation (k = 1) of its source on the quantity, in the quantity's units. Its error is

* *random*: independent in every element;
* *common*: one and the same error in every element, in every band and on every date;
* *correlated along* named dimensions: one error along those, independent along all others. A dimension that the array does not have yet counts
  too: a spectral response error is the same on all dates (`along acquisition`) although one result holds one date.

Errors of one name are one source: where two inputs share a non-random component its effects add with their signs, so a common scale cancels in a ratio.
Random components are always independent between inputs. Propagation is linear (GUM 5.1), and by Monte Carlo as its check (GUM supplement 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from calib.units import demand, stamp, unit

COMMON = "common"
RANDOM = "random"
_MARK = "__u_"


@dataclass(frozen=True)
class Component:
    """One source of error: `values` is its signed one-sigma effect; `correlation` is "random", "common" or "along a b" with dimension names."""

    name: str
    values: xr.DataArray
    correlation: str = RANDOM

    def __post_init__(self) -> None:
        if self.correlation not in (RANDOM, COMMON) and not self.along:
            raise ValueError(
                f"component '{self.name}': correlation '{self.correlation}' is none of random, common, along <dimension>"
            )
        if not np.all(np.isfinite(self.values)):
            raise ValueError(f"component '{self.name}' holds values that are not finite")

    @property
    def along(self) -> tuple[str, ...]:
        """The dimensions along which the error is one and the same (empty for random and common)."""
        head, _, tail = self.correlation.partition(" ")
        return tuple(tail.split()) if head == "along" else ()

    def same_along(self, dim: str) -> bool:
        return self.correlation == COMMON or dim in self.along


@dataclass(frozen=True)
class Uncertain:
    """A quantity with units and its uncertainty components (k = 1)."""

    value: xr.DataArray
    components: tuple[Component, ...] = field(default=())

    def __post_init__(self) -> None:
        if "units" not in self.value.attrs:
            raise ValueError(
                f"'{self.value.name or 'value'}' has no units; stamp it before it becomes a measured quantity"
            )
        unit(self.value.attrs["units"])
        names = [item.name for item in self.components]
        if len(set(names)) != len(names):
            raise ValueError(f"two components of one name in {names}")
        extra = {dim for item in self.components for dim in item.values.dims} - set(self.value.dims)
        if extra:
            raise ValueError(f"components have dimensions {sorted(map(str, extra))} that the value has not")
        for item in self.components:
            try:
                xr.align(self.value, item.values, join="exact", copy=False)
            except ValueError:
                # arithmetic would silently keep the labels that both have
                raise ValueError(f"component '{item.name}' has other labels or another length than the value") from None

    def total(self) -> xr.DataArray:
        """Combined standard uncertainty of each element, in the units of the value."""
        variance = sum((item.values**2 for item in self.components), xr.zeros_like(self.value, dtype=float))
        return stamp(variance**0.5, self.value.attrs["units"])

    def covariance(self, dim: str) -> xr.DataArray:
        """Covariance between the elements along `dim` (dimensions `dim`, `dim`_other and the rest), in squared units."""
        other = f"{dim}_other"
        eye = xr.DataArray(np.eye(self.value.sizes[dim]), dims=(dim, other))
        labels = [name for name, coordinate in self.value.coords.items() if dim in coordinate.dims]
        result = xr.zeros_like(self.value, dtype=float).drop_vars(labels) * eye
        for item in self.components:
            values = item.values.broadcast_like(self.value).drop_vars(labels, errors="ignore")
            outer = values * values.rename({dim: other})
            result = result + (outer if item.same_along(dim) else outer * eye)
        if dim in self.value.coords:
            result = result.assign_coords({name: (name, self.value[dim].values) for name in (dim, other)})
        return stamp(result, (unit(self.value.attrs["units"]) ** 2).to_string() or "1")

    def with_component(self, name: str, values: xr.DataArray, correlation: str = RANDOM) -> Uncertain:
        """The same quantity with one more source of error, given in the value's units."""
        return Uncertain(self.value, (*self.components, Component(name, values, correlation)))


def linear(function: Callable[..., xr.DataArray], units: str, **inputs: Uncertain) -> Uncertain:
    """`function` of uncertain arguments, element by element, to first order.

    Sensitivities are central differences over a thousandth of the total uncertainty: small against any curvature that would matter, far above
    rounding. Where an input lacks a dimension of the result, its error is one and the same along it. The result is stamped with `units`.
    """
    values = {name: item.value for name, item in inputs.items()}
    collected: dict[str, Component] = {}
    for name, item in inputs.items():
        if not item.components:
            continue
        total = item.total()
        step = (total * 1e-3).where(total > 0, 1.0)
        change = function(**{**values, name: values[name] + step}) - function(**{**values, name: values[name] - step})
        lost = [str(dim) for dim in item.value.dims if dim not in change.dims]
        if lost:
            raise ValueError(f"the function removes {', '.join(lost)} of '{name}'; it must work element by element")
        slope = change / (2 * step)
        gained = [str(dim) for dim in slope.dims if dim not in item.value.dims]
        for component in item.components:
            # an exact element may stand where a step of one leaves the function's domain
            effect = (slope * component.values).where(total > 0, 0.0)
            _add(collected, Component(component.name, effect, _repeated(component, gained)))
    return Uncertain(stamp(function(**values), units), tuple(collected.values()))


def _repeated(component: Component, dims: list[str]) -> str:
    """The correlation of a component whose one error is repeated along `dims`, which it did not have."""
    along = [*component.along, *(dim for dim in dims if not component.same_along(dim))]
    return component.correlation if component.correlation == COMMON or not along else f"along {' '.join(along)}"


def _add(collected: dict[str, Component], new: Component) -> None:
    old = collected.get(new.name)
    if old is None:
        collected[new.name] = new
        return
    if old.correlation != new.correlation:
        raise ValueError(
            f"component '{new.name}' is '{old.correlation}' in one input and '{new.correlation}' in another: one source, one correlation"
        )
    values = (old.values**2 + new.values**2) ** 0.5 if new.correlation == RANDOM else old.values + new.values
    collected[new.name] = Component(new.name, values, new.correlation)


def weighted_mean(item: Uncertain, dim: str, weights: xr.DataArray | None = None) -> Uncertain:
    """Mean along `dim`: errors that are the same along it do not average down, the others do. A NaN among the values makes the mean NaN."""
    weights = xr.ones_like(item.value, dtype=float) if weights is None else weights
    share = weights / weights.sum(dim)
    components = []
    for component in item.components:
        effect = component.values.broadcast_like(item.value) * share
        together = effect.sum(dim) if component.same_along(dim) else (effect**2).sum(dim) ** 0.5
        left = tuple(name for name in component.along if name != dim)
        correlation = f"along {' '.join(left)}" if left else (RANDOM if component.along else component.correlation)
        components.append(Component(component.name, together, correlation))
    return Uncertain(stamp((item.value * share).sum(dim, skipna=False), item.value.attrs["units"]), tuple(components))


def monte_carlo(function: Callable[..., xr.DataArray], draws: int, seed: int, **inputs: Uncertain) -> xr.DataArray:
    """`draws` values of `function` (dimension "draw" first) for inputs drawn from normal distributions with the stated correlations."""
    rng = np.random.default_rng(seed)
    shared: dict[str, xr.DataArray] = {}
    drawn = {}
    for name, item in inputs.items():
        total = item.value.expand_dims(draw=draws)
        for component in item.components:
            dims = [str(dim) for dim in item.value.dims if not component.same_along(str(dim))]
            normal = xr.DataArray(
                rng.standard_normal((draws, *(item.value.sizes[dim] for dim in dims))), dims=("draw", *dims)
            )
            if component.correlation != RANDOM:
                normal = shared.setdefault(component.name, normal)
            total = total + component.values * normal
        drawn[name] = total
    return function(**drawn).transpose("draw", ...)


def to_variables(name: str, item: Uncertain) -> dict[str, xr.DataArray]:
    """The variables under which a quantity and its components are stored in a dataset."""
    units = item.value.attrs["units"]
    variables = {name: item.value}
    for component in item.components:
        values = stamp(
            component.values.broadcast_like(item.value), units, f"{component.name.replace('_', ' ')} (k = 1)"
        )
        variables[f"{name}{_MARK}{component.name}"] = values.assign_attrs(
            component=component.name, correlation=component.correlation
        )
    return variables


def from_dataset(dataset: xr.Dataset, name: str) -> Uncertain:
    """The quantity `name` of a dataset with the components stored beside it, in the quantity's units."""
    units = dataset[name].attrs.get("units", "")
    components = tuple(
        Component(str(array.attrs["component"]), demand(array, units), str(array.attrs["correlation"]))
        for key, array in dataset.data_vars.items()
        if str(key).startswith(f"{name}{_MARK}")
    )
    return Uncertain(dataset[name], components)


def stack(items: Mapping[str, Uncertain] | Iterable[tuple[str, Uncertain]], dim: str) -> Uncertain:
    """Several results as one quantity along a new dimension `dim` (labels = keys). A component that one of them lacks is zero there."""
    pairs = list(items.items() if isinstance(items, Mapping) else items)
    if not pairs:
        raise ValueError(f"nothing to stack along '{dim}'")
    labels = [label for label, _ in pairs]
    units = pairs[0][1].value.attrs["units"]
    if any(item.value.attrs["units"] != units for _, item in pairs):
        raise ValueError(
            f"cannot stack quantities of different units: {sorted({item.value.attrs['units'] for _, item in pairs})}"
        )
    kinds: dict[str, str] = {}
    for _, item in pairs:
        for component in item.components:
            if kinds.setdefault(component.name, component.correlation) != component.correlation:
                raise ValueError(
                    f"component '{component.name}' has two correlations: '{kinds[component.name]}' and '{component.correlation}'"
                )
    index = xr.DataArray(labels, dims=dim, name=dim)
    try:
        value = stamp(xr.concat([item.value for _, item in pairs], dim=index, join="exact"), units)
    except ValueError as error:
        # an outer join would put B10 before B2 and fill with NaN
        raise ValueError(f"cannot stack along '{dim}' quantities with other labels: {error}") from None
    components = []
    for name, correlation in kinds.items():
        rows = [_component_or_zero(item, name) for _, item in pairs]
        components.append(Component(name, xr.concat(rows, dim=index, join="exact"), correlation))
    return Uncertain(value, tuple(components))


def _component_or_zero(item: Uncertain, name: str) -> xr.DataArray:
    found = [component.values for component in item.components if component.name == name]
    return found[0].broadcast_like(item.value) if found else xr.zeros_like(item.value, dtype=float)
