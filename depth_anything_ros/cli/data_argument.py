"""
The words with which a user names data: `rgbd_folder:PATH`, `simulator:SEED:COUNT`.

`NAME:PATH` opens an entry of DATASETS; `NAME/SPLIT:PATH` asks for a split other than the verb's
own. Behind the path may stand what the data set's opener takes as keywords:
`bag:PATH,image=/cam/color,depth=/cam/depth`. `simulator:SEED:COUNT` renders the first COUNT views
of the world with that seed, and `simulator:SEED:COUNT:WIDTHxHEIGHT` at a size of its own;
`simulator/2:…` is world 2, where floors and ceilings always have their own coats.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import write_warning
from depth_anything_ros.errors import ConfigError, UnknownNameError
from depth_anything_ros.home import expand_user

if TYPE_CHECKING:
    from depth_anything_ros.lab.datasets import Dataset, Truth

_SIMULATOR = 'simulator'
_SIMULATOR_FORM = 'simulator:SEED:COUNT or simulator:SEED:COUNT:WIDTHxHEIGHT'
_FORM = f'NAME:PATH, NAME/SPLIT:PATH, either with ,OPTION=VALUE behind it, {_SIMULATOR_FORM}'
_OPTION = re.compile(r',([a-z_]+)=')


def add_data_argument(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Add `--data WORD`, which may be given more than once; `args.data` lists the words."""
    parser.add_argument(
        '--data',
        action='append',
        required=required,
        default=None if required else [],
        metavar='WORD',
        help=f'data set as {_FORM}; may be given more than once',
    )


def depth_range(text: str) -> tuple[float, float]:
    """
    Return the range of metres that an option MIN:MAX names.

    :raises argparse.ArgumentTypeError: if it names none.
    """
    low, _, high = text.partition(':')
    try:
        bounds = float(low), float(high)
    except ValueError:
        bounds = 0.0, 0.0
    if not 0 < bounds[0] < bounds[1] < float('inf'):
        raise argparse.ArgumentTypeError(f"'{text}' is not a range of metres; write it as 0.2:8")
    return bounds


def parse_data(
    word: str,
    split: str = 'train',
    simulated_size: tuple[int, int] = (480, 640),
    kept: Path | None = None,
    announce: Callable[[str], None] | None = None,
    truths: Collection[Truth] | None = None,
) -> Dataset:
    """
    Open the data set that a word names.

    :param word: see the top of this module.
    :param split: the part of a published data set that is meant where the word names none.
    :param simulated_size: (height, width) in pixels of rendered views where the word names none.
    :param kept: the `kept.txt` of the verb `score`; only its samples of this word are shown.
    :param announce: told what is odd about the depth, if anything; None warns on the terminal,
        once and not from each worker process.
    :param truths: what the data may know of its images; None is depth.
    :raises ConfigError: if the word has another form, names an option that the data set does not
        have, or a number in it is out of range.
    :raises UnknownNameError: if no data set has that name; the message lists the known ones.
    :raises DatasetError: if the data set cannot be read, as its opener tells, knows too little,
        or `kept` lists none of its samples or others than it has.
    """
    from depth_anything_ros.lab.datasets import Truth, require_truth, warning_of

    dataset = _open(word, split, simulated_size)
    require_truth(dataset, truths or (Truth.DEPTH,))
    warning = warning_of(dataset)
    if warning and announce is not None:
        announce(warning)
    elif warning and parent_process() is None:
        write_warning(warning)
    if kept is None:
        return dataset
    from depth_anything_ros.lab.quality.kept import KeptDataset, read_kept

    return KeptDataset(dataset, read_kept(kept, word))


@dataclass(frozen=True)
class JudgedSplit:
    """Open data sets to be judged; what is odd about their depth is told by `warning_of`."""

    split: str

    def __call__(self, word: str) -> Dataset:
        """
        Open the data set that a word names, as :func:`parse_data`.

        :raises DepthAnythingError: if it cannot be opened.
        """
        from depth_anything_ros.lab.datasets import Truth

        truths = Truth.DEPTH, Truth.ORDER
        return parse_data(word, self.split, announce=_keep_quiet, truths=truths)


def _keep_quiet(_: str) -> None:
    """Tell nobody."""


def _open(word: str, split: str, simulated_size: tuple[int, int]) -> Dataset:
    name, colon, place = word.partition(':')
    if not (name and colon and place):
        raise ConfigError(f"'{word}' names no data; write it as {_FORM}")
    if name.partition('/')[0] == _SIMULATOR:
        return _open_simulator(word, simulated_size)
    from depth_anything_ros.lab.datasets import DATASETS, options_of

    name, slash, own_split = name.partition('/')
    if slash and not own_split:
        raise ConfigError(f"'{word}' names no split after '/'; write it as NAME/SPLIT:PATH")
    if name not in DATASETS:
        known = ', '.join((*DATASETS, _SIMULATOR))
        raise UnknownNameError(f"unknown data set '{name}'; known: {known}")
    place, options = split_options(place, options_of(name), f"data set '{name}'")
    # Sources are named by folders, and '.' is no name.
    return DATASETS[name](expand_user(place).absolute(), own_split or split, **options)


def split_options(place: str, known: Sequence[str], owner: str) -> tuple[str, dict[str, str]]:
    """
    Return the path and the options of `PATH,OPTION=VALUE,…`.

    A path that is there is a path, whatever commas it has.

    :param known: names of options.
    :param owner: whose options these are, for messages.
    :raises ConfigError: if an option is unknown, empty or given twice.
    """
    if expand_user(place).exists():
        return place, {}
    path, *words = _OPTION.split(place)
    options: dict[str, str] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name not in known:
            allowed = ', '.join(known) or 'none'
            raise ConfigError(f"{owner} has no option '{name}'; known: {allowed}")
        if not value or name in options:
            raise ConfigError(f"option '{name}' of {owner} needs one value, as in ',{name}=VALUE'")
        options[name] = value
    return path, options


def _open_simulator(word: str, size: tuple[int, int]) -> Dataset:
    match = re.fullmatch(r'simulator(?:/([12]))?:(\d+):(\d+)(?::(\d+)x(\d+))?', word)
    if match is None:
        raise ConfigError(f"'{word}' names no simulated data; write it as {_SIMULATOR_FORM}")
    from depth_anything_ros.lab.simulation.dataset import SimulatedDataset

    version, seed, count, width, height = match.groups()
    if width is not None:
        size = int(height), int(width)
    return SimulatedDataset(int(seed), int(count), *size, int(version or 1))
