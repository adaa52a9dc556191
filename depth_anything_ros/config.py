"""Parameters of the nodes: default, unit, range and help in one place each."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from depth_anything_ros.errors import ConfigError

C = TypeVar('C')

_INFO = 'parameter_info'


@dataclass(frozen=True)
class ParameterInfo:
    """
    Describe one parameter.

    `minimum` and `maximum` are inclusive; `choices` lists the only values allowed;
    `read_only` parameters are set at start and never again.
    """

    help: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False

    def range_text(self) -> str:
        """Return the allowed values in words: '1 … 16', 'raw, compressed' or ''."""
        if self.choices:
            return ', '.join(self.choices)
        if self.minimum is None and self.maximum is None:
            return ''
        return f'{_bound(self.minimum)} … {_bound(self.maximum)}'


def parameter(default: Any, help: str, **info: Any) -> Any:  # noqa: A002 - argparse's own word
    """
    Declare a dataclass field as a node parameter.

    :param default: the default; a list stands for an array of strings.
    :param help: one sentence for `ros2 param describe` and the README table.
    :param info: the other fields of :class:`ParameterInfo`.
    """
    metadata = {_INFO: ParameterInfo(help=help, **info)}
    return dataclasses.field(default=default, metadata=metadata)


def parameter_infos(config: type) -> dict[str, tuple[Any, ParameterInfo]]:
    """Return name → (default, info) for every parameter of a config class, in order."""
    return {
        field.name: (field.default, field.metadata[_INFO]) for field in dataclasses.fields(config)
    }


def markdown_table(config: type) -> str:
    """Return the parameters of a config class as a Markdown table, one row each."""
    rows = [
        f'| `{name}` | {_cell(default)} | {info.unit} | {info.range_text()} | {info.help} |'
        + (' at start only |' if info.read_only else ' any time |')
        for name, (default, info) in parameter_infos(config).items()
    ]
    head = ('| parameter | default | unit | allowed | what it does | settable |',)
    return '\n'.join((*head, '| --- | --- | --- | --- | --- | --- |', *rows))


def yaml_section(node: str, config: type) -> str:
    """Return the defaults of a config class as a section of a ROS parameter file, explained."""
    lines = [f'/**/{node}:', '  ros__parameters:']
    for name, (default, info) in parameter_infos(config).items():
        allowed = ' '.join(filter(None, (info.range_text(), info.unit)))
        text = info.help + (f' [{allowed}]' if allowed else '')
        lines += [f'    # {line}' for line in textwrap.wrap(text, 93)]
        lines.append(f'    {name}: {json.dumps(default)}')
    return '\n'.join(lines) + '\n'


def _cell(default: Any) -> str:
    if isinstance(default, bool):
        return f'`{str(default).lower()}`'
    if isinstance(default, tuple):
        return f'`[{", ".join(default)}]`'
    return f'`{default}`' if default != '' else "`''`"


def from_mapping(config: type[C], values: Mapping[str, Any]) -> C:
    """
    Build a config from parameter values; what is not given keeps its default.

    :raises ConfigError: if a name is unknown, a type is wrong or a value out of range.
    """
    infos = parameter_infos(config)
    for name in values:
        if name not in infos:
            raise ConfigError(f"unknown parameter '{name}'; known: {', '.join(infos)}")
    checked = {name: check_value(name, value, *infos[name]) for name, value in values.items()}
    return config(**checked)


def check_value(name: str, value: Any, default: Any, info: ParameterInfo) -> Any:
    """
    Return the value in the type of its default.

    :raises ConfigError: if the type is wrong or the value out of range.
    """
    kind = type(default)
    if kind is float and type(value) is int:
        value = float(value)
    if kind is tuple and isinstance(value, (list, tuple)):
        value = tuple(str(item) for item in value)
    if type(value) is not kind:
        raise ConfigError(
            f"parameter '{name}': {value!r} is of type {type(value).__name__}, "
            f'{kind.__name__} is needed'
        )
    members = value if kind is tuple else (value,)
    for member in members:
        if info.choices and member not in info.choices:
            raise ConfigError(
                f"parameter '{name}': unknown value '{member}'; known: {', '.join(info.choices)}"
            )
    too_small = info.minimum is not None and not value >= info.minimum
    too_large = info.maximum is not None and not value <= info.maximum
    if too_small or too_large:
        raise ConfigError(
            f"parameter '{name}': {value} is out of range; allowed: {info.range_text()}"
            + (f' {info.unit}' if info.unit else '')
        )
    return value


def _bound(value: float | None) -> str:
    return '' if value is None else f'{value:g}'


PREVIEW_COLORMAPS = ('Spectral_r', 'viridis', 'plasma', 'magma', 'inferno', 'turbo')


@dataclass(frozen=True)
class DepthNodeConfig:
    """Parameters of `depth_node`."""

    model: str = parameter(
        'depth_anything_v2_vits',
        'Name of the model; `depth_anything_ros info` lists them.',
    )
    checkpoint: str = parameter(
        '',
        'Local .pth or .safetensors file of the model; empty downloads the published one '
        'into the Hugging Face cache on first use.',
    )
    weights: str = parameter(
        'pretrained',
        'Random weights are for timing only: the depth they give means nothing.',
        choices=('pretrained', 'random'),
    )
    backend: str = parameter(
        'auto',
        'Inference library: torch, openvino or onnxruntime; auto takes the fastest here.',
        choices=('auto', 'torch', 'openvino', 'onnxruntime'),
    )
    precision: str = parameter(
        'auto',
        'Number format to compute in; auto takes the fastest that the device computes natively.',
        choices=('auto', 'fp32', 'bf16', 'fp16'),
    )
    device: str = parameter(
        'auto',
        'Where to compute: auto, cpu, cuda or cuda:N.',
    )
    input_size: int = parameter(
        518,
        'Shorter side of the network input, a multiple of the patch (14); smaller is faster '
        'and coarser.',
        unit='px',
        minimum=28,
        maximum=2072,
    )
    threads: int = parameter(
        0,
        'CPU threads for inference; 0 leaves it to the library.',
        minimum=0,
        maximum=256,
    )
    cache_dir: str = parameter(
        '',
        'Folder for exported networks; empty is $XDG_CACHE_HOME/depth_anything_ros.',
    )
    warmup_width: int = parameter(
        640,
        'Image width the network is built and warmed up for before the first frame is accepted.',
        unit='px',
        minimum=16,
        maximum=8192,
    )
    warmup_height: int = parameter(
        480,
        'Image height the network is built and warmed up for before the first frame is accepted.',
        unit='px',
        minimum=16,
        maximum=8192,
    )
    autostart: bool = parameter(
        True,
        'Configure and activate at start; false waits for lifecycle transitions.',
        read_only=True,
    )
    image_transport: str = parameter(
        'raw',
        'raw reads Image on `image`, compressed reads CompressedImage on `image/compressed`.',
        choices=('raw', 'compressed'),
        read_only=True,
    )
    image_reliability: str = parameter(
        'auto',
        'Reliability asked of the camera; auto asks for reliable and falls back to best_effort '
        'where the camera offers only that.',
        choices=('auto', 'reliable', 'best_effort'),
        read_only=True,
    )
    image_is_rectified: bool = parameter(
        True,
        'True uses the projection matrix P of camera_info; false uses K and the lens '
        'distortion D.',
    )
    scale_source: str = parameter(
        'none',
        'Where metres come from for a relative model: none, fixed (fixed_scale, fixed_shift) '
        'or depth_image (topic `reference/depth`).',
        choices=('none', 'fixed', 'depth_image'),
    )
    fixed_scale: float = parameter(
        1.0,
        'Scale of the fixed source: 1 / depth = scale · relative + shift.',
        unit='1/m',
        minimum=1e-9,
        maximum=1e9,
    )
    fixed_shift: float = parameter(
        0.0,
        'Shift of the fixed source: 1 / depth = scale · relative + shift.',
        unit='1/m',
        minimum=-100.0,
        maximum=100.0,
    )
    reference_min_depth_m: float = parameter(
        0.2,
        'Reference depth below this is ignored.',
        unit='m',
        minimum=0.01,
        maximum=100.0,
    )
    reference_max_depth_m: float = parameter(
        8.0,
        'Reference depth beyond this is ignored.',
        unit='m',
        minimum=0.1,
        maximum=1000.0,
    )
    reference_max_offset_s: float = parameter(
        0.05,
        'Largest difference between the stamps of an image and of the reference used for it.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    smoothing_time_s: float = parameter(
        0.5,
        'Time constant of the smoothing of scale and shift; 0 takes every fit as it is.',
        unit='s',
        minimum=0.0,
        maximum=60.0,
    )
    alignment_expiry_s: float = parameter(
        2.0,
        'Metric depth stops when the last good fit is older than this.',
        unit='s',
        minimum=0.0,
        maximum=3600.0,
    )
    max_depth_m: float = parameter(
        20.0,
        'Metric depth beyond this is published as unknown.',
        unit='m',
        minimum=0.1,
        maximum=1000.0,
    )
    depth_encoding: str = parameter(
        '32FC1',
        'Encoding of ~/depth/image_raw: 32FC1 metres with NaN, or 16UC1 millimetres with 0 '
        'where unknown.',
        choices=('32FC1', '16UC1'),
    )
    cloud_stride: int = parameter(
        1,
        'Every how manieth pixel of each row and column becomes a point.',
        unit='px',
        minimum=1,
        maximum=64,
    )
    cloud_dir: str = parameter(
        '.',
        'Folder that ~/save_cloud writes PLY files into.',
    )
    preview_colormap: str = parameter(
        'Spectral_r',
        'Colormap of ~/preview/image_raw.',
        choices=PREVIEW_COLORMAPS,
    )
    diagnostics_period_s: float = parameter(
        1.0,
        'Time between two messages on /diagnostics.',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        read_only=True,
    )


@dataclass(frozen=True)
class EvaluatorConfig:
    """Parameters of `evaluator_node`."""

    output_dir: str = parameter(
        'evaluation',
        'Folder for frames.csv, summary.json, report.html and pictures.',
        read_only=True,
    )
    alignments: tuple[str, ...] = parameter(
        ('none', 'scale', 'scale_shift', 'online'),
        'How predictions are brought to metres before they are scored: as they are, per frame '
        'in inverse depth, or as the depth node published them.',
        choices=('none', 'scale', 'scale_shift', 'online'),
        read_only=True,
    )
    min_depth_m: float = parameter(
        0.2,
        'Ground truth below this is not scored.',
        unit='m',
        minimum=0.001,
        maximum=100.0,
        read_only=True,
    )
    max_depth_m: float = parameter(
        8.0,
        'Ground truth beyond this is not scored; predictions are clamped to it.',
        unit='m',
        minimum=0.1,
        maximum=1000.0,
        read_only=True,
    )
    pairing_tolerance_s: float = parameter(
        0.02,
        'Largest difference between the stamps of a prediction and its ground truth.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
        read_only=True,
    )
    latency_from: str = parameter(
        'stamp',
        'Latency is arrival minus header stamp (the clocks must agree), or minus the arrival '
        'of the image at this node (for bags played with their old stamps).',
        choices=('stamp', 'image'),
        read_only=True,
    )
    depth_node: str = parameter(
        'depth_node',
        'Name under which the depth node reports in /diagnostics.',
        read_only=True,
    )
    picture_every: int = parameter(
        10,
        'A picture (image | prediction | truth | error) of every how manieth scored frame; '
        '0 makes none.',
        minimum=0,
        maximum=1000000,
        read_only=True,
    )


@dataclass(frozen=True)
class BagPlayerConfig:
    """Parameters of `bag_player`."""

    bag: str = parameter(
        '',
        'ROS 1 bag file, or ROS 2 bag folder, to play.',
        read_only=True,
    )
    mode: str = parameter(
        'realtime',
        'realtime plays by the recorded times, lockstep waits for the prediction of each image '
        'before the next one.',
        choices=('realtime', 'lockstep'),
        read_only=True,
    )
    rate: float = parameter(
        1.0,
        'Speed of realtime playing, as a factor.',
        minimum=0.01,
        maximum=100.0,
        read_only=True,
    )
    image_topic: str = parameter(
        '/camera/color/image_raw',
        'Topic in the bag whose messages are the frames that lockstep waits for.',
        read_only=True,
    )
    restamp: bool = parameter(
        False,
        'Replace header stamps by the time of playing, so that latency can be measured from '
        'them; messages of one frame keep their differences.',
        read_only=True,
    )
    publish_clock: bool = parameter(
        True,
        'Publish the recorded time on /clock (not together with restamp).',
        read_only=True,
    )
    loop: bool = parameter(
        False,
        'Start again at the end until stopped.',
        read_only=True,
    )
    subscribers: int = parameter(
        1,
        'How many subscribers of the image topic playing waits for.',
        minimum=0,
        maximum=100,
        read_only=True,
    )
    wait_for_subscribers_s: float = parameter(
        30.0,
        'Longest wait for subscribers of the image topic, and in lockstep for a publisher of '
        'the prediction, before playing starts.',
        unit='s',
        minimum=0.0,
        maximum=600.0,
        read_only=True,
    )
    lockstep_timeout_s: float = parameter(
        30.0,
        'Longest wait for the prediction of one image in lockstep; then it counts as lost.',
        unit='s',
        minimum=0.1,
        maximum=600.0,
        read_only=True,
    )
    settle_s: float = parameter(
        1.5,
        'Time to wait before the first message and after the last, so that everybody has found '
        'each other and gets all of it.',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        read_only=True,
    )
