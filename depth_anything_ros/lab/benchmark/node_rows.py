"""The results of measuring nodes as a whole: turns joined into a row for each, and their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from depth_anything_ros.lab.benchmark.node_load import OutputAccount, joined, median_of
from depth_anything_ros.lab.benchmark.usage import SteadyUse
from depth_anything_ros.table import Table, number


@dataclass(frozen=True)
class Turn:
    """
    What one turn of a node showed; what it does not tell is None.

    `start_s` is from its start to the first answer; `dropped` counts images that it says it left
    out for newer ones.
    """

    start_s: float
    inference_ms: float | None
    dropped: int | None
    use: SteadyUse | None
    outputs: Sequence[OutputAccount]


@dataclass(frozen=True)
class OutputRow:
    """
    One output of a node: its account, and of the median age what is not inference.

    `overhead_ms` is the median age less the median inference, `above_echo_ms` that less the
    median age of a node that does nothing; None where inference is not known.
    """

    account: OutputAccount
    overhead_ms: float | None
    above_echo_ms: float | None


@dataclass(frozen=True)
class NodeRow:
    """All turns of a node: sums of counts, medians of all else."""

    name: str
    turns: int
    start_s: float
    inference_ms: float | None
    dropped: int | None
    cores: float | None
    resident_mb: float | None
    outputs: Sequence[OutputRow]

    @property
    def is_whole(self) -> bool:
        """Return whether every message was made of the image whose stamp it has, in order."""
        return all(output.account.is_whole for output in self.outputs)


@dataclass(frozen=True)
class NodeBenchmark:
    """What was measured, and how."""

    environment: Mapping[str, Any]
    rate_hz: float
    seconds: float
    rows: Sequence[NodeRow]


def node_rows(found: Mapping[str, Sequence[Turn]], echo: str) -> list[NodeRow]:
    """
    Return a row for each node.

    :param found: its turns, one or more.
    :param echo: the node that does nothing.
    """
    rows = [_row(name, turns) for name, turns in found.items()]
    floor = next((row for row in rows if row.name == echo), None)
    floor_ms = floor.outputs[0].account.age_ms['p50'] if floor else None
    return [replace(row, outputs=[_above(each, floor_ms) for each in row.outputs]) for row in rows]


def node_table(rows: Sequence[NodeRow]) -> Table:
    """Return a line for each output of each node."""
    headings = [
        'node', 'output', 'sent', 'received', 'lost', 'stale', 'doubled', 'disordered', 'age p50',
        'p95', 'p99 ms', 'inference', 'overhead', 'above echo ms', 'cores', 'MB', 'start s',
    ]  # fmt: skip
    lines = []
    for row in rows:
        for place, output in enumerate(row.outputs):
            told = output.account
            of_node = (
                [number(row.cores, '.2f'), number(row.resident_mb, '.0f'), f'{row.start_s:.2f}']
                if place == 0
                else ['', '', '']
            )
            lines.append(
                [
                    row.name if place == 0 else '',
                    told.topic,
                    *(told.sent, told.received, told.lost),
                    *(told.stale, told.doubled, told.disordered),
                    *(number(told.age_ms[name], '.1f') for name in ('p50', 'p95', 'p99')),
                    number(row.inference_ms, '.1f'),
                    number(output.overhead_ms, '.1f'),
                    number(output.above_echo_ms, '.1f'),
                    *of_node,
                ]
            )
    return Table(headings, lines)


def _row(name: str, turns: Sequence[Turn]) -> NodeRow:
    inference_ms = median_of([turn.inference_ms for turn in turns])
    dropped = [turn.dropped for turn in turns if turn.dropped is not None]
    start_s = median_of([turn.start_s for turn in turns])
    assert start_s is not None
    return NodeRow(
        name=name,
        turns=len(turns),
        start_s=start_s,
        inference_ms=inference_ms,
        dropped=sum(dropped) if dropped else None,
        cores=median_of([turn.use.cores if turn.use else None for turn in turns]),
        resident_mb=median_of(
            [turn.use.resident_bytes / 1e6 if turn.use else None for turn in turns]
        ),
        outputs=[
            _output_row(joined(accounts), inference_ms)
            for accounts in zip(*(turn.outputs for turn in turns), strict=True)
        ],
    )


def _output_row(account: OutputAccount, inference_ms: float | None) -> OutputRow:
    age_ms = account.age_ms['p50']
    if age_ms is None or inference_ms is None:
        return OutputRow(account, None, None)
    return OutputRow(account, age_ms - inference_ms, None)


def _above(output: OutputRow, floor_ms: float | None) -> OutputRow:
    if output.overhead_ms is None or floor_ms is None:
        return output
    return replace(output, above_echo_ms=output.overhead_ms - floor_ms)
