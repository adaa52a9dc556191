"""The time from the start of a network to the end of its encoder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn


class EncoderClock:
    """
    Time the first part of a network while the whole of it runs.

    It ends where the encoder's last call in a run ends; what follows is the decoder's. On CUDA
    events mark the places in the stream, so that nobody waits for the encoder. `durations_ms`
    has one entry for each run that came to its end.

    :param encoder: a part of the network.
    :param device: where it runs.
    :param clock_ns: a monotonic clock in nanoseconds, for the CPU.
    """

    def __init__(
        self,
        encoder: nn.Module,
        device: torch.device,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self.durations_ms: list[float] = []
        self._cuda = device.type == 'cuda'
        self._clock_ns = clock_ns
        self._start_ns = self._end_ns = 0
        self._events: tuple[torch.cuda.Event, torch.cuda.Event] | None = None
        encoder.register_forward_hook(self._mark)

    @contextmanager
    def run(self) -> Iterator[None]:
        """Time one run of the network, which has to end with its output on the CPU."""
        if self._cuda:
            self._events = (_event(), _event())
            self._events[0].record()
        self._start_ns = self._end_ns = self._clock_ns()
        yield
        if self._events is not None:
            start, end = self._events
            self.durations_ms.append(float(start.elapsed_time(end)))
        else:
            self.durations_ms.append((self._end_ns - self._start_ns) * 1e-6)

    def _mark(self, *_: object) -> None:
        if self._events is not None:
            self._events[1].record()
        else:
            self._end_ns = self._clock_ns()


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
