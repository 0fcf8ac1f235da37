"""Tables, lines and fields, drawn by AG Grid and ECharts in the colours of the theme.

A key that begins with a colon is evaluated in the browser, which is how charts read the theme's
colours; so no name from a file is ever a key, and all such expressions are constants here.
"""

from __future__ import annotations

from typing import Any

from nicegui import ui

from .page import Page
from .tables import Cell, Chart, Field, Table, of_one_scale

CELLS = 200_000
"""Cells of a table that are sent to a browser."""
FRAME = 100
"""Pixels of height of one line where each has a frame of its own."""
COLOURS = (
    "#6c6ae0", "#d9822b", "#1f9d6b", "#d9534f", "#9467bd", "#2f8fce", "#a8862b", "#808088",
)  # fmt: skip
HEAT = ("#1b1044", "#5b2a8c", "#b5367a", "#ee6a4d", "#fcb55f", "#fcfdbf")
_ROUNDED = {
    ":valueFormatter": "(cell) => typeof cell.value === 'number' && !Number.isInteger(cell.value)"
    " ? String(Number(cell.value.toPrecision(6))) : cell.value ?? ''",
    ":tooltipValueGetter": "(cell) => cell.value",
}
"""Of a column of numbers: six digits to read, all of them under the pointer and in the file."""


def grid(page: Page, table: Table) -> None:
    """Draw the first rows as a table that can be sorted and filtered; cells are text."""
    rows = table.rows[: max(1, CELLS // max(1, len(table.columns)))]
    if len(rows) < table.total or len(table.columns) < table.all_columns:
        ui.label(
            page.say(
                "window_output.part",
                rows=f"{len(rows):,}",
                total=f"{table.total:,}",
                columns=len(table.columns),
                all=table.all_columns,
            )
        ).classes("small notice").mark("part")
    columns: list[dict[str, Any]] = [
        {
            "field": f"c{i}",
            "headerName": name,
            "type": "rightAligned" if i in table.numeric else "",
            "minWidth": 120,
            **(_ROUNDED if i in table.numeric else {}),
        }
        for i, name in enumerate(table.columns)
    ]
    options = {
        "columnDefs": [{k: v for k, v in column.items() if v != ""} for column in columns],
        "rowData": [{f"c{i}": cell for i, cell in enumerate(row)} for row in rows],
        "defaultColDef": {"sortable": True, "filter": True, "resizable": True},
        "enableCellTextSelection": True,
        "suppressFieldDotNotation": True,
        "animateRows": False,
        "enableBrowserTooltips": True,
    }
    ui.aggrid(options).classes("result-grid").mark("grid")


def lines(chart: Chart) -> None:
    """Draw lines or bars; lines of different scales each in a frame of their own."""
    element = ui.echart(_bars(chart) if chart.bars else _lines(chart))
    element.classes("result-chart").mark("chart")
    if not (chart.bars or of_one_scale(chart)):
        element.style(f"min-height: {len(chart.lines) * FRAME + 40}px")


def field(shown: Field) -> None:
    """Draw a two-dimensional array in colours, its first row at the top."""
    rows = shown.cells
    data = [[x, y, value] for y, row in enumerate(rows) for x, value in enumerate(row)]
    axis = {"type": "category", "show": False}
    options: dict[str, Any] = {
        **_base(),
        "grid": {"left": 12, "right": 116, "top": 12, "bottom": 12},
        "xAxis": {**axis, "data": list(range(len(rows[0])))},
        "yAxis": {**axis, "data": list(range(len(rows))), "inverse": True},
        "visualMap": {
            "min": shown.low,
            "max": shown.high if shown.high > shown.low else shown.low + 1,
            "calculable": True,
            "right": 4,
            "top": "middle",
            "precision": 3,
            "inRange": {"color": list(HEAT)},
            "textStyle": _text(),
        },
        "series": [{"type": "heatmap", "data": data, "progressive": 4000, "animation": False}],
    }
    element = ui.echart(options).classes("result-chart result-field").mark("field")
    element.style(f"aspect-ratio: {shown.shape[1] * 1.2:.4g} / {shown.shape[0]}")


def _lines(chart: Chart) -> dict[str, Any]:
    together = of_one_scale(chart) or len(chart.lines) == 1
    frames = [chart.lines] if together else [[line] for line in chart.lines]
    colours = dict(zip((i for i, _ in enumerate(chart.lines)), COLOURS * 2, strict=False))
    share = 100 / len(frames)
    grids: list[dict[str, Any]] = []
    xs: list[dict[str, Any]] = []
    ys: list[dict[str, Any]] = []
    series: list[dict[str, Any]] = []
    for place, frame in enumerate(frames):
        last = place == len(frames) - 1
        top = 40 if together and len(chart.lines) > 1 else 26
        grids.append(
            {
                "left": 12, "right": 18, "containLabel": True,
                "top": top if len(frames) == 1 else f"{place * share + 7:.1f}%",
                **({"bottom": 50} if len(frames) == 1 else {"height": f"{share - 13:.1f}%"}),
            }
        )  # fmt: skip
        xs.append(
            {
                "type": "value", "gridIndex": place, "scale": True, "name": chart.x_name if last
                else "", "nameLocation": "middle", "nameGap": 26, "nameTextStyle": _text(),
                "axisLabel": {**_text(), "show": last}, "splitLine": {"show": False},
                "axisLine": {"lineStyle": _line_colour()},
                "min": "dataMin", "max": "dataMax",
            }
        )  # fmt: skip
        title = "" if together and len(frame) > 1 else frame[0][0]
        ys.append(
            {
                "type": "value", "gridIndex": place, "scale": True, "axisLabel": _text(),
                "name": title, "nameTextStyle": {**_text(), "align": "left"}, "nameGap": 8,
                "splitLine": {"lineStyle": _line_colour()},
                "splitNumber": 5 if len(frames) == 1 else 1,
            }
        )  # fmt: skip
        for name, values in frame:
            points = [[x, v] for x, v in zip(chart.x, values, strict=True) if x is not None]
            series.append(
                {
                    "type": "line", "name": name, "data": points, "showSymbol": len(points) < 40,
                    "xAxisIndex": place, "yAxisIndex": place, "symbolSize": 5,
                    "lineStyle": {"width": 2}, "color": colours[len(series)],
                    "emphasis": {"disabled": True},
                }
            )  # fmt: skip
    options = {**_base(), "grid": grids, "xAxis": xs, "yAxis": ys, "series": series}
    options["axisPointer"] = {"link": [{"xAxisIndex": "all"}]}
    options["dataZoom"] = [{"type": "inside", "xAxisIndex": list(range(len(frames)))}]
    if together and len(chart.lines) > 1:
        options["legend"] = {"type": "scroll", "top": 0, "textStyle": _text()}
    return options


def _bars(chart: Chart) -> dict[str, Any]:
    names: list[Cell] = [str(cell) for cell in chart.x]
    return {
        **_base(),
        "grid": {"left": 12, "right": 18, "top": 40, "bottom": 12, "containLabel": True},
        "legend": {"type": "scroll", "top": 0, "textStyle": _text()},
        "xAxis": {
            "type": "category", "data": names, "axisLabel": {**_text(), "hideOverlap": True},
            "axisLine": {"lineStyle": _line_colour()},
        },
        "yAxis": {
            "type": "value", "axisLabel": _text(), "splitLine": {"lineStyle": _line_colour()},
        },
        "series": [
            {"type": "bar", "name": name, "data": values, "color": colour, "barMaxWidth": 48}
            for (name, values), colour in zip(chart.lines, COLOURS, strict=False)
        ],
    }  # fmt: skip


def _base() -> dict[str, Any]:
    return {
        "animation": False,
        "textStyle": {":fontFamily": "getComputedStyle(document.body).fontFamily"},
        # Rich text is drawn, not parsed: a name from a file stays a name.
        "tooltip": {
            "trigger": "axis",
            "renderMode": "richText",
            "confine": True,
            "axisPointer": {"type": "line"},
            ":backgroundColor": _variable("raised"),
            ":borderColor": _variable("line"),
            "textStyle": {":color": _variable("text"), "fontSize": 12},
        },
    }


def _text() -> dict[str, Any]:
    return {":color": _variable("muted"), "fontSize": 12}


def _line_colour() -> dict[str, Any]:
    return {":color": _variable("line")}


def _variable(name: str) -> str:
    return f"getComputedStyle(document.body).getPropertyValue('--{name}').trim()"
