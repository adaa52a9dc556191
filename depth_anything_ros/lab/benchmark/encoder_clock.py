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
    has one entry for each run that came to its end and called the encoder.

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
        self._device = device
        self._clock_ns = clock_ns
        self._ends: list[int | torch.cuda.Event] = []
        encoder.register_forward_hook(self._mark)

    @contextmanager
    def run(self) -> Iterator[None]:
        """Time one run of the network, which has to end with its output on the CPU."""
        self._ends.clear()
        start = self._now()
        yield
        for end in self._ends[-1:]:
            if isinstance(start, int) and isinstance(end, int):
                self.durations_ms.append((end - start) * 1e-6)
            elif not isinstance(start, int) and not isinstance(end, int):
                self.durations_ms.append(float(start.elapsed_time(end)))

    def _mark(self, *_: object) -> None:
        self._ends.append(self._now())

    def _now(self) -> int | torch.cuda.Event:
        if self._device.type != 'cuda':
            return self._clock_ns()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        # Of the device itself: the current one may be another, and events do not cross.
        event.record(torch.cuda.current_stream(self._device))
        return event
