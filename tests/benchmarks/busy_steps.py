"""A recipe of five steps that keep one core busy with NumPy for a set amount of work; a worker process imports it by name."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import xarray as xr
from pydantic import Field

from calib.config import Model
from calib.steps import Run, Step

SIDE = 400
#: a result of 20 kB, as those of the lunar steps are: pixels stay on the worker
RESULT_SIDE = 50


class Work(Model):
    """How much to do: rounds of one smoothing and one transcendental function over an image."""

    rounds: int = Field(default=1, ge=1)


def one_round(image: np.ndarray, smooth: np.ndarray) -> None:
    """Smooth and bound an image, in place: how quickly memory is got, which differs between processes, is no part of it."""
    np.add(image[2:, 1:-1], image[:-2, 1:-1], out=smooth)
    smooth += image[1:-1, 2:]
    smooth += image[1:-1, :-2]
    smooth *= 0.25
    np.sin(smooth, out=smooth)
    image[1:-1, 1:-1] *= 0.1
    image[1:-1, 1:-1] += smooth


def rounds_for(seconds: float) -> int:
    """Rounds that take so long on this machine, from the quickest of several trials."""
    image, smooth, trials = np.ones((SIDE, SIDE)), np.empty((SIDE - 2, SIDE - 2)), []
    for _ in range(7):
        started = time.process_time()
        for _ in range(20):
            one_round(image, smooth)
        trials.append((time.process_time() - started) / 20)
    return max(1, round(seconds / min(trials)))


def _worked(small: np.ndarray, parameters: Work) -> xr.Dataset:
    repeats = SIDE // RESULT_SIDE
    worked, smooth = np.kron(small, np.ones((repeats, repeats))), np.empty((SIDE - 2, SIDE - 2))
    for _ in range(parameters.rounds):
        one_round(worked, smooth)
    # rounds alone run into a fixed point, and equal images would be reused
    image = small + 1e-3 * worked[::repeats, ::repeats]
    return xr.Dataset({"image": (("line", "column"), image, {"units": "1"})})


def first(seed: Any, parameters: Work) -> xr.Dataset:
    """An image from a seed."""
    return _worked(np.random.default_rng(seed.number).random((RESULT_SIDE, RESULT_SIDE)), parameters)


def following(before: xr.Dataset, parameters: Work) -> xr.Dataset:
    """The image of the step before, worked on."""
    return _worked(before["image"].values, parameters)


STEPS = (
    Step("busy_1", "1", ("seed",), Work, first),
    *(Step(f"busy_{number}", "1", ("before",), Work, following) for number in range(2, 6)),
)


def busy_recipe(run: Run, *, seed: Any) -> Any:
    """The five steps one after the other."""
    result = seed
    for step in STEPS:
        result = run(step, result)
    return result
