"""
Start a node by the name of its module: `python -m depth_anything_ros.nodes.start depth_node`.

It imports nothing heavy itself, so that it can decide what a signal does during the imports.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module


def start(node: str) -> int:
    """
    Import a node and run it on the process's command line.

    SIGINT during the imports, which take seconds, ends the process at once and without a word,
    as SIGTERM does: there is nothing to save yet.

    :param node: name of its module.
    :return: the exit code; see `process.run_process`.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    module = import_module(f'{__package__}.{node}')
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    code: int = module.main()
    return code


if __name__ == '__main__':
    raise SystemExit(start(sys.argv[1]))
