"""Charts as geometry: numbers in, places on a drawing out. The page's template draws them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cloudcollect_pipeline.reporting.books import Aged, Balance

WIDTH, HEIGHT = 640, 220
"""Of a drawing, in its own units; the page scales it."""
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 26, 34


@dataclass(frozen=True)
class Bar:
    """One column of the ageing; heights in units, amounts in øre. `part` is the lower piece: at the agency."""

    age: str
    x: float
    width: float
    y: float
    height: float
    part_y: float
    part_height: float
    total: int


@dataclass(frozen=True)
class Point:
    """One night of the trend; amount in øre."""

    night: date
    x: float
    y: float
    closing: int


def bars(ageing: Sequence[Aged]) -> list[Bar]:
    """Columns as high as their amounts, the highest filling the drawing."""
    shown = [aged for aged in ageing if aged.age != "no_receivable"]
    most = max([aged.total for aged in shown] + [1])
    step = (WIDTH - LEFT - RIGHT) / len(shown)
    floor, room = HEIGHT - BOTTOM, HEIGHT - TOP - BOTTOM
    drawn = []
    for place, aged in enumerate(shown):
        high = _units(room * max(aged.total, 0) / most)
        part = _units(room * min(max(aged.at_agency, 0), max(aged.total, 0)) / most)
        x = _units(LEFT + step * place + step * 0.12)
        width = _units(step * 0.76)
        drawn.append(Bar(aged.age, x, width, _units(floor - high), high, _units(floor - part), part, aged.total))
    return drawn


def points(trend: Sequence[Balance]) -> list[Point]:
    """Closing balances from left to right by day; zero is always in the picture."""
    if not trend:
        return []
    low = min(0, *(balance.closing for balance in trend))
    high = max(1, *(balance.closing for balance in trend))
    first, days = trend[0].night, max((trend[-1].night - trend[0].night).days, 1)
    return [
        Point(
            balance.night,
            _units(LEFT + (WIDTH - LEFT - RIGHT) * (balance.night - first).days / days),
            level(balance.closing, low, high),
            balance.closing,
        )
        for balance in trend
    ]


def level(amount: int, low: int, high: int) -> float:
    """How far down an amount stands between the lowest and the highest."""
    return _units(TOP + (HEIGHT - TOP - BOTTOM) * (high - amount) / (high - low))


def zero(trend: Sequence[Balance]) -> float:
    """Where the line of zero stands."""
    low = min([0, *(balance.closing for balance in trend)])
    high = max([1, *(balance.closing for balance in trend)])
    return level(0, low, high)


def _units(value: float) -> float:
    return round(value, 1)
