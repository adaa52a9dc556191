"""
The verb `complete`: measure how well fused depth fills the holes of a sensor.

Measured pixels are hidden, in blobs, at the borders of the image, the farther half, and 80 % of
the blocks of 24 pixels, and what fills them is scored on them: fused depth, the network by one
scale and shift (global), the nearest measured pixel and cv2.inpaint. Figures are means over
images; `/global` is the AbsRel of fused depth over that of global, with its 95 % bootstrap
interval by sources, `/best` over the least of the other methods, `step` the mean step of depth
over the rims of holes over the true one, `ms` the time of one core. Then gross errors are planted
in blobs, 5 % of the pixels: `caught` of them are refused, and `false` of the others; `clean` of
the pixels are refused without any.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    picture_argument,
    progress,
    write_json,
    write_line,
    write_table,
)
from depth_anything_ros.cli.data_argument import add_data_argument, parse_data
from depth_anything_ros.cli.drive_options import add_drive_arguments, drive_seeds
from depth_anything_ros.cli.predictor_options import (
    add_predictor_arguments,
    count_from_one,
    open_relative_predictor,
)
from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.table import Table, number
from depth_anything_ros.types import RelativeInverseDepth

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor
    from depth_anything_ros.lab.trials.results import CompletionResult, OutlierResult
    from depth_anything_ros.types import DepthSample

_SPLIT = 'test'
_RATE_HZ = 1.0
_DRAWN_IMAGES = 4
_NOTHING_TO_HIDE = 'no image has enough depth from 0.2 to 8 m to hide some of it'


class _Image(NamedTuple):
    source: str
    sample: DepthSample


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_predictor_arguments(parser, model='tiny')
    add_data_argument(parser, required=False)
    add_drive_arguments(parser, 12, 4, 'a second apart')
    parser.add_argument(
        '--seeds', type=count_from_one, default=3, metavar='N',
        help='how many times each image is hidden in each way (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--picture', type=picture_argument, metavar='FILE',
        help='draw the first images of the first data or drive: the image, what was left, fused '
        'depth, its source and the truth',
    )  # fmt: skip
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Hide, fill and score pixels of all images, show tables and write the answer.

    :raises ConfigError: if there is neither data nor a drive, or the model gives metres.
    :raises DatasetError: if data cannot be opened or read, or no image has depth to hide.
    :raises CheckpointError: if the weights cannot be had.
    :raises OutputError: if the picture cannot be written.
    """
    if not args.drives and not args.data:
        raise ConfigError('nothing to try: --drives 0 and no --data')
    check_outputs(args.picture)
    from depth_anything_ros.evaluation.environment import environment

    predictor = open_relative_predictor(args)
    answers: list[dict[str, object]] = []
    for title, count, images in _sources(args):
        # Of the first data, or the first drives.
        picture = None if answers else args.picture
        shown = progress(images, count, title)
        answers.append(_try(title, shown, predictor, args.seeds, picture))
    write_json(
        args.json,
        {
            'model': predictor.identity,
            'seeds': args.seeds,
            'data': answers,
            'environment': environment(),
        },
    )
    if not any(answer['results'] for answer in answers):
        raise DatasetError(f'{_NOTHING_TO_HIDE}, so that nothing was tried')
    return 0


def _sources(args: argparse.Namespace) -> Iterator[tuple[str, int, Iterable[_Image]]]:
    """Yield title, count and images of each data set, and of the drives."""
    for word in args.data:
        dataset = parse_data(word, _SPLIT)
        images = (_Image(dataset.source(at), dataset[at]) for at in range(len(dataset)))
        yield word, len(dataset), images
    if args.drives:
        title = f'{args.drives} drives of {args.frames} frames'
        yield title, args.drives * args.frames, _drives(args)


def _drives(args: argparse.Namespace) -> Iterator[_Image]:
    from depth_anything_ros.lab.simulation.journey import journey
    from depth_anything_ros.lab.trials.scale_trial import true_depth
    from depth_anything_ros.types import DepthSample

    for seed in drive_seeds(args):
        for frame in journey(seed, args.frames, _RATE_HZ):
            sample = DepthSample(frame.rgbd.frame.rgb, true_depth(frame), f'drive {seed}')
            yield _Image(sample.name, sample)


def _try(
    title: str,
    images: Iterable[_Image],
    predictor: Predictor,
    seeds: int,
    picture: Path | None,
) -> dict[str, object]:
    from depth_anything_ros.lab.trials.completion_picture import write_picture
    from depth_anything_ros.lab.trials.completion_trial import (
        Hidden,
        Spoilt,
        try_hidden,
        try_outliers,
    )
    from depth_anything_ros.lab.trials.hiding import HIDINGS
    from depth_anything_ros.lab.trials.results import CompletionResult, OutlierResult

    hidden: dict[str, list[Hidden]] = {}
    spoilt: list[Spoilt] = []
    drawn: list[tuple[DepthSample, RelativeInverseDepth]] = []
    for place, (source, sample) in enumerate(images):
        relative = predictor.predict(sample.rgb)
        assert isinstance(relative, RelativeInverseDepth), 'the model was checked'
        known = False
        for seed in range(seeds):
            for record in try_hidden(source, relative, sample.depth_m, (seed, place)):
                hidden.setdefault(record.hiding, []).append(record)
                known = True
            found = try_outliers(source, relative, sample.depth_m, (seed, place))
            spoilt += [found] if found else []
        if known and picture and len(drawn) < _DRAWN_IMAGES:
            drawn.append((sample, relative))
    results = [CompletionResult.of(hidden[name]) for name in HIDINGS if name in hidden]
    outliers = OutlierResult.of(spoilt) if spoilt else None
    _show(title, results, outliers)
    if picture and drawn:
        write_picture(picture, drawn)
    return {'title': title, 'results': results, 'outliers': outliers}


def _show(title: str, results: list[CompletionResult], outliers: OutlierResult | None) -> None:
    write_line(title)
    if not results:
        write_line(_NOTHING_TO_HIDE)
        return
    methods = list(results[0].abs_rel)
    rows = []
    for result in results:
        low, high = result.interval or (None, None)
        rows.append(
            [
                result.hiding,
                str(result.images),
                *(number(value, '.4f', '') for value in result.abs_rel.values()),
                number(result.to_global, '.3f', ''),
                '' if low is None else f'{low:.3f} … {high:.3f}',
                number(result.to_best, '.3f', ''),
                number(result.step, '.2f', ''),
                str(result.changed),
                number(result.p50_ms, '.1f', ''),
            ]
        )
    headings = ['hidden', 'images', *methods, '/global', '95% interval', '/best', 'step']
    write_table(Table([*headings, 'changed', 'ms'], rows))
    if outliers is not None:
        values = (outliers.caught, outliers.false, outliers.clean)
        row = [str(outliers.images), *(number(value, '.2%', '') for value in values)]
        write_table(Table(['outliers in images', 'caught', 'false', 'clean'], [row]))
