"""What is to be recorded of a bag, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from depth_anything_ros.bag import BagReader
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.lab.recording import DEPTH_NODE
from depth_anything_ros.types import ModelIdentity

# The note in a bag that says by which model its depth was estimated.
MADE_BY = 'depth_anything_ros.model'


@dataclass(frozen=True)
class RecordJob:
    """
    One bag to be recorded.

    `config` are the parameters of the node; `remaps` base name of an input → topic of the bag;
    `outputs` the topics to write, as the node names them; `node` the node's full name. `merge`
    copies all messages of the bag too, else TF alone. `frames` is how many images are read; 0 is
    all. `storage` is one of `STORAGES`; `replace` takes the place of a bag that is
    there. `named` is whether each output was asked for by its name, so that none may stay empty.
    """

    bag: Path
    out: Path
    config: DepthNodeConfig
    outputs: tuple[str, ...]
    remaps: Mapping[str, str] = field(default_factory=dict)
    node: str = DEPTH_NODE
    merge: bool = False
    frames: int = 0
    storage: str = 'mcap'
    replace: bool = False
    named: bool = False


def made_by(config: DepthNodeConfig) -> str:
    """Return by which model depth is estimated, in words that a bag keeps."""
    network = config.network
    if network.network_name != network.model:
        return network.network_name
    return f'{network.model}{" of " if network.checkpoint else ""}{network.checkpoint}'


@dataclass(frozen=True)
class Rejection:
    """An image that gave nothing: its number among the images of the bag from 0, and why."""

    number: int
    stamp_ns: int
    reason: str


@dataclass(frozen=True)
class BagRecord:
    """
    What was recorded of a bag.

    `images` were read, `written` gave an output, `metric` of them depth in metres, for which
    `sources` of scale were asked, or a `metric_model` gives them by itself; `no_metric` and
    `doubts` count images by what was told of them, `warnings` what was told of the bag and its
    messages. `messages` counts what is in the new bag by topic; `empty` are the outputs of the
    job that were named and have none. `rate_hz` is images a second and `network_share` the share
    of the time in which a network ran, as `Speed` has them. A bag that could not be recorded has
    a `failure` and no other figures; one
    that was `there` already has `messages` alone.
    """

    bag: str
    out: str
    failure: str = ''
    there: bool = False
    images: int = 0
    written: int = 0
    metric: int = 0
    sources: tuple[str, ...] = ()
    metric_model: bool = False
    rejected: tuple[Rejection, ...] = ()
    no_metric: Mapping[str, int] = field(default_factory=Counter)
    doubts: Mapping[str, int] = field(default_factory=Counter)
    references: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=Counter)
    messages: Mapping[str, int] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    model: ModelIdentity | None = None
    duration_s: float = 0.0
    rate_hz: float | None = None
    network_share: float | None = None

    @classmethod
    def kept(cls, job: RecordJob) -> BagRecord:
        """
        Return the record of a bag that is there already and is left as it is.

        :raises DatasetError: if it cannot be read.
        """
        with BagReader(job.out) as reader:
            made, messages = reader.notes.get(MADE_BY, ''), reader.topics
        warnings = Counter[str]()
        if made and made != made_by(job.config):
            warnings[f"{job.out} was made by '{made}', not by '{made_by(job.config)}'"] = 1
        return cls(
            str(job.bag),
            str(job.out),
            there=True,
            warnings=warnings,
            messages={name: topic.count for name, topic in messages.items()},
        )

    @property
    def complete(self) -> bool:
        """Return whether every image of the bag gave an output."""
        return not self.failure and not self.rejected

    @property
    def lacks_metres(self) -> bool:
        """Return whether sources of scale or a model should give metres, and no image has any."""
        asked = bool(self.sources) or self.metric_model
        return asked and self.written > 0 and self.metric == 0

    @property
    def as_asked(self) -> bool:
        """Return whether there is some of all that was asked for by its name."""
        return not (self.lacks_metres or self.empty)
