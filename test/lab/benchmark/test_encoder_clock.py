import pytest
import torch
from torch import nn

from depth_anything_ros.lab.benchmark.encoder_clock import EncoderClock

CPU = torch.device('cpu')


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


class Slow(nn.Module):
    """A layer that takes the time it is told, on a clock that only it moves."""

    def __init__(self, clock: Clock, duration_ms: float) -> None:
        super().__init__()
        self._clock, self._duration_ms = clock, duration_ms

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self._clock.now_ns += round(self._duration_ms * 1e6)
        return values


def test_encoder_ends_before_the_decoder_starts():
    now = Clock()
    encoder, decoder = Slow(now, 30.0), Slow(now, 12.0)
    clock = EncoderClock(encoder, CPU, now)
    for _ in range(2):
        with clock.run():
            decoder(encoder(torch.zeros(1)))
    assert clock.durations_ms == pytest.approx([30.0, 30.0])


def test_encoder_that_is_called_twice_ends_with_its_last_call():
    now = Clock()
    encoder = Slow(now, 5.0)
    clock = EncoderClock(encoder, CPU, now)
    with clock.run():
        encoder(encoder(torch.zeros(1)))
    assert clock.durations_ms == pytest.approx([10.0])


def test_run_that_does_not_call_the_encoder_is_not_timed():
    now = Clock()
    encoder = Slow(now, 5.0)
    clock = EncoderClock(encoder, CPU, now)
    with clock.run():
        encoder(torch.zeros(1))
    with clock.run():
        encoder.forward(torch.zeros(1))
    assert clock.durations_ms == pytest.approx([5.0])


def test_run_that_fails_is_not_timed():
    clock = EncoderClock(nn.Identity(), CPU)
    with pytest.raises(RuntimeError), clock.run():
        raise RuntimeError
    assert clock.durations_ms == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_events_tell_the_time_of_the_encoder_on_a_gpu():
    device = torch.device('cuda')
    encoder = nn.Linear(4096, 4096, bias=False).to(device)
    values = torch.ones(4096, 4096, device=device)
    clock = EncoderClock(encoder, device)
    for _ in range(3):
        with clock.run(), torch.inference_mode():
            float((encoder(values) * 2)[0, 0])
    assert len(clock.durations_ms) == 3
    assert all(duration > 0 for duration in clock.durations_ms)
