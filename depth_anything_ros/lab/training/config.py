"""The settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.parameters import check_order, parameter

METRIC_LOSSES = ('silog', 'l1')


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run that its loss curve depends on, but for the last three."""

    seed: int = parameter(
        0, 'Seed of the weights that are not loaded and of random layers.', minimum=0
    )
    steps: int = parameter(10000, 'Steps of the whole run; they fix the schedule.', minimum=1)
    learning_rate: float = parameter(
        1e-3, 'Peak learning rate of the decoder.', minimum=0.0, maximum=1.0
    )
    encoder_lr_factor: float = parameter(
        1.0,
        'Learning rate of the encoder over that of the decoder; 0 freezes the encoder.',
        minimum=0.0,
        maximum=100.0,
    )
    frozen_blocks: int = parameter(
        0,
        'First blocks of the encoder that are not trained, and what comes before them; 0 trains '
        'all.',
        minimum=0,
        maximum=1000,
    )
    keep_encoder_statistics: bool = parameter(
        False, 'Keep the mean and variance of batch norms in the encoder as they were loaded.'
    )
    warmup_share: float = parameter(
        0.05, 'Share of the steps in which the learning rate rises.', minimum=0.0, maximum=0.9
    )
    decay_power: float = parameter(
        0.9, 'Power of the polynomial decay.', minimum=0.0, maximum=10.0
    )
    weight_decay: float = parameter(
        0.01, 'Of AdamW; norms and biases have none.', minimum=0.0, maximum=1.0
    )
    clip_norm: float = parameter(
        1.0, 'Largest norm of the gradient; 0 does not clip.', minimum=0.0, maximum=1e6
    )
    gradient_weight: float = parameter(
        2.0,
        'Weight of gradient matching beside 1 for the scale- and shift-invariant loss.',
        minimum=0.0,
        maximum=100.0,
    )
    metric_loss: str = parameter(
        'silog', 'Loss of a model that gives metres.', choices=METRIC_LOSSES
    )
    far_m: float = parameter(
        100.0, 'Depth beyond this is not learnt.', unit='m', minimum=0.1, maximum=1e4
    )
    average_decay: float = parameter(
        0.999,
        'Decay a step of the running average of the weights, which is what is kept; 0 keeps the '
        'last weights themselves.',
        minimum=0.0,
        maximum=0.999999,
    )
    precision: str = parameter(
        'fp32', 'Numbers to compute in; weights stay fp32.', choices=('fp32', 'bf16')
    )
    log_every: int = parameter(10, 'Steps averaged into one row of loss.csv.', minimum=1)
    validate_every: int = parameter(
        1000, 'Steps between validations; the last step has one too. 0: none.', minimum=0
    )
    validation_samples: int = parameter(
        64, 'Samples of a validation, spread evenly over the data.', minimum=1
    )
    min_depth_m: float = parameter(
        0.2, 'Truth below this is not scored.', unit='m', minimum=0.001, maximum=100.0
    )
    max_depth_m: float = parameter(
        8.0, 'Truth beyond this is not scored.', unit='m', minimum=0.1, maximum=1000.0
    )
    checkpoint_every: int = parameter(500, 'Steps between checkpoints.', minimum=1)
    workers: int = parameter(
        1, 'Processes that prepare batches; 0 does it between steps.', minimum=0, maximum=256
    )
    max_minutes: float = parameter(
        0.0,
        'Stop with a checkpoint after this time; 0 never.',
        unit='min',
        minimum=0.0,
        maximum=1e6,
    )

    def __post_init__(self) -> None:
        """
        Check what involves two settings.

        :raises ConfigError: if the range of the truth is empty.
        """
        check_order(self, 'min_depth_m', 'max_depth_m')

    @property
    def warmup_steps(self) -> int:
        """Return the steps of the warm-up, fewer than all."""
        return min(round(self.warmup_share * self.steps), self.steps - 1)


FREE_SETTINGS = ('checkpoint_every', 'workers', 'max_minutes')
"""What may be changed when a run is resumed: the loss curve does not depend on it."""
