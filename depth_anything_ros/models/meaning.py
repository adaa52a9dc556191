"""
What the output of a checkpoint means: relative inverse depth, or metres and how far they reach.

The tensors are the same for all of it, and the same for Depth Anything V1, which reads other
layers. So it is decided by the first of these that speaks:

1. the file's own metadata, as `train`, `finetune`, `compress` and `study` write it;
2. the config.json of transformers beside it;
3. its sha256, where it is that of a published file;
4. its name, where it holds that of a published file;
5. the row of MODELS that was asked for.

Where two of the first three contradict each other, or what is found contradicts the row, the file
is refused. Names are looked at last, and only where none of the first three speaks: who has not
taken the sha256 does not look at them.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.json_text import parse_json
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.hf_config import check_network, config_beside
from depth_anything_ros.models.local_file import file_sha256, local_file
from depth_anything_ros.models.metadata import OWN_KEY, damaged
from depth_anything_ros.models.spec import ModelSpec, is_range, output_words

_LOG = logging.getLogger(__name__)

# What tells one network from another; the rest of a row is about its file and its output.
_NETWORK = (
    'encoder', 'encoder_size', 'decoder', 'patch', 'layers', 'features', 'out_channels', 'mean',
    'std', 'metric',
)  # fmt: skip
_FIRST_GENERATION = {
    '59afe57cfd9f4284deaf5b753d954723d7136ae842fba3e068ba03537ca1e60e',
    '64ae214ae4e27424b644c49464c0aa243016f6f753d95097c8eb9ad0b9cb2d9b',
    '6c6a383e33e51c5fdfbf31e7ebcda943973a9e6a1cbef1564afe58d7f2e8fe63',
}
_FIRST_GENERATION_NAME = re.compile(r'depth_anything_(vit[sbl]14|metric_depth_(in|out)door)')
# Files that the hub gives one name, whatever is in them.
_NAMELESS = {'model'}
# What people append to the name of a file that they only converted.
_CONVERTED = re.compile(r'[-_.](fp|bf|f)(16|32)$')


@dataclass(frozen=True)
class Reading:
    """
    What one source says of a checkpoint.

    `source` names it in a sentence. `max_depth_m` is the range in metres, None for relative
    inverse depth. `model` is the name of a row, empty where the source names none.
    """

    source: str
    max_depth_m: float | None
    model: str = ''

    @property
    def words(self) -> str:
        """Return what it says, for messages."""
        return f'{output_words(self.max_depth_m)} according to {self.source}'


def spec_of_file(row: ModelSpec, checkpoint: CheckpointFile, sha256: str) -> ModelSpec:
    """
    Return the row with the output that a checkpoint file has, by the rule of this module.

    :param row: the model that was asked for.
    :param checkpoint: the file.
    :param sha256: of its content; '' asks metadata and config.json only.
    :raises CheckpointError: if two sources, or one and the row, contradict each other, the file
        is of Depth Anything V1, or what a source says cannot be read.
    """
    path = checkpoint.path
    _refuse_first_generation(path, sha256)
    config = config_beside(path)
    if config is not None:
        check_network(config, row, path)
    own = _own_reading(checkpoint)
    beside = None if config is None else Reading(f"'{config.path}'", config.max_depth_m)
    published = _published_reading(sha256)
    spoken = own or beside or published
    named = _named_reading(path) if sha256 and not spoken else None
    readings = [found for found in (own, beside, published, named) if found is not None]
    if not readings:
        if sha256:
            level = logging.INFO if row.max_depth_m is None else logging.WARNING
            words = "%s does not say what it gives; taken as '%s': %s"
            _LOG.log(level, words, path, row.name, row.output)
        return row
    first, *others = readings
    for other in others:
        if other.max_depth_m != first.max_depth_m:
            raise CheckpointError(
                f"checkpoint '{path}' contradicts itself: it gives {first.words} and "
                f'{other.words}; keep it in a folder of its own, under a name of its own'
            )
    _check_row(row, first, path)
    return replace(row, max_depth_m=first.max_depth_m)


def spec_of_checkpoint(row: ModelSpec, checkpoint: str) -> ModelSpec:
    """
    Return the row with the output of a checkpoint given by the user; '' is the published one.

    :raises CheckpointError: as :func:`spec_of_file`, or if there is no such file.
    """
    if not checkpoint:
        return row
    path = local_file(checkpoint)
    return spec_of_file(row, CheckpointFile.read(path), file_sha256(path))


def rows_like(spec: ModelSpec, max_depth_m: float | None) -> list[str]:
    """Return the names of the rows with the network of `spec` and an output of this range."""
    return [
        name
        for name, row in MODELS.items()
        if _same_network(row, spec) and row.max_depth_m == max_depth_m
    ]


def _check_row(row: ModelSpec, reading: Reading, path: Path) -> None:
    """Check that the row asked for can be what a checkpoint was found to be."""
    maker = next((known for known in MODELS.values() if known.name == reading.model), None)
    unknown = maker is None and reading.model not in ('', row.name)
    if unknown or (maker is not None and not _same_network(maker, row)):
        raise CheckpointError(
            f"checkpoint '{path}' is of model '{reading.model}' according to {reading.source}, "
            f"not of '{row.name}'"
            + (f'; no such model is known here: {", ".join(MODELS)}' if unknown else '')
        )
    if reading.max_depth_m == row.max_depth_m or reading.model == row.name:
        return
    fitting = [maker.name] if maker else rows_like(row, reading.max_depth_m)
    if not fitting and row.max_depth_m is None:
        return  # metres that no row has; the relative row stands for its network
    cure = fitting or rows_like(row, None)
    raise CheckpointError(
        f"checkpoint '{path}' gives {reading.words}, model '{row.name}' {row.output}"
        + (f'; ask for model {" or ".join(cure)} instead' if cure else '')
    )


def _refuse_first_generation(path: Path, sha256: str) -> None:
    by_name = _FIRST_GENERATION_NAME.search(path.stem.lower()) is not None
    if not by_name and sha256 not in _FIRST_GENERATION:
        return
    raise CheckpointError(
        f"checkpoint '{path}' is of Depth Anything V1 according to its "
        f'{"name" if by_name else "sha256"}, which reads other layers of the encoder than V2: the '
        'tensors fit, the depth would be wrong; take a checkpoint of Depth Anything V2'
    )


def _own_reading(checkpoint: CheckpointFile) -> Reading | None:
    path, entries, packed = checkpoint.path, checkpoint.metadata, checkpoint.packed
    if packed is not None:
        return Reading('its own metadata', packed.max_depth_m, packed.model)
    if OWN_KEY not in entries:
        return None
    try:
        about: Any = parse_json(entries[OWN_KEY])
        model, limit = about['model'], about['max_depth_m']
    except (ValueError, LookupError, TypeError) as error:
        raise damaged(path, 'its own metadata cannot be read') from error
    if not isinstance(model, str) or not (limit is None or is_range(limit)):
        raise damaged(path, f'its own metadata says model {model!r}, max_depth_m {limit!r}')
    return Reading('its own metadata', limit, model)


def _published_reading(sha256: str) -> Reading | None:
    for row in MODELS.values():
        if sha256 and row.sha256 == sha256:
            return Reading('its sha256, that of the published file', row.max_depth_m, row.name)
    return None


def _named_reading(path: Path) -> Reading | None:
    """
    Return what the name of a file says.

    Metric names count wherever they stand; a relative one is the start of many names of files
    that were tuned to metres, so that it has to be the whole name.
    """
    stem = _CONVERTED.sub('', path.stem.lower())
    for row in MODELS.values():
        published = Path(row.weights_file).stem
        metric = row.max_depth_m is not None
        if (
            published
            and published not in _NAMELESS
            and (published in stem if metric else published == stem)
        ):
            return Reading('its name', row.max_depth_m)
    return None


def _same_network(row: ModelSpec, other: ModelSpec) -> bool:
    return all(getattr(row, part) == getattr(other, part) for part in _NETWORK)
