"""
The training loop, from the first step of a run or from its last checkpoint.

A run is a function of its settings, its source and its first weights. Nothing else is carried
from step to step but what the checkpoint holds: the batch and the random state of a step follow
from its number, so that a run that was killed and resumed gives the numbers of one that was not
(on a CPU; on a GPU some of torch's sums depend on the order in which threads finish).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from depth_anything_ros.errors import ConfigError, TrainingError
from depth_anything_ros.evaluation.plots import check_plots
from depth_anything_ros.lab.training.checkpoint import LAST, check_same_run, load_run, save_run
from depth_anything_ros.lab.training.config import FREE_SETTINGS, TrainConfig
from depth_anything_ros.lab.training.data import BatchSource
from depth_anything_ros.lab.training.history import History
from depth_anything_ros.lab.training.loading import load_batches
from depth_anything_ros.lab.training.objective import Objective, make_objective
from depth_anything_ros.lab.training.precision import keep_depthwise_in_float32
from depth_anything_ros.lab.training.processes import DistributedContext, StopRequest
from depth_anything_ros.lab.training.schedule import learning_rate_factor
from depth_anything_ros.lab.training.sources import SharedSource
from depth_anything_ros.lab.training.validation import Validation
from depth_anything_ros.models.estimator import DepthEstimator

CURVE, PLOT = 'loss.csv', 'loss.png'
_PLOT_PERIOD_S = 120.0


class End(str, Enum):
    """Why a run ended."""

    FINISHED = 'finished'
    OUT_OF_TIME = 'out_of_time'
    INTERRUPTED = 'interrupted'


class Watcher(Protocol):
    """Be told how a run goes, in the process that writes its files."""

    def __call__(self, step: int, row: Mapping[str, float] | None) -> None:
        """
        Take note of a finished step.

        :param step: how many steps are done.
        :param row: the row of the loss curve that ended with this step, if one did.
        """


@dataclass(frozen=True)
class TrainResult:
    """
    What a run came to.

    `estimator` has the weights to keep, in evaluation mode; `seconds` is the time of all parts
    of the run, loading not counted; `row` is the last row of the loss curve.
    """

    end: End
    steps: int
    samples: int
    seconds: float
    estimator: DepthEstimator
    row: dict[str, float]


def train(
    config: TrainConfig,
    estimator: DepthEstimator,
    source: BatchSource,
    out: Path,
    *,
    context: DistributedContext,
    stop: StopRequest,
    validation: Validation | None = None,
    data: str = '',
    resume: bool = False,
    watch: Watcher | None = None,
) -> TrainResult:
    """
    Train a network; `out` gets `last.pt`, `loss.csv` and `loss.png`.

    :param config: the settings.
    :param estimator: the network with its first weights, on the CPU; it is changed.
    :param source: gives the batch of every step.
    :param out: folder of the run.
    :param context: which of how many processes this is.
    :param stop: asks for an early end, with a checkpoint.
    :param validation: scores the network from time to time.
    :param data: describes source and first weights; a run is resumed with the same only.
    :param resume: go on from `last.pt` in `out`.
    :param watch: told of every step.
    :raises ConfigError: if `out` holds a run already, or a run is resumed with other settings.
    :raises CheckpointError: if there is no run to resume, or it is damaged.
    :raises TrainingError: if the loss is not finite.
    :raises DatasetError: if the source raises it.
    :raises OutputError: if a file of the run cannot be written.
    :raises WorkerError: if a process that prepares batches ends before its work.
    :raises MissingDependencyError: if the library that draws the loss curve is not installed.
    """
    check_plots()
    run = _Run(config, estimator, context, out, f'{estimator.spec.name}: {data}')
    run.resume() if resume else run.begin()
    own = SharedSource(source, context.rank, context.count)
    stream = load_batches(own, run.step, config.steps, config.workers)
    deadline = time.monotonic() + 60 * config.max_minutes if config.max_minutes else None
    end = End.FINISHED
    with closing(stream):
        for batch in stream:
            samples = len(batch.pixels) * context.count
            run.learn(batch.pixels, batch.depth_m, samples)
            row = run.log(validation)
            if watch is not None and context.first:
                watch(run.step, row)
            if run.step == config.steps:
                break
            asked = _asked_to_end(stop, deadline)
            # Processes that wait for each other every step are slow; they agree at every row.
            agreed = _agreed_end(asked, context) if row or context.count == 1 else None
            if agreed is not None:
                end = agreed
                break
            if run.step % config.checkpoint_every == 0:
                run.save()
    run.save(ended=True)
    return run.result(end)


class _Run:
    """What changes from step to step."""

    def __init__(
        self,
        config: TrainConfig,
        estimator: DepthEstimator,
        context: DistributedContext,
        out: Path,
        data: str,
    ) -> None:
        self.config = config
        self.context = context
        self.out = out
        self.settings = {'data': data, 'processes': context.count} | {
            name: value for name, value in asdict(config).items() if name not in FREE_SETTINGS
        }
        self.estimator = estimator.to(context.device)
        self.estimator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.estimator, config), config.learning_rate, foreach=True
        )
        self.learnt = [
            values for group in self.optimiser.param_groups for values in group['params']
        ]
        self.average = _Average(self.estimator, config.average_decay)
        if config.precision == 'bf16' and context.device.type == 'cpu':
            keep_depthwise_in_float32(self.estimator)
        objective = make_objective(self.estimator, config)
        self.history = History(objective.terms, context.device)
        self.objective = cast(Objective, _shared(objective, context))
        self.step = 0
        self.samples = 0
        self.seconds = 0.0
        self._since = self._plotted = time.monotonic()
        set_training_mode(self.estimator, config)

    def begin(self) -> None:
        """Start a new run in an empty place."""
        if self.context.first and (self.out / LAST).exists():
            raise ConfigError(
                f"'{self.out}' holds a run already; resume it, or choose another folder"
            )
        self.save()
        if self.context.first:
            self.history.write_csv(self.out / CURVE)

    def resume(self) -> None:
        """Go on from the last checkpoint."""
        state = load_run(self.out)
        check_same_run(state['settings'], self.settings)
        self.estimator.load_state_dict(state['estimator'], strict=True)
        self.average.estimator.load_state_dict(state['average'], strict=True)
        self.optimiser.load_state_dict(state['optimiser'])
        self.history.load_state(state['history'])
        self.step, self.samples = state['step'], state['samples']
        self.seconds = state['seconds']
        self._since = time.monotonic()
        if self.context.first:
            self.history.write_csv(self.out / CURVE)

    def save(self, ended: bool = False) -> None:
        """Write a checkpoint, and the plot if the run ends or the last one is old."""
        now = time.monotonic()
        self.seconds += now - self._since
        self._since = now
        if not self.context.first:
            return
        state = {
            'settings': self.settings,
            'estimator': self.estimator.state_dict(),
            'average': self.average.estimator.state_dict(),
            'optimiser': self.optimiser.state_dict(),
            'history': self.history.state(),
            'step': self.step,
            'samples': self.samples,
            'seconds': self.seconds,
        }
        self._check_finite()
        save_run(self.out, state)
        # A plot takes as long as some steps do.
        if self.history.rows and (ended or now - self._plotted > _PLOT_PERIOD_S):
            self.history.write_plot(self.out / PLOT)
            self._plotted = now

    def learn(self, pixels: Tensor, depth_m: Tensor, samples: int) -> None:
        """Take one step."""
        config, device = self.config, self.context.device
        # The random state follows from the step, so that no checkpoint needs to hold it.
        torch.manual_seed(_step_seed(config.seed, self.step, self.context.rank))
        rate = self.learning_rate(self.step)
        for group in self.optimiser.param_groups:
            group['lr'] = rate * group['factor']
        pixels = pixels.to(device, non_blocking=True, memory_format=torch.channels_last)
        terms = self.objective(pixels, depth_m.to(device, non_blocking=True))
        terms[0].backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.learnt, config.clip_norm or torch.inf, foreach=True)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.average.update(self.step)
        self.history.add(norm, terms.detach())
        self.step += 1
        self.samples += samples

    def log(self, validation: Validation | None) -> dict[str, float] | None:
        """Close a row of the loss curve if it is time, and validate if it is time for that."""
        config, last = self.config, self.step == self.config.steps
        every = config.validate_every
        due = bool(every) and (self.step % every == 0 or last)
        if self.step % config.log_every and not due and not last:
            return None
        scores = None
        if due and validation is not None and self.context.first:
            scores = validation(self.average.renewed())
        self._check_finite()
        self.history.share(self.context)
        rate = self.learning_rate(self.step - 1)
        row = self.history.close_row(self.step, self.samples, rate, scores)
        if self.context.first:
            self.history.append_csv(self.out / CURVE)
        return dict(zip(self.history.columns, row, strict=True))

    def learning_rate(self, step: int) -> float:
        """Return the decoder's learning rate in a step."""
        config = self.config
        return config.learning_rate * learning_rate_factor(
            step, config.steps, config.warmup_steps, config.decay_power
        )

    def result(self, end: End) -> TrainResult:
        """Return what the run came to so far."""
        row = self.history.rows[-1] if self.history.rows else []
        named = dict(zip(self.history.columns, row, strict=False))
        kept = self.average.renewed()
        return TrainResult(end, self.step, self.samples, self.seconds, kept, named)

    def _check_finite(self) -> None:
        if not self.history.finite():
            raise TrainingError(
                f'the loss is not finite by step {self.step}; a lower learning rate than '
                f"{self.config.learning_rate:g} may help, '{self.out / LAST}' is from before"
            )


class _Average:
    """
    Keep a running average of weights and batch-norm statistics in a second network.

    The decay grows with the steps up to its value, so that the first weights are soon forgotten.
    """

    def __init__(self, estimator: DepthEstimator, decay: float) -> None:
        self.estimator = copy.deepcopy(estimator).eval().requires_grad_(False)
        self._decay = decay
        frozen = {
            name for name, values in estimator.named_parameters() if not values.requires_grad
        }
        current, kept = estimator.state_dict(), self.estimator.state_dict()
        names = [name for name in current if name not in frozen]
        floats = [name for name in names if current[name].is_floating_point()]
        self._averaged = [(kept[name], current[name]) for name in floats]
        self._copied = [(kept[name], current[name]) for name in names if name not in {*floats}]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        kept, current = zip(*self._averaged, strict=True)
        torch._foreach_lerp_(kept, current, 1.0 - decay)
        for target, values in self._copied:
            target.copy_(values)

    def renewed(self) -> DepthEstimator:
        """Return the second network without what it computed from older weights."""
        # DINOv2 keeps position tables in evaluation mode, and drops them in training mode.
        return self.estimator.train().eval()


def parameter_groups(estimator: DepthEstimator, config: TrainConfig) -> list[dict[str, object]]:
    """
    Return the groups of the optimiser: encoder and decoder, each with and without decay.

    What is frozen gets no gradients, and no group: the first blocks of the encoder asked for, or
    a part whose learning rate is 0. `factor` of a group is its learning rate over that of the
    decoder.
    """
    groups = []
    if config.frozen_blocks:
        for values in estimator.pretrained.first_parameters(config.frozen_blocks):
            values.requires_grad_(False)
    parts = ((estimator.pretrained, config.encoder_lr_factor), (estimator.depth_head, 1.0))
    for part, factor in parts:
        if factor == 0:
            part.requires_grad_(False)
            continue
        for decay, members in _by_decay(part.parameters(), config.weight_decay):
            groups.append({'params': members, 'weight_decay': decay, 'factor': factor})
    return groups


def set_training_mode(estimator: DepthEstimator, config: TrainConfig) -> None:
    """
    Set every module to training, but for what is frozen or keeps its statistics.

    Parameters are frozen before, by :func:`parameter_groups`.
    """
    estimator.train()
    if config.encoder_lr_factor == 0:
        estimator.pretrained.eval()
        return
    for module in estimator.pretrained.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and (
            config.keep_encoder_statistics or not module.weight.requires_grad
        ):
            module.eval()


def _by_decay(
    parameters: Iterable[nn.Parameter], decay: float
) -> list[tuple[float, list[nn.Parameter]]]:
    """Return what is trained: matrices and kernels with the decay, norms and biases with none."""
    listed = [values for values in parameters if values.requires_grad]
    groups = (
        (decay, [values for values in listed if values.ndim > 1]),
        (0.0, [values for values in listed if values.ndim <= 1]),
    )
    return [(value, members) for value, members in groups if members]


def _shared(objective: nn.Module, context: DistributedContext) -> nn.Module:
    """Return the module, with gradients averaged over the processes if there are several."""
    if context.count == 1:
        return objective
    devices = [context.device] if context.device.type == 'cuda' else None
    # A static graph allows for weights that take no part, as DINOv2's mask token.
    return DistributedDataParallel(objective, device_ids=devices, static_graph=True)


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1)[0])


def _asked_to_end(stop: StopRequest, deadline: float | None) -> End | None:
    if stop.received:
        return End.INTERRUPTED
    if deadline is not None and time.monotonic() > deadline:
        return End.OUT_OF_TIME
    return None


def _agreed_end(asked: End | None, context: DistributedContext) -> End | None:
    """Return the end that any process asks for, the same one in all of them."""
    for end in (End.INTERRUPTED, End.OUT_OF_TIME):
        if context.any(asked is end):
            return end
    return None
