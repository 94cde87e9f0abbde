"""A step: a pure function with a name, a version, what it needs and its parameters. Recipes chain steps; a runner runs them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import xarray as xr

from calib.config import Model, complete
from calib.lineage import Cause, result_key
from calib.types import Content, Result


class NoParameters(Model):
    """For steps that have nothing to set."""


@dataclass(frozen=True)
class Step:
    """`function(*needs, parameters) -> Dataset`, where each need is named as the function names it.

    Change `version` whenever the numbers change: it is part of the key under which results are reused. `makes` is Result, or Geometry where the
    step's product is one.
    """

    name: str
    version: str
    needs: tuple[str, ...]
    parameters: type[Model]
    function: Callable[..., xr.Dataset]
    makes: type[Result] = Result

    def __post_init__(self) -> None:
        expected = (*self.needs, "parameters")
        found = tuple(inspect.signature(self.function).parameters)
        if found != expected:
            raise TypeError(f"step '{self.name}': the function takes {found}, the step declares {expected}")

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")

    def causes(self, inputs: tuple[Content, ...]) -> tuple[Cause, ...]:
        """What this run of the step depends on, in the order of `needs`."""
        if len(inputs) != len(self.needs):
            raise TypeError(f"step '{self.name}' needs {', '.join(self.needs)}; {len(inputs)} inputs were given")
        return tuple(
            Cause(role, item.digest, item.label, item.key if isinstance(item, Result) else None)
            for role, item in zip(self.needs, inputs, strict=True)
        )

    def key(self, causes: tuple[Cause, ...], parameters: Model) -> str:
        return result_key(self.name, self.version, complete(parameters), causes)

    def compute(self, inputs: tuple[Content, ...], parameters: Model) -> xr.Dataset:
        """Run the function. Results arrive as datasets without their records, other inputs as they are."""
        return self.function(*(item.content if isinstance(item, Result) else item for item in inputs), parameters)


class Run(Protocol):
    """What a recipe is given: `run(STEP, input, …)` returns the step's result, or the promise of it. A recipe only passes it on."""

    def __call__(self, step: Step, *inputs: Any) -> Any: ...


def parameters_for(step: Step, chosen: Mapping[str, Model]) -> Model:
    """The parameters chosen for a step, or its defaults."""
    return chosen.get(step.name) or step.parameters()
