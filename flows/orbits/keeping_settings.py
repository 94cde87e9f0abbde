"""The configuration of an orbit to keep: target, satellite, air, rules, thresholds of the daily page."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from calib import config
from calib.config import Model


class TargetSection(Model):
    """The orbit to keep."""

    revolutions: int = Field(ge=1, le=6800, description="of the repeat cycle")
    days: int = Field(ge=1, le=400)
    track_half_width_m: float = Field(gt=0, le=1e6, description="± at the equator, m")
    grid_longitude_deg: float | None = Field(
        default=None,
        ge=-360,
        le=360,
        description="of one ascending node; by default the grid runs through the orbit given",
    )
    node: Literal["ascending", "descending"] = "descending"
    local_time_h: float = Field(ge=0, lt=24, description="mean solar, of that node")
    local_time_half_width_min: float = Field(gt=0, le=180)
    eccentricity_tolerance: float = Field(default=2e-4, gt=0, lt=0.1, description="distance from the frozen vector")


class SatelliteSection(Model):
    """The satellite and its thrusters."""

    mass_kg: float = Field(gt=0, lt=1e5, description="with propellant")
    drag_area_m2: float = Field(gt=0, lt=1e4)
    drag_coefficient: float = Field(default=2.2, gt=0, le=10)
    propellant_kg: float = Field(gt=0)
    thrust_n: float = Field(gt=0)
    specific_impulse_s: float = Field(gt=30)
    longest_burn_s: float = Field(default=600.0, gt=0, le=86400)


class AtmosphereSection(Model):
    """The density expected: one value, or Harris-Priester with an activity."""

    model: Literal["constant", "harris_priester"] = "harris_priester"
    density_kgm3: float | None = Field(default=None, ge=0, lt=1e-6)
    f107: float = Field(default=150.0, ge=50, le=500)
    ap: float = Field(default=15.0, ge=0, le=500)
    space_weather: str | None = Field(
        default=None, description="table utc,f107,ap beside this file, instead of f107 and ap"
    )
    scale: float = Field(default=1.0, gt=0, lt=100)
    bulge_exponent: float = Field(default=4.0, ge=2, le=6)


class Interval(Model):
    """When no burn may be."""

    start_utc: str
    stop_utc: str
    why: str = "payload programme"


class RulesSection(Model):
    """When and how one may burn."""

    lead_h: float = Field(default=24.0, ge=0, description="from the start of the plan to the first burn")
    spacing_h: float = Field(default=0.0, ge=0, description="between two manoeuvres")
    forbidden: list[Interval] = []
    forbidden_file: str | None = Field(default=None, description="table start_utc,stop_utc,why beside this file")
    burns: Literal[1, 2] = 2
    most_burns: int = Field(default=20, ge=2, le=1000)
    retrograde: bool = True
    burn_in_eclipse: bool = True
    inclination: Literal["none", "window", "periodic"] = "window"
    inclination_period_d: float = Field(default=182.625, ge=30)
    used_share: float = Field(default=0.9, ge=0.1, le=1.0)
    density_margin: float = Field(default=0.1, ge=0, lt=0.9)


class MonitoringSection(Model):
    """Thresholds of the daily page, amber then red."""

    track_days: tuple[float, float] = (3.0, 0.5)
    local_time_days: tuple[float, float] = (60.0, 7.0)
    eccentricity_share: tuple[float, float] = (0.8, 1.0)
    density_off: tuple[float, float] = (0.5, 2.0)
    thrust_off: tuple[float, float] = (0.05, 0.15)
    direction_deg: tuple[float, float] = (3.0, 10.0)
    propellant_years: tuple[float, float] = (2.0, 0.5)
    position_sigma_m: tuple[float, float] = (50.0, 500.0)
    off_nadir_deg: tuple[float, float] = (1.0, 5.0)
    rate_off_degs: tuple[float, float] = (0.02, 0.2)
    stations: str | None = Field(default=None, description="table of stations beside this file, for the next passes")
    pass_mask_deg: float = Field(default=5.0, ge=0, lt=90)
    horizon_h: float = Field(default=24.0, gt=0, le=72, description="of the next events")


class Keeping(Model):
    """One orbit to keep; docs/orbit_keeping.md."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    source: str = ""
    target: TargetSection
    satellite: SatelliteSection
    atmosphere: AtmosphereSection = AtmosphereSection()
    rules: RulesSection = RulesSection()
    monitoring: MonitoringSection = MonitoringSection()


def read_keeping(name: str) -> tuple[Keeping, Path]:
    """A shipped configuration by name, or a file; and the folder beside which its files lie."""
    path = config.find("keeping", name)
    return config.load(Keeping, path), path.parent
