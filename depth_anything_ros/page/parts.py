"""What a page is made of; each part names the template that shows it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from depth_anything_ros.page.chart import Chart
from depth_anything_ros.table import Table


@dataclass(frozen=True)
class Note:
    """A paragraph in small letters."""

    template: ClassVar[str] = 'note.html'
    text: str


@dataclass(frozen=True)
class Grid:
    """A table whose rows a click on a heading sorts."""

    template: ClassVar[str] = 'grid.html'
    table: Table
    caption: str


@dataclass(frozen=True)
class Facts:
    """Names and what they are, two columns."""

    template: ClassVar[str] = 'facts.html'
    items: Mapping[str, object]


@dataclass(frozen=True)
class Charts:
    """Charts side by side where there is room."""

    template: ClassVar[str] = 'charts.html'
    charts: Sequence[Chart]


@dataclass(frozen=True)
class Bar:
    """One bar of `Bars`, and further values marked beside its end, by name."""

    name: str
    value: float | None
    marks: Mapping[str, float | None]


@dataclass(frozen=True)
class Bars:
    """Values of one unit as bars from zero; `measure` is what their lengths show."""

    template: ClassVar[str] = 'bars.html'
    title: str
    measure: str
    unit: str
    bars: Sequence[Bar]

    def share(self, value: float) -> float:
        """Return a value in percent of the largest that is shown."""
        values = [each for bar in self.bars for each in (bar.value, *bar.marks.values())]
        return 100.0 * value / (max(filter(None, values), default=0.0) or 1.0)


@dataclass(frozen=True)
class ColourBar:
    """The colours of a picture from the first, of `low`, to the last, of `high`."""

    colours: Sequence[str]
    low: str
    high: str


@dataclass(frozen=True)
class Panel:
    """A picture in the page: the bytes of a JPEG file."""

    caption: str
    jpeg: bytes
    bar: ColourBar | None = None


@dataclass(frozen=True)
class Card:
    """Pictures of one thing with its figures, and charts that a click unfolds."""

    template: ClassVar[str] = 'card.html'
    title: str
    figures: Mapping[str, object]
    panels: Sequence[Panel]
    charts: Sequence[Chart] = ()
    unfolded: bool = False


@dataclass(frozen=True)
class Gallery:
    """Pictures beside the page: address relative to it → caption."""

    template: ClassVar[str] = 'gallery.html'
    pictures: Mapping[str, str]

    @classmethod
    def linking(cls, pictures: Sequence[Path], folder: Path) -> Gallery:
        """Return the gallery of some files on a page in a folder."""
        places = [Path(os.path.relpath(picture, folder)) for picture in pictures]
        return cls({quote(place.as_posix()): place.stem for place in places})


@dataclass(frozen=True)
class Fold:
    """Parts that a click unfolds."""

    template: ClassVar[str] = 'fold.html'
    title: str
    parts: Sequence[Part]


Part = Note | Grid | Facts | Charts | Bars | Card | Gallery | Fold


@dataclass(frozen=True)
class Figure:
    """A number in large letters, what it is, and what a reader must know of it."""

    value: str
    name: str
    note: str = ''


@dataclass(frozen=True)
class Section:
    """Parts under a heading; one without any is left out."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """A page: warnings and figures first, then its sections."""

    title: str
    lead: str
    warnings: Sequence[str]
    figures: Sequence[Figure]
    sections: Sequence[Section]
