"""A request whose files were opened: what can be run, and what cannot and why. No pixel is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from calib.acquisition import Acquisition
from calib.config import Model
from calib.errors import InputError
from calib.moon.irradiance import load_model
from calib.products import open_acquisition
from calib.readiness import missing_for
from calib.sensor import GainHistory, Sensor, load_gains, load_sensor
from calib.types import Content
from flows.method import Method
from flows.moon import BY_STRAYLIGHT
from flows.orbit import arc_for, read_orbits
from flows.product_inputs import official_gains, orbit_inside, with_axes
from flows.request import Request, expand
from flows.runner import Case, Outcome, explain_failure
from flows.scan import with_scan
from orbit_aux.errors import OrbitError

#: by the key `method` of a request, then by its key `straylight`
METHODS: dict[str, dict[str, Method]] = {"moon": BY_STRAYLIGHT}


@dataclass(frozen=True)
class Prepared:
    """A request whose files were opened: the cases that can be run, and those that cannot, with their reasons."""

    request: Request
    method: Method
    parameters: Mapping[str, Model]
    cases: tuple[Case, ...]
    refused: tuple[Outcome, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        return (*(case.subject for case in self.cases), *(outcome.subject for outcome in self.refused))


class _Sources:
    """Sensors, parameters and orbits of a request, each read once."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.orbits = read_orbits(expand(request.orbits, "orbits"))
        others = [load_model(name, request.solar_spectrum) for name in request.compare_models]
        self.model = load_model(request.model, request.solar_spectrum).compared_with(others)
        self._sensors: dict[str, Sensor] = {}
        self._gains: dict[str, GainHistory] = {}

    def sensor(self, name: str) -> Sensor:
        if name not in self._sensors:
            self._sensors[name] = load_sensor(self.request.sensors.get(name, name))
        return self._sensors[name]

    def gains(self, name: str) -> GainHistory:
        if name not in self._gains:
            self._gains[name] = load_gains(self.request.official_parameters.get(name, name))
        return self._gains[name]

    def case(self, acquisition: Acquisition) -> Case:
        sensor = self.sensor(acquisition.sensor)
        po = official_gains(acquisition, self.gains(acquisition.sensor), self.request.official_gains)
        carried = orbit_inside(acquisition, sensor.platform)
        own = [] if carried is None else [(acquisition.path, carried)]
        acquisition = with_scan(acquisition, carried)
        orbit = arc_for(acquisition, sensor.platform, [*own, *self.orbits])
        inputs: dict[str, Content] = {
            "acquisition": acquisition,
            "sensor": sensor,
            "orbit": orbit,
            "po": po,
            "model": self.model,
        }
        return Case(acquisition.name, inputs, (sensor.name, acquisition.kind))


def prepare(request: Request, source: str = "request") -> Prepared:
    """Open everything that the request names, reading no pixel; `source` names the request in errors.

    A faulty request raises; a faulty product or a missing orbit refuses its acquisition.
    """
    method = METHODS[request.method][request.straylight]
    parameters = method.parameters(request.parameters, source)
    sources = _Sources(request)
    cases: dict[str, Case] = {}
    refused: list[Outcome] = []
    for path in expand(request.acquisitions, "acquisitions"):
        try:
            acquisition = open_acquisition(path)
            if request.kind is not None:
                acquisition = replace(acquisition, kind=request.kind)
            acquisition = with_axes(acquisition)
            lacking = missing_for(acquisition)[method.name]
            if lacking:
                raise InputError(f"{path}: method '{method.name}' lacks {'; '.join(lacking)} (see etalon inspect)")
            if acquisition.name in cases:
                raise InputError(
                    f"{path}: a second product with the name {acquisition.name} (the first: {cases[acquisition.name].inputs['acquisition'].label})"
                )
            cases[acquisition.name] = sources.case(acquisition)
        except (InputError, OrbitError) as error:
            refused.append(Outcome(path.name, {}, {}, 0.0, explain_failure(error)))
    return Prepared(request, method, parameters, tuple(cases.values()), tuple(refused))
