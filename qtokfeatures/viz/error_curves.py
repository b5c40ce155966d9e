"""Curves of error rates over signal-to-noise ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from qtokfeatures.viz.figures import figure_png, tidy

Curve = Sequence[tuple[float, float]]
Curves = Mapping[str, Mapping[str, Mapping[str, Curve]]]

_BEYOND_DB = 10.0
_LEGEND_COLUMNS = 4


def draw_error_curves(curves: Curves) -> bytes:
    """Return a PNG with a panel per training and noise, and a line per system; inf dB is clean."""
    noises = list(next(iter(curves.values())))
    size = (3.4 * len(noises), 3.0 * len(curves))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(curves), len(noises), sharex=True, sharey=True, squeeze=False)
    for row, (training, by_noise) in zip(axes, curves.items(), strict=True):
        row[0].set_ylabel(f"{training}\nword error rate, %")
        for panel, (noise, by_system) in zip(row, by_noise.items(), strict=True):
            _draw_panel(panel, by_system)
            panel.set_title(noise)
    for panel in axes[-1]:
        panel.set_xlabel("signal-to-noise ratio, dB")
    handles, labels = axes[0][0].get_legend_handles_labels()
    columns = min(len(labels), _LEGEND_COLUMNS)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    return figure_png(figure)


def _draw_panel(panel: Any, by_system: Mapping[str, Curve]) -> None:
    for number, (system, curve) in enumerate(by_system.items()):
        ratios = np.array([ratio for ratio, _ in curve])
        clean = ratios[np.isfinite(ratios)].max() + _BEYOND_DB
        at = np.where(np.isfinite(ratios), ratios, clean)
        style = "--" if number < 2 else "-"
        panel.plot(at, [rate for _, rate in curve], style, marker="o", ms=3, label=system)
        panel.set_xticks(at, [f"{r:g}" if np.isfinite(r) else "clean" for r in ratios])
    panel.set_ylim(0, 100)
    panel.grid(alpha=0.3)
    tidy(panel)
