"""The files of a run, written while it goes on so that little is lost when it is killed."""

from __future__ import annotations

import shutil
from pathlib import Path

from depth_anything_ros.evaluation.report import (
    FRAMES,
    PAGE,
    SUMMARY,
    write_frames_csv,
    write_report,
    write_summary,
)
from depth_anything_ros.evaluation.run_page import Shown
from depth_anything_ros.evaluation.summary import RunSummary
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.files import append, make_folder, reporting
from depth_anything_ros.page.writer import why_no_page
from depth_anything_ros.table import csv_lines

PICTURES = 'pictures'
# Where the results that were in the folder go.
PREVIOUS = 'previous'


class RunFiles:
    """
    Keep frames.csv up to date row by row, and write the rest when asked.

    Before the first file is written, the results of an earlier run in the folder go to
    `previous`, in place of what was there.

    :param folder: made when the first file is written.
    :param table: the frames; a row stays as it was added.
    """

    def __init__(self, folder: Path, table: FrameTable) -> None:
        self.folder = folder
        self._table = table
        self._begun = False
        self._rows = 0

    def begin(self) -> None:
        """
        Make the folder ready for the files of this run.

        :raises OutputError: if that cannot be.
        """
        if self._begun:
            return
        make_folder(self.folder)
        with reporting(self.folder):
            _move_aside(self.folder)
        write_frames_csv(self.folder / FRAMES, self._table, rows=0)
        self._begun = True

    def picture(self, index: int) -> Path:
        """
        Return where the picture of a frame goes.

        :raises OutputError: if the folder cannot be made.
        """
        self.begin()
        return self.folder / PICTURES / f'{index:04d}.png'

    def append(self) -> None:
        """
        Write the rows that are new; what cannot be written now is written the next time.

        :raises OutputError: if they cannot be written.
        """
        self.begin()
        count = len(self._table)
        if count > self._rows:
            rows = csv_lines(self._table.rows(self._rows, count))
            append(self.folder / FRAMES, rows.encode())
            self._rows = count

    def save(self, summary: RunSummary) -> None:
        """
        Write the rows that are new and the summary.

        :raises OutputError: if a file cannot be written; what was there stays.
        """
        self.append()
        write_summary(self.folder / SUMMARY, summary)

    def report(self, summary: RunSummary, shown: Shown, folder: Path) -> None:
        """
        Write the rows that are new, the summary and, where that can be, the page.

        :param shown: of single frames.
        :param folder: of this run, or another one that gets all but the pictures.
        :raises OutputError: if a file cannot be written; what was there stays.
        """
        if folder == self.folder:
            self.save(summary)
        else:
            make_folder(folder)
            write_frames_csv(folder / FRAMES, self._table)
            write_summary(folder / SUMMARY, summary)
        if not why_no_page():
            write_report(folder / PAGE, summary, self._table, shown)


def _move_aside(folder: Path) -> None:
    """Move the results of an earlier run out of the way of those of this one."""
    found = [folder / name for name in (FRAMES, SUMMARY, PAGE, PICTURES)]
    found = [path for path in found if path.exists()]
    if not found:
        return
    previous = folder / PREVIOUS
    shutil.rmtree(previous, ignore_errors=True)
    previous.mkdir()
    for path in found:
        path.rename(previous / path.name)
