"""
Fill in what the pages do not hold themselves, when MkDocs builds the site.

`<!-- parameters NODE -->`, `<!-- topics NODE -->`, `<!-- cameras -->`, `<!-- verbs -->`,
`<!-- models -->`, `<!-- contract -->`, `<!-- protocols -->` and `<!-- metrics -->` become tables
that come from the code, `<!-- file PATH -->` the text of a file of the repository.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from depth_anything_ros.cli.info import output_of
from depth_anything_ros.cli.main import VERBS, make_parser
from depth_anything_ros.config import NODE_CONFIGS, camera_table, topic_table
from depth_anything_ros.escape import markdown as escaped
from depth_anything_ros.evaluation.metrics import METRICS, Group
from depth_anything_ros.lab.datasets.protocols import PROTOCOLS, protocol_table
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.contract_file import KEYS
from depth_anything_ros.parameters import markdown_table

ROOT = Path(__file__).resolve().parents[1]
_MARK = re.compile(
    r'^<!-- (parameters|topics|cameras|verbs|models|contract|protocols|metrics|file) ?(\S*) -->$',
    re.MULTILINE,
)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the text of a page with its marks filled in; MkDocs calls this."""
    return expand(markdown)


def expand(text: str) -> str:
    """Return a text with every mark replaced by what it stands for."""
    return _MARK.sub(lambda mark: _FILLED[mark[1]](mark[2]), text)


def _file(path: str) -> str:
    return (ROOT / path).read_text(encoding='utf-8')


def _verbs(_: str) -> str:
    """Return a table of the verbs, and below it a section of options for each."""
    rows = [(f'[`{name}`](#{name})', verb.help) for name, verb in VERBS.items()]
    sections = [
        f'## {name}\n\n{_subparser(name).description}\n\n{_options(name)}' for name in VERBS
    ]
    return '\n\n'.join((_table(('verb', 'what it does'), rows), *sections))


def _options(verb: str) -> str:
    rows = []
    for action in _subparser(verb)._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        words = ', '.join(f'`{word}`' for word in action.option_strings) or f'`{action.dest}`'
        rows.append((words, _choices(action), _help(action)))
    return _table(('option', 'takes', 'what it does'), rows)


def _subparser(verb: str) -> argparse.ArgumentParser:
    parser = make_parser(verb)
    (subparsers,) = (
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    return subparsers.choices[verb]


def _choices(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ''
    if action.choices and not action.metavar:
        return ', '.join(f'`{choice}`' for choice in action.choices)
    return f'`{action.metavar or action.dest.upper()}`'


def _help(action: argparse.Action) -> str:
    return (action.help or '') % {**vars(action), 'prog': 'depth_anything_ros'}


def _models(_: str) -> str:
    rows = [
        (f'`{row.name}`', f'{row.parameters / 1e6:.1f} M', output_of(row),
         f'{row.input_size}', row.licence, _home(row))
        for row in MODELS.values()
    ]  # fmt: skip
    return _table(('model', 'parameters', 'output', 'input, px', 'licence', 'weights'), rows)


def _contract(_: str) -> str:
    """Return a table of the keys of a network in a folder."""
    rows = [(f'`{key.path}`', key.allowed, key.help) for key in KEYS]
    return _table(('key', 'allowed', 'what it says'), rows)


def _metrics(_: str) -> str:
    """Return a table of metrics for each group of them."""
    head = ('metric', 'in tables', 'unit', 'better', 'formula', 'mean', 'no value')
    sections = []
    for group in Group:
        rows = [
            (f'`{row.name}`', row.short, row.unit or '–', row.better.value, row.formula,
             row.averaging, row.undefined or 'never')
            for row in METRICS.values() if row.group is group and not row.detail
        ]  # fmt: skip
        sections.append(f'### {group.value.capitalize()}\n\n{_table(head, rows)}')
    return '\n\n'.join(sections)


def _home(row: Any) -> str:
    if not row.weights_file:
        return 'none published'
    return f'`{row.hub_repo}`' if row.hub_repo else 'in this package'


def _protocols(_: str) -> str:
    """Return a table of the protocols, and below it where each comes from."""
    parts = ['\n'.join(protocol_table().markdown())]
    for name, protocol in PROTOCOLS.items():
        taken = [f'`{data}/{split}`' for data, split in protocol.data.items()]
        parts += [
            f'### {name}',
            f'{escaped(protocol.help)}.',
            f'Source: {escaped(protocol.source)}.',
        ]
        parts += [f'Of published data it takes {", ".join(taken)}.'] if taken else []
        parts += [escaped(protocol.note)] if protocol.note else []
    return '\n\n'.join(parts)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ('---',) * len(head), *rows]
    return '\n'.join(
        '| ' + ' | '.join(cell.replace('|', r'\|') for cell in row) + ' |' for row in lines
    )


_FILLED = {
    'parameters': lambda node: markdown_table(NODE_CONFIGS[node]),
    'topics': topic_table,
    'cameras': lambda _: camera_table(),
    'verbs': _verbs,
    'models': _models,
    'contract': _contract,
    'protocols': _protocols,
    'metrics': _metrics,
    'file': _file,
}
