"""The parameters of a node as people read them: Markdown tables and parameter files."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from depth_anything_ros.parameters.groups import parameter_infos


def markdown_table(config: type) -> str:
    """Return the parameters of a config class as a Markdown table, one row each."""
    rows = [
        f'| `{name}` | {_cell(default)} | {info.unit} | {info.range_text()} | {info.help} |'
        + (' at start only |' if info.read_only else ' any time |')
        for name, (default, info) in parameter_infos(config).items()
    ]
    head = ('| parameter | default | unit | allowed | what it does | settable |',)
    return '\n'.join((*head, '| --- | --- | --- | --- | --- | --- |', *rows))


def yaml_section(config: type) -> str:
    """
    Return the defaults of a config class as a section of a ROS parameter file, explained.

    Its key holds for a node of any name and namespace, at start and in `ros2 param load`.
    """
    lines = ['/**:', '  ros__parameters:']
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
