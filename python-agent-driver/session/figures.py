# SPDX-License-Identifier: Apache-2.0
"""Figures of matplotlib: shown by plt.show() and at the end of a cell, as PNG and with the data of their axes.

The back end stays matplotlib's own choice, which without a display is Agg. What a back end does that has no window is
in one method, FigureManagerBase.show, where headless Linux does nothing. A session puts its own there, so a script that
asks for Agg itself is shown, too.
"""
import io
import os
import sys

import charts

# Where it was not preloaded it is not imported here: packages may come later, and bring another one.
backend_bases = sys.modules.get("matplotlib.backend_bases")

CHART = "application/vnd.pyhl.chart+json"

_show = None


def start(show):
    """A session begins. show(figure) shows one."""
    global _show
    _show = show
    if backend_bases is not None:
        _hook(backend_bases)
        _choose_backend()


def _choose_backend():
    """The variable that matplotlib reads when it is imported, which was before the snapshot."""
    name = os.environ.get("MPLBACKEND")
    if name and name.lower() != "agg":
        try:
            import matplotlib.pyplot as pyplot  # not only held aside: a back end imports some of its packages
            pyplot.switch_backend(name)
        except Exception as error:
            print(f"MPLBACKEND={name}: {error}; figures are drawn by Agg", file=sys.stderr)


def _hook(bases):
    bases.FigureManagerBase.show = _show_and_close


def _show_and_close(manager):
    """In place of FigureManagerBase.show: plt.show() calls it for each figure, and Figure.show() for one."""
    figure = manager.canvas.figure
    sys.modules["matplotlib._pylab_helpers"].Gcf.destroy(manager)
    if not getattr(figure, "_pyhl_shown", False) or figure.stale:
        _show(figure)


def flush():
    """Shows and closes the figures that are open. pyplot is loaded."""
    managers = sys.modules["matplotlib._pylab_helpers"].Gcf.get_all_fig_managers()
    if not managers:
        return
    bases = sys.modules["matplotlib.backend_bases"]
    if bases.FigureManagerBase.show is not _show_and_close:
        _hook(bases)  # it was loaded in this session
    for manager in managers:
        _show_and_close(manager)


def png(figure):
    """The bytes, or None for a figure with nothing in it."""
    if not (figure.axes or figure.lines or figure.images or figure.texts or figure.artists or figure.subfigs):
        return None
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=figure.dpi, bbox_inches="tight", facecolor=figure.get_facecolor(),
                   edgecolor=figure.get_edgecolor())
    figure.stale = False
    figure._pyhl_shown = True
    return file.getvalue()


def chart(figure):
    """The data of its axes, or None."""
    return charts.extract(figure)
