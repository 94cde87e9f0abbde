"""`etalon orbit restitute`: the orbit through a burn from tracking, state and plan, and stations."""

from __future__ import annotations

from pathlib import Path

from flows.orbits.inputs import BurnInputs, Settings, earth_orientation, read_tracking, record
from flows.orbits.output import Answer, write_answer
from flows.orbits.writing import check_output
from orbit_aux.burns.restitution import BurnOptions, restitute_burn


def write_restitution(
    tracking: Path, initial: Path, stations: Path, output: Path, options: BurnOptions, settings: Settings
) -> tuple[str, list[str]]:
    """Restitute and write into the new folder `output`; returns the verdict and the lines to print."""
    check_output(output)
    with earth_orientation(settings.orientation):
        inputs = BurnInputs.read(initial, stations)
        counts = read_tracking(tracking, inputs.start.times, settings.factor)
        burn = inputs.burn(counts.start.min())
        result = restitute_burn(counts, inputs.stations, inputs.start, inputs.covariance, burn, options)
        files = {"tracking": tracking, "initial": initial, "stations": stations, "reference": settings.reference}
        answer = Answer(inputs, burn, result, record(counts.stop, files), counts.notes, settings)
        lines = write_answer(answer, output)
    return str(result.summary.get("verdict", "believed")), lines
