"""The evaluation of one run: gather, score, time, report."""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from time import monotonic

from depth_anything_ros.errors import OutputError
from depth_anything_ros.evaluation.config import EvaluatorConfig
from depth_anything_ros.evaluation.environment import environment
from depth_anything_ros.evaluation.frame_scoring import FrameScorer
from depth_anything_ros.evaluation.gathering import (
    TOPIC_KINDS,
    Doubt,
    FrameGatherer,
    GatheredFrame,
)
from depth_anything_ros.evaluation.image_counts import (
    ImageCounts,
    Rejections,
    count_images,
    unscored_reasons,
)
from depth_anything_ros.evaluation.latency import ArrivalRate, percentiles
from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.picture import thin_step
from depth_anything_ros.evaluation.plots import why_no_plots
from depth_anything_ros.evaluation.protocol import AlignmentMode, FrameScore
from depth_anything_ros.evaluation.report import PAGE
from depth_anything_ros.evaluation.run_files import RunFiles
from depth_anything_ros.evaluation.run_scores import RunScores
from depth_anything_ros.evaluation.run_warnings import (
    PLAUSIBLE_MS,
    Stream,
    loss_warnings,
    message_warnings,
    model_warnings,
    score_warnings,
)
from depth_anything_ros.evaluation.scale_track import ScaleTrack
from depth_anything_ros.evaluation.showcase import Showcase
from depth_anything_ros.evaluation.summary import RunSummary
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.page.writer import why_no_page
from depth_anything_ros.types import (
    Camera,
    CameraMounting,
    Float32Array,
    ModelIdentity,
    OutputKind,
    UInt8Array,
)

_LOGGER = logging.getLogger(__name__)

# Frames that may be ready to be scored; beyond, adding scores them itself, so that arrays
# cannot pile up when nobody calls `process` often enough.
_READY = 16


class RunEvaluation:
    """
    Take in images, predictions and truth as they come, score them and write the report.

    `add_…` only stores and pairs, and may be called from any thread; :meth:`process` does the
    scoring and drawing. Call it from a worker, or after every addition where time does not
    matter. A frame's arrays are dropped once the one after it is scored. Where the library that
    draws pictures or the one that writes pages is missing, all else is written, and a warning says
    so.

    :param config: range, alignments, pairing tolerance, pictures and the output folder, which
        is made when the first file is written.
    """

    def __init__(self, config: EvaluatorConfig) -> None:
        self._config = config
        self._modes = [AlignmentMode(name) for name in config.alignments]
        self._lock = threading.RLock()
        self._scoring = threading.Lock()
        tolerance_ns = round(config.pairing_tolerance_s * 1e9)
        self._gatherer = FrameGatherer(tolerance_ns, config.doubts)
        self._rejections = Rejections()
        self._arrivals = {kind: ArrivalRate() for kind in TOPIC_KINDS}
        self._unscored: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._metrics = chosen_metrics(config.metrics)
        self._scorer = FrameScorer(config, self._metrics)
        self._table = FrameTable(self._modes, self._metrics)
        self._files = RunFiles(Path(config.output_dir), self._table)
        self._showcase = Showcase(config, self._scorer, self._files)
        self._finished = False
        self._expected: dict[Stream, str] = {}
        self._notes: list[str] = []
        self._scores = RunScores(self._modes, self._metrics)
        self._model: ModelIdentity | None = None
        self._camera: Camera | None = None
        self._scales = ScaleTrack()
        self._stages_ms: dict[str, dict[str, float | None]] = {}
        for what, reason in (('pictures', why_no_plots()), (PAGE, why_no_page())):
            if reason:
                self.add_warning(f'no {what}: {reason}')
                _LOGGER.warning('no %s: %s', what, reason)

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
        if rgb is not None and self._showcase.wants_images:
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

    def add_doubt(self, stamp_ns: int, kind: Doubt, values: Float32Array) -> None:
        """Take in how far off depth may be, as `Doubt` says, float32 (H, W); kept until scored."""
        with self._lock:
            self._gatherer.add_doubt(stamp_ns, kind, values)

    def expect(self, stream: Stream, warning: str) -> None:
        """Give the warning for where nothing of a stream comes; the last one given counts."""
        with self._lock:
            self._expected[stream] = warning

    def set_model(self, model: ModelIdentity) -> None:
        """Name the network that made the predictions."""
        with self._lock:
            self._model = model

    def set_camera(self, camera: Camera) -> None:
        """Give the camera of the images, for metrics that need one; the last one given counts."""
        self._camera = camera

    def set_mounting(self, mounting: CameraMounting) -> None:
        """Give how the camera hangs above the ground, for obstacles; parameters come first."""
        self._scorer.told = self._config.mounting or mounting

    def add_scale(self, stamp_ns: int, scale: float, shift: float) -> None:
        """Take in what the depth node took depth of that stamp to metres with."""
        with self._lock:
            self._scales.add(stamp_ns, scale, shift)

    def set_stages(self, stages_ms: Mapping[str, Mapping[str, float | None]]) -> None:
        """Give the percentiles of the depth node's stages, as it last reported them."""
        with self._lock:
            self._stages_ms = {name: dict(values) for name, values in stages_ms.items()}

    def set_rejected(self, images: int, received: int = 0) -> None:
        """
        Give what the depth node says of the images since its activation.

        :param images: those it could not use.
        :param received: all; more than were sent in this run tell that it ran before.
        """
        with self._lock:
            self._counts['reports'] += 1
            self._rejections.update(images, received, self._image_counts().sent)

    def add_warning(self, text: str) -> None:
        """Note what a reader of the results must know."""
        with self._lock:
            self._notes.append(text)

    def add_left_out(self, reason: str, messages: int = 1) -> None:
        """Note messages that could not be used, for a warning: the counts are wrong by them."""
        with self._lock:
            self._left_out[reason] += messages

    def process(self, limit_s: float | None = None) -> None:
        """
        Score the frames that are ready, draw their pictures and write their rows.

        :param limit_s: what is not scored after so long is noted without a score; None scores
            all.
        :raises OutputError: if a file cannot be written; the frames are scored all the same.
        """
        end_s = math.inf if limit_s is None else monotonic() + limit_s
        failure: OutputError | None = None
        with self._scoring_alone(limit_s):
            while (frame := self._next()) is not None:
                try:
                    if monotonic() < end_s:
                        self._score(frame)
                    else:
                        self._note(frame, {}, f'not scored within {limit_s:g} s of the end')
                except OutputError as error:
                    failure = error
            if len(self._table):
                self._files.append()
        if failure is not None:
            raise failure

    @contextmanager
    def _scoring_alone(self, limit_s: float | None = None) -> Iterator[None]:
        if not self._scoring.acquire(timeout=-1 if limit_s is None else limit_s):
            raise OutputError(
                f"scoring of a frame hangs, so results in '{self._files.folder}' stay as they "
                'were last written'
            )
        try:
            yield
        finally:
            self._scoring.release()

    def _next(self) -> GatheredFrame | None:
        with self._lock:
            return self._gatherer.take()

    def finish(self, limit_s: float | None = None) -> RunSummary:
        """
        Score the frames that are not complete with what they have.

        :param limit_s: how long that may take; what is not scored then is counted as such.
        :return: the summary.
        :raises OutputError: if a picture cannot be written.
        """
        with self._lock:
            self._gatherer.finish()
            self._finished = True
        self.process(limit_s)
        return self.summary()

    def save(
        self, folder: Path | None = None, *, final: bool = True, limit_s: float | None = None
    ) -> RunSummary:
        """
        Score what is ready and write frames.csv, summary.json and report.html.

        May be called again; what came since is part of the next writing. Pictures and rows of
        frames.csv are written as frames are scored, to the configured output folder.

        :param folder: where to write; None is the configured folder. It is made if missing.
        :param final: score frames with what they have; False leaves those that may still get
            more for later, as in the middle of a run.
        :param limit_s: how long scoring may take.
        :return: the summary.
        :raises OutputError: if a file cannot be written; what was there stays.
        """
        failure: OutputError | None = None
        try:
            if final:
                self.finish(limit_s)
            else:
                self.process(limit_s)
        except OutputError as error:
            failure = error
        # Table and pictures change while scoring only; holding the other lock for the seconds
        # that plots take would delay the arrival times of what comes meanwhile.
        with self._scoring_alone(limit_s):
            summary = self.summary()
            with self._lock:
                scales = deepcopy(self._scales)
            shown = replace(self._showcase.shown(), scales=scales)
            self._files.report(summary, shown, folder or self._files.folder)
        if failure is not None:
            raise failure
        return summary

    def save_summary(self) -> None:
        """
        Write summary.json and the rows of frames.csv as they are now.

        :raises OutputError: if a file cannot be written; what was there stays.
        """
        with self._scoring_alone():
            self._files.save(self.summary())

    def summary(self) -> RunSummary:
        """Return what has been scored so far."""
        with self._lock:
            counts = self._image_counts()
            unscored = unscored_reasons(self._gatherer, self._unscored, counts)
            return RunSummary(
                finished=self._finished,
                frames=counts,
                unscored=unscored,
                latency_ms=percentiles(self._table.values('latency_ms')),
                rate_hz=max(self._arrivals.values(), key=len).hz(),
                stages_ms=self._stages_ms,
                metrics=self._scores.tables(),
                stability=self._scores.stability(),
                model=self._model,
                environment=environment(),
                protocol=self._scorer.protocol(),
                warnings=self._warnings(counts, unscored),
            )

    def _score(self, frame: GatheredFrame) -> None:
        """Score one frame, note it, and show it if it is its turn."""
        kind = self._model.relative_kind if self._model else OutputKind.RELATIVE_INVERSE_DEPTH
        self._counts['before_model'] += self._model is None and frame.relative is not None
        try:
            scored = self._scorer.score(frame, self._gatherer.relative_seen, self._camera, kind)
        except Exception as error:  # noqa: BLE001 - noted as the frame's; the next is scored
            self._note(frame, {}, f'{type(error).__name__}: {error}')
            return
        self._scores.add_depth(frame.stamp_ns, scored.pairs())
        with self._lock:
            self._note(frame, scored.scores, scored.problem)
        self._showcase.add(frame, scored, len(self._table) - 1, self._model)

    def _note(
        self, frame: GatheredFrame, scores: Mapping[AlignmentMode, FrameScore], problem: str
    ) -> None:
        start_ns = frame.stamp_ns if self._config.latency_from == 'stamp' else frame.sent_ns
        self._counts['unknown_start'] += start_ns is None
        latency_ms = None if start_ns is None else (frame.arrival_ns - start_ns) * 1e-6
        if latency_ms is not None and not 0.0 <= latency_ms <= PLAUSIBLE_MS:
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
        self._scores.add(scores)
        self._counts['scored'] += bool(scores)
        self._unscored.update([] if scores else [problem])
        scale_shift = scores.get(AlignmentMode.SCALE_SHIFT)
        self._counts['inverted'] += scale_shift is not None and scale_shift.scale < 0

    def _image_counts(self) -> ImageCounts:
        return count_images(self._gatherer, self._counts['scored'], self._rejections.images)

    def _warnings(self, counts: ImageCounts, unscored: dict[str, int]) -> list[str]:
        modes = self._modes if self._gatherer.relative_seen else ()
        warnings = model_warnings(self._model, modes, self._counts['before_model'])
        came = {
            Stream.IMAGE: self._gatherer.counts['sent'],
            Stream.PREDICTION: sum(map(len, self._arrivals.values())),
            Stream.TRUTH: self._gatherer.counts['truth'],
            Stream.DIAGNOSTICS: self._counts['reports'],
            **{Stream(kind.value): self._gatherer.counts[kind.value] for kind in Doubt},
        }
        warnings += [text for stream, text in self._expected.items() if not came[stream]]
        warnings += self._notes
        warnings += score_warnings(self._counts, self._scores.frames(AlignmentMode.SCALE_SHIFT))
        warnings += self._scores.warnings(self._scorer.told_by)
        warnings += message_warnings(self._gatherer, counts, unscored, self._rejections.images)
        return warnings + loss_warnings(self._left_out, self._table.problems())
