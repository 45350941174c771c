"""A picture of a training run: loss against step, drawn as a small SVG.

No plotting library is a dependency of training, and a polyline needs none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

_WIDTH, _HEIGHT, _MARGIN = 640, 320, 48
_LOSS, _RATIO = "#4c78a8", "#e45756"


def write_loss_curve(log: Path, picture: Path) -> None:
    """Draw the losses in `log` (one JSON object per step) to `picture`.

    On the right-hand scale, from 0 to 1: loss on the second copy of random repeats over loss on the first.
    """
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    if not lines:
        return
    last = lines[-1]["step"]
    losses = [(line["step"], float(line["loss"])) for line in lines]
    ratios = [(float(line["step"]), float(line["repeat_loss_ratio"])) for line in lines if "repeat_loss_ratio" in line]
    highest = max(loss for _, loss in losses)
    parts = [
        _frame(last, highest),
        _line(_thinned(losses), last, highest, _LOSS),
        _line(ratios, last, max([1.0, *(ratio for _, ratio in ratios)]), _RATIO),
        f'<text x="{_MARGIN}" y="20" fill="{_LOSS}">loss (nats per token, left)</text>',
        f'<text x="{_MARGIN}" y="36" fill="{_RATIO}">random repeats: second copy / first (right)</text>',
        "</svg>",
    ]
    picture.write_text("\n".join(parts) + "\n")


def _line(points: Sequence[tuple[float, float]], last: int, highest: float, color: str) -> str:
    path = " ".join(f"{_x(step, last):.1f},{_y(value, highest):.1f}" for step, value in points)
    return f'<polyline fill="none" stroke="{color}" stroke-width="1.5" points="{path}"/>'


def _thinned(points: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """Average neighbours: more points than pixels only blacken the picture."""
    size = max(1, len(points) // 300)
    chunks = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        (sum(step for step, _ in chunk) / len(chunk), sum(loss for _, loss in chunk) / len(chunk)) for chunk in chunks
    ]


def _x(step: float, last: int) -> float:
    return _MARGIN + (_WIDTH - 2 * _MARGIN) * step / last


def _y(loss: float, highest: float) -> float:
    return _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * loss / highest


def _frame(last: int, highest: float) -> str:
    left, right, bottom, top = _MARGIN, _WIDTH - _MARGIN, _HEIGHT - _MARGIN, _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="Training loss by step">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>\n'
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#444444"/>\n'
        f'<text x="{left - 8}" y="{top + 4}" text-anchor="end">{highest:.1f}</text>\n'
        f'<text x="{left - 8}" y="{bottom + 4}" text-anchor="end">0</text>\n'
        f'<text x="{right + 8}" y="{top + 4}">1</text>\n'
        f'<text x="{right}" y="{bottom + 20}" text-anchor="end">step {last}</text>'
    )
