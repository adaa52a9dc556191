"""The evaluation of one run: gather, score, time, report."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.evaluation.environment import environment
from depth_anything_ros.evaluation.gathering import FrameGatherer, GatheredFrame
from depth_anything_ros.evaluation.image_counts import (
    NO_TRUTH,
    ImageCounts,
    Rejections,
    count_images,
    unscored_reasons,
)
from depth_anything_ros.evaluation.latency import ArrivalRate, percentiles
from depth_anything_ros.evaluation.picture import Picture, thin_step, write_picture
from depth_anything_ros.evaluation.protocol import (
    AlignedPrediction,
    AlignmentMode,
    FrameScore,
    MeanScore,
    align_prediction,
    score_aligned,
)
from depth_anything_ros.evaluation.report import write_frames_csv, write_report, write_summary
from depth_anything_ros.evaluation.run_warnings import message_warnings
from depth_anything_ros.evaluation.stability import DepthPair, StabilityMean
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.types import Float32Array, ModelIdentity, OutputKind, UInt8Array

# Frames that may be ready to be scored; beyond, adding scores them itself, so that arrays
# cannot pile up when nobody calls `process` often enough.
_READY = 16
_REASONS = 5
# Beyond this, or below zero, stamp and arrival are of different clocks.
_PLAUSIBLE_MS = 60_000.0

# What a picture shows, most telling first, and how it is named there.
_PREDICTION_NAMES = {
    AlignmentMode.ONLINE: 'prediction as published',
    AlignmentMode.SCALE_SHIFT: 'prediction, scale and shift fitted to the truth',
    AlignmentMode.SCALE: 'prediction, scale fitted to the truth',
    AlignmentMode.NONE: 'prediction, numbers taken as metres',
}


class RunEvaluation:
    """
    Take in images, predictions and truth as they come, score them and write the report.

    `add_…` only stores and pairs, and may be called from any thread; :meth:`process` does the
    scoring and drawing. Call it from a worker, or after every addition where time does not
    matter. A frame's arrays are dropped once the one after it is scored.

    :param config: range, alignments, pairing tolerance, pictures and the output folder, which
        is made when the first file is written.
    """

    def __init__(self, config: EvaluatorConfig) -> None:
        self._config = config
        self._folder = Path(config.output_dir)
        self._modes = [AlignmentMode(name) for name in config.alignments]
        self._lock = threading.RLock()
        self._scoring = threading.Lock()
        self._gatherer = FrameGatherer(round(config.pairing_tolerance_s * 1e9))
        self._rejections = Rejections()
        self._arrivals = {kind: ArrivalRate() for kind in OutputKind}
        self._unscored: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._table = FrameTable(self._modes)
        self._means = {mode: MeanScore() for mode in self._modes}
        self._stability = {mode: StabilityMean() for mode in self._modes}
        self._pictures: list[Path] = []
        self._model: ModelIdentity | None = None
        self._stages_ms: dict[str, dict[str, float | None]] = {}

    def add_sent(
        self,
        stamp_ns: int,
        arrival_ns: int,
        rgb: UInt8Array | None = None,
        content: int = 0,
    ) -> None:
        """
        Take in an image that was sent to the depth node.

        :param stamp_ns: acquisition time; 0 is none.
        :param arrival_ns: when it came here, by the clock of the predictions' arrival.
        :param rgb: uint8 (H, W, 3) for the pictures; a small copy is kept for a while.
        :param content: equal for images of equal content, so that one that is sent twice is not
            taken for two that share a stamp.
        """
        thumbnail = None
        if rgb is not None and self._config.picture_every:
            step = thin_step(rgb.shape[1])
            thumbnail = rgb[::step, ::step].copy()
        with self._lock:
            self._gatherer.add_sent(stamp_ns, arrival_ns, thumbnail, content)

    def add_prediction(
        self,
        stamp_ns: int,
        arrival_ns: int,
        kind: OutputKind,
        values: Float32Array | None,
        problem: str = '',
    ) -> None:
        """
        Take in what the depth node published for the image of that stamp.

        :param arrival_ns: when it came, for the latency; the first prediction of a stamp counts.
        :param kind: relative inverse depth and metric depth of one stamp belong together.
        :param values: float32 (H, W); NaN where unknown. Kept, not copied, until scored. None
            where the prediction came but cannot be used, for the reason given as `problem`.
        """
        with self._lock:
            self._arrivals[kind].add(arrival_ns)
            self._gatherer.add_prediction(stamp_ns, arrival_ns, kind, values, problem)
            crowded = self._gatherer.ready() > _READY
        if crowded:
            self.process()

    def add_truth(
        self, stamp_ns: int, depth_m: Float32Array | None, content: int = 0, problem: str = ''
    ) -> None:
        """
        Take in measured depth.

        :param depth_m: float32 (H, W) in metres; kept, not copied, until scored. None where it
            came but cannot be used, for the reason given as `problem`.
        :param content: equal for messages of equal content.
        """
        with self._lock:
            self._gatherer.add_truth(stamp_ns, depth_m, content, problem)

    def set_model(self, model: ModelIdentity) -> None:
        """Name the network that made the predictions."""
        with self._lock:
            self._model = model

    def set_stages(self, stages_ms: Mapping[str, Mapping[str, float | None]]) -> None:
        """Give the percentiles of the depth node's stages, as it last reported them."""
        with self._lock:
            self._stages_ms = {name: dict(values) for name, values in stages_ms.items()}

    def set_rejected(self, images: int) -> None:
        """Give the number of images that the depth node says it could not use so far."""
        with self._lock:
            counts = self._image_counts()
            self._rejections.update(images, counts.sent - counts.received)

    def add_left_out(self, reason: str, messages: int = 1) -> None:
        """Note messages that could not be used, for a warning: the counts are wrong by them."""
        with self._lock:
            self._left_out[reason] += messages

    def process(self) -> int:
        """
        Score the frames that are ready and draw their pictures.

        :return: how many frames were scored.
        :raises OutputError: if a picture cannot be written.
        """
        scored = 0
        with self._scoring:
            while True:
                with self._lock:
                    frame = self._gatherer.take()
                if frame is None:
                    return scored
                scored += self._score(frame)

    def finish(self) -> dict[str, Any]:
        """
        Score the frames that are not complete with what they have.

        :return: the summary.
        :raises OutputError: if a picture cannot be written.
        """
        with self._lock:
            self._gatherer.finish()
        self.process()
        return self.summary()

    def save(self, folder: Path | None = None, *, final: bool = True) -> dict[str, Any]:
        """
        Score what is ready and write frames.csv, summary.json and report.html.

        May be called again; what came since is part of the next writing. Pictures are written
        as frames are scored, to `pictures` in the configured output folder.

        :param folder: where to write; None is the configured folder. It is made if missing.
        :param final: score frames with what they have; False leaves those that may still get
            more for later, as in the middle of a run.
        :return: the summary.
        :raises OutputError: if a file cannot be written.
        """
        folder = self._folder if folder is None else folder
        if final:
            self.finish()
        else:
            self.process()
        # Table and pictures change while scoring only; holding the other lock for the seconds
        # that plots take would delay the arrival times of what comes meanwhile.
        with self._scoring:
            summary = self.summary()
            write_frames_csv(folder / 'frames.csv', self._table)
            write_summary(folder / 'summary.json', summary)
            write_report(folder / 'report.html', summary, self._table, self._pictures)
        return summary

    def summary(self) -> dict[str, Any]:
        """Return what has been scored so far in the layout of summary.json."""
        with self._lock:
            counts = self._image_counts()
            unscored = unscored_reasons(self._gatherer, self._unscored, counts)
            return {
                'frames': asdict(counts),
                'unscored': unscored,
                'latency_ms': percentiles(self._table.values('latency_ms')),
                'rate_hz': max(self._arrivals.values(), key=len).hz(),
                'stages_ms': self._stages_ms,
                'metrics': {
                    mode.value: {**mean.result(), 'frames': mean.frames}
                    for mode, mean in self._means.items()
                },
                'stability': {mode.value: mean.result() for mode, mean in self._stability.items()},
                'model': _model_section(self._model),
                'environment': environment(),
                'protocol': {
                    'min_depth_m': self._config.min_depth_m,
                    'max_depth_m': self._config.max_depth_m,
                    'pairing_tolerance_s': self._config.pairing_tolerance_s,
                    'latency_from': self._config.latency_from,
                },
                'warnings': self._warnings(counts, unscored),
            }

    def _score(self, frame: GatheredFrame) -> bool:
        """Score one frame with every alignment, note it, and draw it if it is its turn."""
        aligned: dict[AlignmentMode, AlignedPrediction] = {}
        problems: list[str] = []
        truth_m = frame.truth_m
        if frame.truth is None or truth_m is None:
            problems.append(frame.truth.problem if frame.truth else NO_TRUTH)
        else:
            for mode in self._modes:
                try:
                    aligned[mode] = self._align(frame, truth_m, mode)
                except AlignmentError as error:
                    problems.append(f'{mode.value}: {error}')
        scores = {}
        for mode, found in aligned.items():
            if truth_m is not None:
                scores[mode] = score_aligned(found, truth_m)
                shown_m = np.where(found.scored, found.depth_m, np.float32(np.nan))
                self._stability[mode].add(frame.stamp_ns, DepthPair(shown_m, truth_m))
        every = self._config.picture_every
        with self._lock:
            drawn = every and scores and self._counts['scored'] % every == 0
            self._note(frame, scores, '; '.join(problems))
        if drawn and truth_m is not None:
            self._draw(frame, aligned, scores, truth_m)
        return bool(scores)

    def _align(
        self, frame: GatheredFrame, truth_m: Float32Array, mode: AlignmentMode
    ) -> AlignedPrediction:
        # A lost relative prediction must not be replaced by the metric one of the same frame.
        metric = mode is AlignmentMode.ONLINE or not self._gatherer.relative_seen
        kind = OutputKind.METRIC_DEPTH if metric else OutputKind.RELATIVE_INVERSE_DEPTH
        prediction = frame.metric if metric else frame.relative
        if prediction is None:
            raise AlignmentError(frame.lost.get(kind, f'no {kind.value} received'))
        config = self._config
        return align_prediction(
            prediction, kind, truth_m, mode, config.min_depth_m, config.max_depth_m
        )

    def _note(
        self, frame: GatheredFrame, scores: Mapping[AlignmentMode, FrameScore], problem: str
    ) -> None:
        start_ns = frame.stamp_ns if self._config.latency_from == 'stamp' else frame.sent_ns
        self._counts['unknown_start'] += start_ns is None
        latency_ms = None if start_ns is None else (frame.arrival_ns - start_ns) * 1e-6
        if latency_ms is not None and not 0.0 <= latency_ms <= _PLAUSIBLE_MS:
            self._counts['implausible'] += 1
            latency_ms = None
        offset_ns = frame.truth_offset_ns
        self._table.add(
            frame.stamp_ns,
            latency_ms,
            None if offset_ns is None else offset_ns * 1e-6,
            scores,
            problem,
        )
        for mode, score in scores.items():
            self._means[mode].add(score)
        self._counts['scored'] += bool(scores)
        self._unscored.update([] if scores else [problem])
        scale_shift = scores.get(AlignmentMode.SCALE_SHIFT)
        self._counts['inverted'] += scale_shift is not None and scale_shift.scale < 0

    def _draw(
        self,
        frame: GatheredFrame,
        aligned: Mapping[AlignmentMode, AlignedPrediction],
        scores: Mapping[AlignmentMode, FrameScore],
        truth_m: Float32Array,
    ) -> None:
        """Draw the frame as published where it was, else as fitted to the truth."""
        mode = next(mode for mode in _PREDICTION_NAMES if mode in scores)
        values = scores[mode].values
        index = len(self._table) - 1
        random = self._model is not None and self._model.weights == 'random'
        in_range = (truth_m >= self._config.min_depth_m) & (truth_m <= self._config.max_depth_m)
        picture = Picture(
            rgb=frame.thumbnail,
            prediction_m=aligned[mode].depth_m,
            truth_m=np.where(in_range, truth_m, np.float32(np.nan)),
            title=(
                f'{self._model.name + " · " if self._model else ""}frame {index} · '
                f'stamp {frame.stamp_ns * 1e-9:.3f} s · {mode.value}: '
                f'abs_rel {values["abs_rel"]:.3f}, RMSE {values["rmse"]:.3f} m, '
                f'δ1 {values["delta1"]:.3f}'
            ),
            prediction_name=_PREDICTION_NAMES[mode],
            warning='random weights: the prediction\nmeans nothing' if random else '',
        )
        path = self._folder / 'pictures' / f'{index:04d}.png'
        write_picture(path, picture)
        with self._lock:
            self._pictures.append(path)

    def _image_counts(self) -> ImageCounts:
        return count_images(self._gatherer, self._counts['scored'], self._rejections.images)

    def _warnings(self, counts: ImageCounts, unscored: dict[str, int]) -> list[str]:
        warnings = []
        if self._model is not None and self._model.weights == 'random':
            warnings.append('random weights: the depth means nothing, only the timing does')
        if self._counts['inverted']:
            warnings.append(
                f'scale_shift has a negative scale in {self._counts["inverted"]} of '
                f'{self._means[AlignmentMode.SCALE_SHIFT].frames} frames: there the prediction '
                'contradicts "larger is nearer"'
            )
        if self._counts['implausible']:
            warnings.append(
                f'latency is negative or above {_PLAUSIBLE_MS / 1000:g} s in '
                f'{self._counts["implausible"]} frames and left out: stamps and arrival are of '
                'different clocks; set latency_from to image'
            )
        if self._counts['unknown_start']:
            warnings.append(
                f'latency is not known in {self._counts["unknown_start"]} frames: their image '
                'came more than once, or not at all'
            )
        warnings += message_warnings(self._gatherer, counts, unscored, self._rejections.images)
        for reason, messages in self._left_out.most_common(_REASONS):
            warnings.append(f'{messages} messages left out: {reason}')
        for problem, frames in self._table.problems().most_common(_REASONS):
            warnings.append(f'{frames} frames: {problem}')
        return warnings


def _model_section(model: ModelIdentity | None) -> dict[str, Any]:
    if model is None:
        return dict.fromkeys(field.name for field in fields(ModelIdentity))
    return {**asdict(model), 'input_size': list(model.input_size)}
