"""The Moon's counts summed over its disk, block by block: signal, its uncertainty components, what was filtered, and the growth curve that tells whether
the aperture holds all the light.

Lines are summed between the chords of the disk and of the rings around it, in whole numbers; sky and replaced pixels enter as differences. So no image of
floating-point numbers is ever made, and a disk of a thousand million pixels takes no more memory than a small one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from calib.acquisition import BandImage
from calib.config import Model
from calib.moon.cleaning import CleaningParameters, filled_values
from calib.moon.ellipse import Ellipse, Scan
from calib.moon.expected import ExpectedLight, stars_near
from calib.moon.hits import BORDER, Noise, lone_pixels, restless_columns, uneven_columns
from calib.moon.records import Picture
from calib.moon.sky import Sky, measured_sky, sky_lines
from calib.moon.window import Window
from calib.units import Fraction, Pixels, as_written


class SignalParameters(Model):
    """How the disk's counts are summed. Dilations are given in disk radii, so that they scale with resolution and oversampling."""

    dilation: Fraction = Field(default=0.06, ge=0, description="aperture beyond the fitted disk")
    smallest_dilation: Pixels = Field(
        default=as_written("5 pixel"), ge=0, description="and at least this many pixels: the image of a sharp limb"
    )
    plateau: tuple[Fraction, Fraction] = Field(
        default=(0.03, 0.12), description="dilations between which the growth curve is to be flat"
    )
    plateau_limit: Fraction = Field(
        default=0.0005, gt=0, description="flag a growth over the plateau beyond this share of the signal"
    )
    growth_to: Fraction = Field(default=0.3, gt=0, description="end of the growth curve")
    growth_steps: int = Field(default=31, ge=8)
    fill_error: Fraction = Field(default=0.1, ge=0, description="error of a filled pixel, of its value, k = 1")
    low_signal: float = Field(default=5.0, ge=0, description="flag a mean of the disk below this many sigma of noise")
    sky_doubt: Fraction = Field(
        default=0.01, gt=0, description="flag a sky uncertainty beyond this share of the signal"
    )
    cleaning: CleaningParameters = CleaningParameters()
    expected: ExpectedLight = ExpectedLight()


@dataclass(frozen=True)
class Signal:
    """Sum over the aperture [DN pixel] with its standard uncertainties, and the growth curve (relative flux at dilations in disk radii).

    `stars` are hits in the sky near the disk whose light lies on several lines. `fill_effect` is what replacing pixels added, of the sum. Counts of pixels
    are those of the aperture and the rings around it; `sky_outliers` those of the sky lines.
    """

    total: float
    noise: float
    sky: float
    aperture: float
    defects: float
    pixels: int
    saturated: int
    mean: float
    plateau_growth: float
    dilation: np.ndarray
    growth: np.ndarray
    fill_effect: float
    cosmic_hits: int
    stars: int
    defective_pixels: int
    defective_columns: int
    column_pixels: int
    background: Sky


@dataclass(frozen=True)
class _Place:
    """Where the light is: a window, the lines of the largest ring, the disk, each line's scan coordinate from its centre and scan rate over the mean."""

    window: Window
    rows: tuple[int, int]
    ellipse: Ellipse
    offset: np.ndarray
    weight: np.ndarray

    def chords(self, first: int, number: int, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First column of the window within each radius, and the first one beyond, of `number` lines: (line, radius)."""
        width = self.window.right - self.window.left
        low, high = self.ellipse.chords(self.offset[first : first + number] + self.ellipse.scan, radii)
        return np.clip(low - self.window.left, 0, width), np.clip(high - self.window.left, 0, width)

    def ring(self, line: np.ndarray, column: np.ndarray, marks: np.ndarray) -> np.ndarray:
        """Between which radii single pixels lie; len(marks) beyond all."""
        radius = self.ellipse.radius(column + self.window.left, self.offset[line] + self.ellipse.scan)
        return np.searchsorted(1 + marks, radius)


@dataclass(frozen=True)
class _Bad:
    """Pixels to replace: single ones by line and column, and whole columns."""

    line: np.ndarray
    column: np.ndarray
    columns: np.ndarray
    hits: int


def disk_signal(
    image: BandImage,
    ellipse: Ellipse,
    scan: Scan,
    noise: Noise,
    saturation: float,
    picture: Picture,
    parameters: SignalParameters,
    source: str,
) -> Signal:
    """Counts of the whole disk, the unlit part included, each line weighted by its scan rate; `picture` is drawn on the way.

    InputError, naming `source`, where sky lines are missing.
    """
    raster = image.raster
    marks, chosen, plateau = _marks(ellipse, parameters)
    half_width, half_height = ellipse.extent()
    offset = scan.coordinate(np.arange(raster.lines, dtype=float)) - ellipse.scan
    before, after = sky_lines(offset, half_height, parameters.cleaning, source)
    top, bottom = np.searchsorted(offset, np.array([-1, 1]) * max(1 + marks[-1], 1.02) * half_height)
    margin = max(parameters.cleaning.margin, 1 + float(marks[-1]))
    window = Window(
        raster,
        min(before.start, int(top)),
        max(after.stop, int(bottom)),
        max(int(ellipse.column - margin * half_width), 0),
        min(int(ellipse.column + margin * half_width) + 2, raster.columns),
        image.held,
    )
    sky = measured_sky(
        window.lines(before.start, before.stop), window.lines(after.start, after.stop), (offset[before], offset[after])
    )
    noise = Noise(max(noise.floor, sky.noise), noise.slope)
    place = _Place(window, (int(top), int(bottom)), ellipse, offset, scan.weight)
    bad = _bad_pixels(place, sky, noise, parameters.cleaning)
    rings = _ring_sums(place, sky, bad, saturation, marks, picture)
    flux = np.cumsum(rings["flux"])
    total, growth = float(flux[chosen]), float(flux[plateau[1]] - flux[plateau[0]])
    inside = {name: float(values[: chosen + 1].sum()) for name, values in rings.items()}
    kept = np.isin(marks, _bounds(parameters))
    return Signal(
        total=total,
        noise=float(np.sqrt(inside["squared_weight"] * noise.floor**2 + noise.slope * max(total, 0.0))),
        sky=_sky_uncertainty(place, sky, 1 + float(marks[chosen])),
        # the curve ends between the aperture's and the plateau's last value: half of what it still grows by
        aperture=abs(growth) / 2,
        defects=parameters.fill_error * float(np.sqrt(inside["squared_fill"])),
        pixels=int(inside["pixels"]),
        saturated=int(inside["saturated"]),
        mean=float(flux[0] / max(float(rings["pixels"][0]), 1.0)),
        plateau_growth=growth / total if total else float("nan"),
        dilation=_bounds(parameters),
        growth=flux[kept] / total if total else np.full(int(kept.sum()), np.nan),
        fill_effect=inside["filled"] / total if total else float("nan"),
        cosmic_hits=bad.hits,
        stars=stars_near(window, ellipse, place.offset, (bad.line, bad.column), sky.level, noise.floor),
        defective_pixels=len(bad.line) - bad.hits + int(bad.columns.sum()) * (place.rows[1] - place.rows[0]),
        defective_columns=int(bad.columns.sum()),
        column_pixels=int(bad.columns.sum()) * (place.rows[1] - place.rows[0]),
        background=sky,
    )


def _bounds(parameters: SignalParameters) -> np.ndarray:
    return np.linspace(0.0, parameters.growth_to, parameters.growth_steps)


def _marks(ellipse: Ellipse, parameters: SignalParameters) -> tuple[np.ndarray, int, tuple[int, int]]:
    """Dilations at which sums are taken; which of them is the aperture, which bound the plateau."""
    smallest = parameters.smallest_dilation / min(ellipse.semi_column, ellipse.semi_scan)
    dilation, low, high = (max(item, smallest) for item in (parameters.dilation, *parameters.plateau))
    marks = np.unique(np.concatenate([_bounds(parameters), [dilation, low, high]]))
    chosen, first, last = (int(np.searchsorted(marks, item)) for item in (dilation, low, high))
    return marks, chosen, (first, last)


def _bad_pixels(place: _Place, sky: Sky, noise: Noise, parameters: CleaningParameters) -> _Bad:
    level = sky.level.astype(np.float32)
    columns = np.arange(len(level))
    number, total, lone_number, lone_total = np.zeros((4, len(columns)))
    found = []
    for first, padded in place.window.blocks(*place.rows, BORDER):
        line, column, sign = lone_pixels(padded, level, noise, parameters.hit_threshold)
        block = padded[BORDER:-BORDER]
        found.append((line + first, column, sign))
        low, high = place.chords(first, len(block), np.array([1.0]))
        number += _lines_inside(low[:, 0], high[:, 0], len(columns))
        total += _column_sums(block, low[:, 0], high[:, 0])
        within = (column >= low[line, 0]) & (column < high[line, 0])
        lone_number += np.bincount(column[within], minlength=len(columns))
        lone_total += np.bincount(column[within], block[line, column][within], len(columns))
    line, column, sign = (np.concatenate(items) for items in zip(*found, strict=True))
    # hits and stuck pixels do not make a column defective; a dead column is made of nothing else
    dead = lone_number > 0.2 * number
    used = np.where(dead, number, number - lone_number)
    mean = np.where(dead, total, total - lone_total) / np.maximum(used, 1) - sky.level
    bad = restless_columns(list(sky.spreads), sky.noise)
    bad |= uneven_columns(mean, used, sky.noise, sky.error, parameters.column_threshold)
    single = ~bad[column]
    return _Bad(line[single], column[single], bad, int(np.count_nonzero(sign[single] > 0)))


def _lines_inside(low: np.ndarray, high: np.ndarray, width: int) -> np.ndarray:
    """How many lines hold each column, of lines that run from `low` to before `high`."""
    return np.cumsum(np.bincount(low, minlength=width + 1) - np.bincount(high, minlength=width + 1))[:width]


def _column_sums(block: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Sums of counts over the lines of each column, of lines that run from `low` to before `high`."""
    sums = np.zeros(block.shape[1], dtype=np.int64)
    first, stop = int(low.min()), int(high.max())
    # where all lines are inside nothing is masked
    left = min(max(int(low.max()), first), stop)
    right = max(min(int(high.min()), stop), left)
    sums[left:right] = block[:, left:right].sum(axis=0, dtype=np.uint32)
    for begin, end in ((first, left), (right, stop)):
        columns = np.arange(begin, end)
        inside = (columns >= low[:, np.newaxis]) & (columns < high[:, np.newaxis])
        sums[begin:end] = (block[:, begin:end] * inside).sum(axis=0, dtype=np.uint32)
    return sums


def _ring_sums(
    place: _Place, sky: Sky, bad: _Bad, saturation: float, marks: np.ndarray, picture: Picture
) -> dict[str, np.ndarray]:
    """Sums over the disk (first entry) and the rings between the dilations `marks`."""
    names = ("flux", "pixels", "squared_weight", "squared_fill", "filled", "saturated")
    sums = {name: np.zeros(len(marks)) for name in names}
    before, change = (np.concatenate([[0.0], np.cumsum(values)]) for values in (sky.before, sky.after - sky.before))
    for first, block in place.window.blocks(*place.rows):
        lines = slice(first, first + len(block))
        picture.add(block, first, place.window.left)
        low, high = place.chords(first, len(block), 1 + marks)
        share = sky.share(place.offset[lines])[:, np.newaxis]
        by_line = place.weight[lines]
        # lines first, then from ring to ring: a sum has few numbers
        level = _weighted(by_line, before[high] - before[low])
        level += _weighted(by_line * share[:, 0], change[high] - change[low])
        sums["flux"] += _weighted(by_line, _between(block, low, high)) - np.diff(level, prepend=0.0)
        pixels = high - low
        sums["pixels"] += np.diff(pixels.sum(axis=0), prepend=0)
        sums["squared_weight"] += np.diff(_weighted(by_line**2, pixels), prepend=0.0)
        spoiled = _replaced(block, first, (sky, share), low[:, 0], high[:, 0], bad)
        if spoiled is not None:
            row, column, gain, value = spoiled
            ring = place.ring(first + row, column, marks)
            each = place.weight[first + row]
            for name, what in (("flux", gain), ("filled", gain), ("squared_fill", each * value**2)):
                sums[name] += np.bincount(ring, each * what, len(marks) + 1)[:-1]
        if block.max() >= saturation:
            # one pixel at the limit is a cosmic hit; a bright patch of the Moon is not alone there
            row, column = np.nonzero((block >= saturation) & ~_marked(block, first, bad))
            sums["saturated"] += np.bincount(place.ring(first + row, column, marks), minlength=len(marks) + 1)[:-1]
    return sums


def _weighted(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums over the lines of values (line, ring); not by BLAS, whose sums depend on the number of threads."""
    return np.asarray(np.einsum("l,lr->r", weight, values))


def _between(block: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Sums of counts over (line, ring), from the columns at which the rings of each line begin and end."""
    width, rings = block.shape[1], low.shape[1]
    edges = np.concatenate([low[:, ::-1], high], axis=1)
    places = edges + np.arange(len(block))[:, np.newaxis] * width
    flat = block.ravel()
    # the last run may end with the block
    flat = np.append(flat, flat.dtype.type(0)) if places[-1, -1] == len(flat) else flat
    # no run is longer than a line
    small = flat.dtype.kind == "u" and width * np.iinfo(flat.dtype).max < 2**32
    kind = np.uint32 if small else np.int64
    runs = np.add.reduceat(flat, places.ravel(), dtype=kind).reshape(places.shape)[:, :-1]
    # an empty run is given the count at its place
    runs[np.diff(edges, axis=1) == 0] = 0
    sums = runs[:, rings - 1 :].astype(float)
    sums[:, 1:] += runs[:, : rings - 1][:, ::-1]
    return np.asarray(sums)


def _marked(block: np.ndarray, first: int, bad: _Bad) -> np.ndarray:
    """True at the bad pixels of a block."""
    marked = np.zeros(block.shape, dtype=bool)
    marked[:, bad.columns] = True
    here = (bad.line >= first) & (bad.line < first + len(block))
    marked[bad.line[here] - first, bad.column[here]] = True
    return marked


def _replaced(
    block: np.ndarray, first: int, sky: tuple[Sky, np.ndarray], low: np.ndarray, high: np.ndarray, bad: _Bad
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Row and column of the bad pixels of a block, what replacing them adds to the sum, and what they hold then; None where there are none."""
    (level, share) = sky
    here = (bad.line >= first) & (bad.line < first + len(block))
    columns = np.flatnonzero(bad.columns)
    row = np.concatenate([np.repeat(np.arange(len(block)), len(columns)), bad.line[here] - first])
    column = np.concatenate([np.tile(columns, len(block)), bad.column[here]])
    if not len(row):
        return None

    def value(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        change = level.after[column] - level.before[column]
        return np.asarray(block[row, column] - level.before[column] - share[row, 0] * change)

    def inside(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return np.asarray((column >= low[row]) & (column < high[row]))

    filled = filled_values(value, inside, _marked(block, first, bad), (row, column))
    return row, column, filled - value(row, column), filled


def _sky_uncertainty(place: _Place, sky: Sky, radius: float) -> float:
    """Of the sum: the level of a column errs alike in all its lines, and independently of other columns."""
    low, high = (side[:, 0] for side in place.chords(0, len(place.offset), np.array([radius])))
    width = len(sky.error) + 1
    changes = np.bincount(low, place.weight, width) - np.bincount(high, place.weight, width)
    return float(np.sqrt(np.sum((np.cumsum(changes)[:-1] * sky.error) ** 2)))
