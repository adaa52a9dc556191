"""How the learning rate goes over the steps of a run."""

from __future__ import annotations

from depth_anything_ros.errors import ConfigError


def learning_rate_factor(step: int, steps: int, warmup_steps: int, power: float = 0.9) -> float:
    """
    Return what the base learning rate is multiplied by in a step: warm-up, then decay to 0.

    In step s of S, of which W warm up: (s + 1) / W for s < W, else
    (1 − (s − W) / (S − W)) ** power. The first step of the decay has the full rate, the last
    step of the run is still above 0.

    :param step: number of the step, from 0.
    :param steps: steps of the whole run.
    :param warmup_steps: steps of the linear warm-up, 0 for none.
    :param power: of the polynomial; 1 is a straight line.
    :return: above 0, at most 1.
    :raises ConfigError: if the step is not in the run, or the warm-up fills the run.
    Source: AnyDepth, section 4.2 ("PolyLR scheduler with power 0.9, and a linear warm-up").
    """
    if not 0 <= warmup_steps < steps:
        raise ConfigError(f'warm-up of {warmup_steps} steps; allowed: 0 … {steps - 1}')
    if not 0 <= step < steps:
        raise ConfigError(f'step {step} of a run; allowed: 0 … {steps - 1}')
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    remaining = 1.0 - (step - warmup_steps) / (steps - warmup_steps)
    return float(remaining**power)
