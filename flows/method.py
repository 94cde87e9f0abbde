"""A calibration method: its recipe, and the steps in the order in which people want to read of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from calib import config
from calib.config import Model, suggestion
from calib.errors import RequestError
from calib.steps import Step


@dataclass(frozen=True)
class Method:
    """`recipe(run, **inputs)` for one acquisition; the last of `steps` holds the coefficients."""

    name: str
    recipe: Callable[..., Any]
    steps: tuple[Step, ...]

    @property
    def final(self) -> Step:
        return self.steps[-1]

    def parameters(self, chosen: Mapping[str, Mapping[str, Any]], source: str) -> dict[str, Model]:
        """The settings of every step, completed with their defaults; RequestError for a step or key that does not exist."""
        known = {step.name: step for step in self.steps}
        for name in chosen:
            if name not in known:
                raise RequestError(
                    f"{source}: parameters.{name}: method '{self.name}' has no such step{suggestion(name, known)}"
                )
        return {
            name: config.parse(step.parameters, chosen.get(name, {}), f"{source}: parameters.{name}")
            for name, step in known.items()
        }
