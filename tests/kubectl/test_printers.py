"""Text that is laid out as Go lays it out."""

from __future__ import annotations

from kubepy.kubectl import manifests, sorting
from kubepy.kubectl.printers import custom_columns, json, yaml
from kubepy.kubectl.printers.table import TableOptions, TablePrinter
from kubepy.kubectl.printers.tabwriter import TabWriter, tabbed, table_writer


def test_the_last_cell_of_a_line_belongs_to_no_column() -> None:
    assert tabbed("a\tb\nlong name\tb\n") == "a          b\nlong name  b\n"
    assert tabbed("a\tb\nalone, and as long as it likes\nccc\td\n") == (
        "a  b\nalone, and as long as it likes\nccc  d\n"
    )


def test_nested_columns_form_blocks_of_their_own() -> None:
    assert tabbed("a\tb\tc\nd\te\nf\tgggg\th\n") == "a  b  c\nd  e\nf  gggg  h\n"


def test_widths_are_remembered_from_flush_to_flush() -> None:
    writer = TabWriter(min_width=2, padding=1, remember=True)
    writer.row(["wide", "x"])
    assert writer.flush() == "wide x\n"
    writer.row(["a", "x"])
    assert writer.flush() == "a    x\n"


TABLE = {
    "columnDefinitions": [
        {"name": "Name", "format": "name", "priority": 0},
        {"name": "Ready", "priority": 0},
        {"name": "Node", "priority": 1},
    ],
    "rows": [
        {
            "cells": ["web", 1, "n1"],
            "object": {"metadata": {"namespace": "default", "labels": {"b": "2", "a/tier": "1"}}},
        },
        {"cells": ["a-long-name", None, "first\nsecond"], "object": {"metadata": {"namespace": "x"}}},
    ],
}


def _printed(**options: object) -> str:
    writer = table_writer()
    TablePrinter(TableOptions(**options), writer).print(TABLE)  # type: ignore[arg-type]
    return writer.flush()


def test_narrow_table() -> None:
    assert _printed() == "NAME          READY\nweb           1\na-long-name   \n"


def test_wide_table_with_everything() -> None:
    assert _printed(wide=True, namespace=True, kind="pod", label_columns=("a/tier",), show_labels=True) == (
        "NAMESPACE   NAME              READY   NODE       TIER   LABELS\n"
        "default     pod/web           1       n1         1      a/tier=1,b=2\n"
        "x           pod/a-long-name           first...          <none>\n"
    )


def test_a_watch_repeats_no_headers() -> None:
    writer = table_writer()
    printer = TablePrinter(TableOptions(), writer)
    printer.print(TABLE)
    writer.flush()
    printer.print({"columnDefinitions": [], "rows": [{"cells": ["web", 2, "n1"]}]})
    assert writer.flush() == "web           2\n"


def test_yaml_quotes_what_go_would_take_for_something_else() -> None:
    value = {
        "words": ["yes", "y", "null", "~", "1", "1.5", "0x1f", "1:20", "2026-11-21T09:00:00Z", "", "plain"],
        "text": "a\nb\n",
        "b10": 1,
        "b2": True,
        "none": None,
        "empty": [{}, []],
    }
    assert yaml.render(value) == (
        "b2: true\nb10: 1\nempty:\n- {}\n- []\nnone: null\ntext: |\n  a\n  b\nwords:\n"
        '- "yes"\n- "y"\n- "null"\n- "~"\n- "1"\n- "1.5"\n- "0x1f"\n- "1:20"\n- "2026-11-21T09:00:00Z"\n'
        '- ""\n- plain\n'
    )


def test_what_is_written_is_read_back() -> None:
    value = {
        "apiVersion": "v1",
        "kind": "X",
        "data": {"a": "010", "b": "on", "c": " x ", "d": "a: b", "e": "#"},
    }
    assert manifests.parse(yaml.render(value), "test") == [value]


def test_json_escapes_as_go_does() -> None:
    assert json.compact({"b": "<&>", "a": [1, None]}) == '{"a":[1,null],"b":"\\u003c\\u0026\\u003e"}'


def test_custom_columns() -> None:
    render = custom_columns.renderer("custom-columns", "NAME:.metadata.name,PORTS:.ports[*]")
    listed = {"kind": "List", "items": [{"metadata": {"name": "a"}, "ports": [1, 2]}, {"metadata": {}}]}
    assert render(listed) == "NAME     PORTS\na        1,2\n<none>   <none>\n"


def test_sorting_by_value() -> None:
    items = [{"v": "2Gi"}, {"v": "100Mi"}, {}, {"v": "1Gi"}]
    assert sorting.objects(items, ".v") == [{}, {"v": "100Mi"}, {"v": "1Gi"}, {"v": "2Gi"}]
    named = [{"n": "web-10"}, {"n": "web-2"}]
    assert sorting.objects(named, "{.n}") == [{"n": "web-2"}, {"n": "web-10"}]
