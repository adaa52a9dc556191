"""What a run leaves for others: the weights and a record of how they were made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from depth_anything_ros.evaluation.environment import environment
from depth_anything_ros.files import write_bytes, write_json
from depth_anything_ros.lab.training.train import TrainResult
from depth_anything_ros.models.local_file import file_sha256
from depth_anything_ros.models.metadata import own_metadata

WEIGHTS, RECORD = 'weights.safetensors', 'run.json'


def write_outcome(
    out: Path,
    result: TrainResult,
    command: Sequence[str],
    details: dict[str, object],
    half: bool = False,
) -> dict[str, object]:
    """
    Write `weights.safetensors` (under the public key names) and `run.json`.

    Both tell model, kind of output and range, so that the weights are used as what they are.

    :param out: folder of the run.
    :param result: of the run.
    :param command: the words of the command that ran.
    :param details: more for the record: settings, data, origin of the first weights.
    :param half: write float16 instead of float32, half the size.
    :return: what `run.json` holds.
    :raises OutputError: if a file cannot be written.
    """
    from safetensors.torch import save

    state = {
        name: (values.half() if half and values.is_floating_point() else values)
        .detach()
        .cpu()
        .contiguous()
        for name, values in result.estimator.state_dict().items()
    }
    spec = result.estimator.spec
    write_bytes(out / WEIGHTS, save(state, own_metadata(spec)))
    record = {
        'command': list(command),
        'model': spec.name,
        'output': spec.output_kind.value,
        'max_depth_m': spec.max_depth_m,
        'end': result.end.value,
        'steps': result.steps,
        'samples': result.samples,
        'seconds': round(result.seconds, 1),
        'last_row': {
            name: None if math.isnan(value) else value for name, value in result.row.items()
        },
        'weights': WEIGHTS,
        'sha256': file_sha256(out / WEIGHTS),
        **details,
        'environment': environment(),
    }
    write_json(out / RECORD, record)
    return record
