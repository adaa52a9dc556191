"""The files of a run: frames.csv, summary.json, report.html and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path

from depth_anything_ros.evaluation.run_page import Shown, run_page
from depth_anything_ros.evaluation.summary import RunSummary
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.files import write_json, write_text
from depth_anything_ros.json_text import record
from depth_anything_ros.page.writer import write_page
from depth_anything_ros.table import Table

FRAMES, SUMMARY, PAGE = 'frames.csv', 'summary.json', 'report.html'


def write_frames_csv(path: Path, table: FrameTable, rows: int | None = None) -> None:
    """
    Write one line per frame; the columns are those of :class:`FrameTable`.

    :param rows: how many of the frames, from the first on; None is all.
    :raises OutputError: if the file cannot be written.
    """
    write_text(path, Table(table.header(), table.rows(0, rows)).csv())


def write_summary(path: Path, summary: RunSummary) -> None:
    """
    Write a summary as JSON; numbers that are not finite become null.

    :raises OutputError: if the file cannot be written.
    """
    write_json(path, _finite(summary))


def write_report(path: Path, summary: RunSummary, table: FrameTable, shown: Shown) -> None:
    """
    Write the page of a run; it links to the pictures and holds all else.

    :param path: the HTML file; folders on the way are made.
    :param summary: of the run.
    :param table: the frames.
    :param shown: of single frames; its pictures are linked by their path relative to the page.
    :raises MissingDependencyError: if Jinja2 is not installed.
    :raises OutputError: if the file cannot be written.
    """
    write_page(path, run_page(summary, table, shown, path.parent))


def _finite(value: object) -> object:
    """Return plain lists, dicts, text and numbers; what is not finite is None."""
    if is_dataclass(value):
        value = record(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
