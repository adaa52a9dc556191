"""Folders that runs of `evaluate` and of the evaluator node leave, with the scores told."""

import json

from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.protocol import AlignmentMode, FrameScore
from depth_anything_ros.evaluation.report import write_frames_csv
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.lab.datasets.comparison_report import write_images_csv
from depth_anything_ros.lab.datasets.offline import ImageScores

PROTOCOL = {'name': 'robot', 'alignment': 'scale_shift', 'bootstrap': {'draws': 2000}}
MODE = AlignmentMode.SCALE_SHIFT


def score(abs_rel, truth_m=1.0):
    values = {**dict.fromkeys(METRICS, 0.5), 'abs_rel': abs_rel}
    return FrameScore(values, 100, 0.75, 2.0, -1.0, truth_m)


def evaluated(folder, errors, models=('tiny',), word='made', truth_m=None, **protocol):
    """
    Write what `evaluate` leaves: the AbsRel of images by source/name, None for a failed one.

    :param truth_m: the mean truth of images by source/name; None is 1 m for all.
    """
    images = []
    for name, error in errors.items():
        image = ImageScores(name.partition('/')[0], name)
        for model in models:
            if error is None:
                image.problems[model] = 'the prediction is constant'
            else:
                image.scores[model] = score(error, (truth_m or {}).get(name, 1.0))
        image.scores['mean'] = score(9)
        images.append(image)
    folder.mkdir(parents=True)
    write_images_csv(folder / 'images.csv', {word: images})
    summary = {'models': dict.fromkeys(models), 'protocol': {**PROTOCOL, **protocol}}
    (folder / 'summary.json').write_text(json.dumps(summary))
    return folder


def played(folder, errors, dropped=0, modes=(MODE,)):
    """Write what the evaluator node leaves: the AbsRel of frames by their stamp."""
    table = FrameTable(list(modes))
    for stamp_ns, error in errors.items():
        scores = {} if error is None else dict.fromkeys(modes, score(error))
        table.add(stamp_ns, 5.0, 0.0, scores, '')
    folder.mkdir()
    write_frames_csv(folder / 'frames.csv', table)
    frames = {'sent': len(errors) + dropped, 'scored': len(errors), 'unscored': 0}
    summary = {'finished': True, 'frames': frames, 'protocol': {'min_depth_m': 0.2}}
    (folder / 'summary.json').write_text(json.dumps(summary))
    return folder
