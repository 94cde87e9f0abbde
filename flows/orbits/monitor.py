"""`etalon orbit monitor`: a burn restituted while its tracking arrives, from a file that grows or from standard input, shown as it goes."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np
import xarray as xr

from calib.errors import RequestError
from flows.orbits.inputs import BurnInputs, Settings, earth_orientation, read_tracking, record
from flows.orbits.output import Answer, write_answer
from flows.orbits.writing import check_output
from orbit_aux.burns.burn import Burn
from orbit_aux.burns.restitution import BurnMonitor, BurnOptions
from orbit_aux.ccsds.tdm import stream_tdm
from orbit_aux.errors import OrbitError
from orbit_aux.time import Times
from orbit_aux.tracking import Tracking
from orbit_aux.tracking_table import gathered, stream_tracking_table

_POLL_S = 0.2
#: between two paintings of the block on a terminal
_PAINT_S = 0.1
_KM = 1000.0


def monitor(
    source: Path | None,
    initial: Path,
    stations: Path,
    output: Path,
    options: BurnOptions,
    settings: Settings,
    *,
    follow: bool = False,
) -> tuple[str, list[str]]:
    """Restitute what arrives from `source` (None: standard input) until it ends or is interrupted, then write as `restitute` does."""
    check_output(output)
    with earth_orientation(settings.orientation), _interrupts() as ending:
        inputs = BurnInputs.read(initial, stations)
        arriving = by_epoch(_arriving(source, inputs.start.times, settings.factor, follow, ending))
        first = next(arriving, None)
        if first is None:
            raise OrbitError(f"{source or 'standard input'}: ended before any measurement came")
        burn = inputs.burn(first.start.min())
        running = BurnMonitor(inputs.stations, inputs.start, inputs.covariance, burn, options)
        screen = Screen(sys.stdout, burn)
        stop, notes = first.stop, first.notes
        for counts in itertools.chain([first], arriving):
            screen.show(running.update(counts))
            stop, notes = counts.stop, counts.notes
        screen.close()
        result = running.result()
        files = {"tracking": source, "initial": initial, "stations": stations, "reference": settings.reference}
        answer = Answer(inputs, burn, result, record(stop, files), notes, settings)
        lines = write_answer(answer, output)
    return str(result.summary.get("verdict", "believed")), lines


def by_epoch(parts: Iterator[Tracking]) -> Iterator[Tracking]:
    """The measurements of each instant together, as soon as one of another instant has come."""
    waiting: list[Tracking] = []
    for part in parts:
        for piece in _pieces(part):
            if waiting and piece.stop[0] != waiting[-1].stop[0]:
                yield gathered(waiting)
                waiting = []
            waiting.append(piece)
    if waiting:
        yield gathered(waiting)


def _pieces(part: Tracking) -> Iterator[Tracking]:
    edges = np.flatnonzero(np.diff(part.stop.tai_ns)) + 1
    for rows in np.split(np.arange(len(part)), edges):
        yield Tracking(
            part.stop[rows],
            part.interval_s[rows],
            part.kind[rows],
            part.transmitter[rows],
            part.receiver[rows],
            part.value[rows],
            part.source,
            None if part.sigma is None else part.sigma[rows],
            part.light_time,
            part.notes,
        )


@dataclass
class _Ending:
    """Whether an end was asked for; while lines are waited for, the wait is broken."""

    asked: bool = False
    waiting: bool = False

    def ask(self, *_: object) -> None:
        self.asked = True
        if self.waiting:
            raise KeyboardInterrupt


@contextmanager
def _interrupts() -> Iterator[_Ending]:
    """Within it, interruption and termination end the stream in order, not the program."""
    ending = _Ending()
    before = {number: signal.signal(number, ending.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _arriving(source: Path | None, epoch: Times, factor: str, follow: bool, ending: _Ending) -> Iterator[Tracking]:
    if source is not None and not follow:
        # a file that does not grow may have its links one after the other: its times are put in order
        yield read_tracking(source, epoch, factor)
        return
    if source is not None and source.suffix == ".gz":
        raise RequestError(f"{source}: a compressed file cannot be followed; leave --follow out")
    if source is not None and not source.is_file():
        raise RequestError(f"{source}: no such file to follow; make it first")
    name = "standard input" if source is None else str(source)
    with nullcontext(sys.stdin) if source is None else source.open(encoding="utf-8-sig") as stream:
        lines = _lines(stream, follow, ending)
        begun: list[str] = []
        for line in lines:
            begun.append(line)
            if line.strip() and not line.startswith("#"):
                break
        told = begun[-1].lstrip() if begun else ""
        if told.startswith("<"):
            raise RequestError(f"{name}: XML is whole only at its end; stream TDM as key-value text, or a table")
        if told.startswith("CCSDS_"):
            yield from stream_tdm(itertools.chain(begun, lines), name, factor)
        else:
            yield from stream_tracking_table(itertools.chain(begun, lines), name, epoch, factor)


def _lines(stream: TextIO, follow: bool, ending: _Ending) -> Iterator[str]:
    """Whole lines as they come, until the stream ends (followed: never) or an end is asked for."""
    begun = ""
    while follow or not ending.asked:
        ending.waiting = True
        try:
            part = stream.readline()
            if not part and follow and not ending.asked:
                time.sleep(_POLL_S)
        except KeyboardInterrupt:
            # of a file, what stands in it by now is still read
            if follow:
                continue
            break
        finally:
            ending.waiting = False
        begun += part
        if begun.endswith("\n"):
            yield begun
            begun = ""
        elif not part and (ending.asked or not follow):
            break
    # a line that was cut short is no measurement
    if begun.strip() and not ending.asked:
        yield begun


@dataclass
class Screen:
    """Shows the latest estimate: one block painted over itself on a terminal, else a line for each epoch."""

    stream: TextIO
    burn: Burn
    painted: float = 0.0
    height: int = 0
    count: int = 0
    rejected: int = 0
    latest: list[str] = field(default_factory=list)

    def show(self, rows: xr.Dataset) -> None:
        """The rows of one epoch."""
        self.count += rows.sizes["measurement"]
        self.rejected += int((~rows["accepted"].values.astype(bool)).sum())
        if not self.stream.isatty():
            print(_line(rows, self.burn), file=self.stream, flush=True)
            return
        self.latest = self._block(rows)
        if time.monotonic() - self.painted >= _PAINT_S:
            self._paint()

    def close(self) -> None:
        """Leave the last block as it is."""
        if self.latest:
            self._paint()

    def _paint(self) -> None:
        up = f"\x1b[{self.height}A" if self.height else ""
        self.stream.write(up + "".join(f"\x1b[2K{line}\n" for line in self.latest))
        self.stream.flush()
        self.height, self.painted = len(self.latest), time.monotonic()

    def _block(self, rows: xr.Dataset) -> list[str]:
        last = rows.isel(measurement=-1)
        when = Times.from_utc(rows["time"].values[-1:])
        elapsed = float((when - self.burn.ignition)[0])
        left = self.burn.duration_s - elapsed
        phase = (
            "before ignition" if elapsed < 0 else f"{left:.0f} s to planned cut-off" if left > 0 else "after cut-off"
        )
        names = " ".join(
            f"{a}-{b} {100 * value:+.1f}"
            for a, b, value in zip(
                rows["transmitter"].values, rows["receiver"].values, rows["residual"].values, strict=True
            )
        )
        return [
            f"{when.utc_strings(1)[0]}   ignition {elapsed:+.0f} s, {phase}",
            f"measurements      {self.count} ({self.rejected} not accepted)",
            f"semi-major axis   {_value(last, 'semi_major_axis', _KM)} km",
            f"forecast          {_value(last, 'forecast_semi_major_axis', _KM)} km",
            f"thrust            {_value(last, 'thrust', 1.0)} N (plan {self.burn.thrust_n:.2f})",
            f"inclination       {_value(last, 'inclination', 1.0, 4)} deg",
            f"residuals cm/s    {names}",
            f"innovation test   {float(np.nanmean(rows['nis'].values)):.2f} (1 expected)",
        ]


def _value(row: xr.Dataset, name: str, unit: float, decimals: int = 3) -> str:
    return f"{float(row[name]) / unit:.{decimals}f} ± {float(row[f'{name}_sigma']) / unit:.{decimals}f}"


def _line(rows: xr.Dataset, burn: Burn) -> str:
    last = rows.isel(measurement=-1)
    when = Times.from_utc(rows["time"].values[-1:])
    elapsed = float((when - burn.ignition)[0])
    refused = int((~rows["accepted"].values.astype(bool)).sum())
    worst = 100 * float(np.nanmax(np.abs(rows["residual"].values)))
    return (
        f"{when.utc_strings(1)[0]} {elapsed:+8.1f} s  a {_value(last, 'semi_major_axis', _KM)} km  "
        f"final {_value(last, 'forecast_semi_major_axis', _KM, 2)} km  thrust {_value(last, 'thrust', 1.0, 2)} N  "
        f"residual {worst:.1f} cm/s" + (f"  {refused} not accepted" if refused else "")
    )
