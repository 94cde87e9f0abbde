"""What `etalon orbit transfer` is asked: orbits, engine, duty and atmosphere, from a YAML file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from calib import config
from calib.config import Model
from orbit_aux.ccsds import read_oem
from orbit_aux.constants import EARTH_RADIUS_M
from orbit_aux.design.low_thrust import Engine, Goal
from orbit_aux.design.revolution import Duty, Surroundings
from orbit_aux.design.sun_synchronous import RepeatOrbit, kept_inclination, starting_elements
from orbit_aux.design.zonal import frozen_eccentricity, zonal_field
from orbit_aux.motion.mean_elements import MeanElements, mean_of_arc
from orbit_aux.motion.space_weather import constant_space_weather
from orbit_aux.time import Times

_DAY_S = 86400.0
_LOW_KM, _HIGH_KM = 150.0, 40000.0


class InitialOrbit(Model):
    """The orbit before: of a file, averaged over its first day; or near-circular, of a height and a local time."""

    orbit: str | None = Field(
        default=None, description="CCSDS OEM of a day or more; the transfer begins in the middle of its first day"
    )
    altitude_km: float | None = Field(
        default=None, ge=_LOW_KM, le=_HIGH_KM, description="mean, over the equatorial radius"
    )
    inclination_deg: float | Literal["sun_synchronous"] = "sun_synchronous"
    eccentricity: float | Literal["frozen"] = "frozen"
    local_time_h: float = Field(default=10.5, ge=0.0, lt=24.0, description="mean solar, of the node named")
    node: Literal["descending", "ascending"] = "descending"

    @model_validator(mode="after")
    def _one_way(self) -> InitialOrbit:
        if (self.orbit is None) == (self.altitude_km is None):
            raise ValueError("give altitude_km or orbit, one of them")
        if not isinstance(self.inclination_deg, str) and not 0.1 <= self.inclination_deg <= 179.0:
            raise ValueError(f"inclination_deg {self.inclination_deg:g}: give 0.1 to 179 deg")
        if not isinstance(self.eccentricity, str) and not 0.0 <= self.eccentricity <= 0.05:
            raise ValueError(f"eccentricity {self.eccentricity:g}: give 0 to 0.05, or frozen")
        return self


class FinalOrbit(Model):
    """The height to reach and the inclination on the way."""

    altitude_km: float = Field(ge=_LOW_KM, le=_HIGH_KM)
    inclination_deg: float | Literal["sun_synchronous", "free"] = Field(
        default="sun_synchronous", description="that of each height on the way; left alone; or brought to a value"
    )


class Craft(Model):
    """Satellite and engine."""

    mass_kg: float = Field(gt=0.0, lt=1e5, description="at the start, propellant included")
    propellant_kg: float = Field(gt=0.0, lt=1e5)
    thrust_n: float = Field(gt=0.0, lt=1e4)
    specific_impulse_s: float = Field(ge=10.0, lt=1e5)
    drag_area_m2: float = Field(default=0.0, ge=0.0, lt=1e4, description="0: no drag")
    drag_coefficient: float = Field(default=2.2, gt=0.0, le=10.0)


class BurnRules(Model):
    """When the engine may burn."""

    sunlit_only: bool = False
    balanced: bool = Field(
        default=False, description="with sunlit_only: not opposite the shadow either, so that the eccentricity stays"
    )
    hours_a_day: float = Field(default=24.0, gt=0.0, le=24.0)
    from_hour_utc: float = Field(default=0.0, ge=0.0, lt=24.0)
    latitude_arguments_deg: list[float] = Field(default=[], description="burns are centred here; anywhere when empty")
    longest_burn_s: float | None = Field(default=None, ge=10.0, description="with latitude_arguments_deg")


class Atmosphere(Model):
    """For drag: Harris-Priester with constant activity, or one density."""

    f107: float = Field(default=150.0, ge=50.0, le=500.0)
    ap: float = Field(default=15.0, ge=0.0, le=500.0)
    density_kgm3: float | None = Field(default=None, gt=0.0, lt=1e-6)


class TransferRequest(Model):
    """One transfer. Relative paths count from the file's own folder."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    object_name: str = Field(
        default="TRANSFER", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$", description="in orbit.oem"
    )
    start_utc: str
    initial: InitialOrbit
    final: FinalOrbit
    craft: Craft
    burns: BurnRules = BurnRules()
    atmosphere: Atmosphere = Atmosphere()
    longest_days: float = Field(default=400.0, gt=0.0, le=2000.0)
    coast_days: float = Field(default=1.0, ge=0.0, le=100.0, description="flown on the final orbit, without burns")
    step_s: float = Field(default=120.0, ge=10.0, le=300.0, description="between the states of orbit.oem")
    assumptions: list[str] = Field(default=[], description="what of this is not known, for the report")

    def start_elements(self, folder: Path) -> MeanElements:
        """Mean elements at the start."""
        if self.initial.orbit is not None:
            orbit = read_oem(folder / self.initial.orbit)
            first = Times.from_utc(self.start_utc)
            return mean_of_arc(orbit, first, first + _DAY_S)
        assert self.initial.altitude_km is not None
        axis, field = EARTH_RADIUS_M + self.initial.altitude_km * 1e3, zonal_field()
        given = self.initial.inclination_deg
        inclination = kept_inclination(axis, 0.0, field) if isinstance(given, str) else math.radians(given)
        wanted = self.initial.eccentricity
        e = frozen_eccentricity(axis, inclination) if isinstance(wanted, str) else wanted
        # only the shape matters, not the cycle
        shape = RepeatOrbit(1, 1, axis, e, inclination, _DAY_S, EARTH_RADIUS_M)
        return starting_elements(shape, Times.from_utc(self.start_utc), self.initial.local_time_h, self.initial.node)

    def engine(self) -> Engine:
        craft = self.craft
        return Engine(craft.thrust_n, craft.specific_impulse_s, craft.mass_kg, craft.propellant_kg)

    def goal(self) -> Goal:
        wanted = self.final.inclination_deg
        inclination = wanted if isinstance(wanted, str) else math.radians(wanted)
        return Goal(EARTH_RADIUS_M + self.final.altitude_km * 1e3, inclination, self.longest_days, self.coast_days)

    def duty(self) -> Duty:
        rules = self.burns
        return Duty(
            rules.sunlit_only,
            rules.hours_a_day,
            rules.from_hour_utc,
            tuple(math.radians(value) for value in rules.latitude_arguments_deg),
            math.inf if rules.longest_burn_s is None else rules.longest_burn_s,
            rules.balanced,
        )

    def surroundings(self) -> Surroundings:
        air, craft = self.atmosphere, self.craft
        weather = constant_space_weather(air.f107, air.ap)
        return Surroundings(craft.drag_area_m2, craft.drag_coefficient, air.density_kgm3, weather)


def read_transfer(path: Path) -> TransferRequest:
    """The request in a YAML file; RequestError naming key and value for what does not fit."""
    return config.load(TransferRequest, path)
