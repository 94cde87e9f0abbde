"""Where Dask computes: threads of this process, local worker processes, or a scheduler's address; from `configs/cluster/*.yaml`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import dask
import xarray as xr
from pydantic import Field, model_validator

from calib import config
from calib.config import Model
from calib.errors import EtalonError, RequestError
from calib.steps import Step
from calib.types import Content
from calib.units import Bytes

#: for worker processes. Dask's own MALLOC_TRIM_THRESHOLD_ (64 KiB) has each megabyte array mapped and zeroed anew: NumPy then takes twice as long
WORKER_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": 32 * 2**20,
    "MALLOC_TRIM_THRESHOLD_": 128 * 2**20,
    "OMP_NUM_THREADS": 1,
    "MKL_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
}


class ClusterConfig(Model):
    """One place to compute."""

    kind: Literal["threads", "processes", "address"]
    workers: int | None = Field(
        default=None, ge=1, le=4096, description="how many acquisitions at once; by default the cores of this machine"
    )
    threads_per_worker: int = Field(default=1, ge=1, le=256)
    memory_per_worker: Bytes | None = Field(
        default=None, gt=0, description="a worker above it is stopped and its work done again elsewhere"
    )
    address: str | None = Field(default=None, description="of a running scheduler, for example tcp://127.0.0.1:8786")

    @model_validator(mode="after")
    def _address_where_needed(self) -> ClusterConfig:
        if (self.kind == "address") != (self.address is not None):
            raise ValueError("kind address, and only it, needs an address such as tcp://127.0.0.1:8786")
        return self

    def width(self) -> int:
        """How many acquisitions are worked on at once."""
        return self.workers or len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Cluster:
    """An open place to compute: `compute(step, inputs, parameters)` runs the step's function there and brings its dataset back; `each(function, items)`
    gives the function's answers in the order of the items."""

    name: str
    width: int
    compute: Callable[[Step, tuple[Content, ...], Model], xr.Dataset]
    each: Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


def load_cluster(name: str) -> ClusterConfig:
    """The shipped cluster `name`, or the one in a .yaml file."""
    return config.load(ClusterConfig, config.find("cluster", name))


@contextmanager
def open_cluster(name: str) -> Iterator[Cluster]:
    """The named cluster for the duration of a run; what was started here is stopped at the end."""
    settings = load_cluster(name)
    if settings.kind == "threads":
        with (
            ThreadPoolExecutor(settings.width() * settings.threads_per_worker) as pool,
            dask.config.set(scheduler="threads", pool=pool),
        ):
            yield Cluster(
                name,
                settings.width(),
                lambda step, inputs, parameters: step.compute(inputs, parameters),
                lambda function, items: list(pool.map(function, items)),
            )
        return
    with _client(settings) as client:
        width = settings.workers or max(1, len(client.scheduler_info()["workers"]))
        yield Cluster(
            name,
            width,
            lambda step, inputs, parameters: _remote(client, step, inputs, parameters),
            lambda function, items: client.gather(client.map(function, items, pure=False)),
        )


@contextmanager
def _client(settings: ClusterConfig) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    # its start and stop are no news to a user
    logging.getLogger("distributed").setLevel(logging.WARNING)
    if settings.kind == "address":
        try:
            client = Client(settings.address, timeout=10, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise RequestError(
                f"cluster: no Dask scheduler answers at {settings.address} ({error}); start one with 'dask scheduler' or choose --cluster processes"
            ) from error
        with client:
            yield client
        return
    limit = int(settings.memory_per_worker) if settings.memory_per_worker else "auto"
    # no dashboard; the scheduler's small HTTP server opens in any case: on a port of its own, for 8787 may be another run's
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}),
        LocalCluster(
            n_workers=settings.width(),
            threads_per_worker=settings.threads_per_worker,
            memory_limit=limit,
            processes=True,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            host="127.0.0.1",
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _remote(client: Any, step: Step, inputs: tuple[Content, ...], parameters: Model) -> xr.Dataset:
    from distributed import KilledWorker

    future = client.submit(_on_worker, step, inputs, parameters, pure=False)
    try:
        return future.result()  # type: ignore[no-any-return]
    except KilledWorker as error:
        raise EtalonError(
            f"{step.title}: the workers that tried it were killed one after the other (out of memory?); "
            "raise memory_per_worker or lower workers in the cluster file"
        ) from error


def _on_worker(step: Step, inputs: tuple[Content, ...], parameters: Model) -> xr.Dataset:
    # the step's own small Dask graphs run in this worker's thread: sending them back to the scheduler would cost more than they do
    with dask.config.set(scheduler="synchronous"):
        return step.compute(inputs, parameters).load()
