"""
Start a node by the name of its module: `python -m depth_anything_ros.nodes.start depth_node`.

It imports nothing heavy itself, so that it can decide what a signal does during the imports.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.home import check_working_folder
from depth_anything_ros.parent import end_with_parent


def start(node: str) -> NoReturn:
    """
    Import a node and run it on the process's command line.

    SIGINT during the imports, which take seconds, ends the process at once and without a word,
    as SIGTERM does: there is nothing to save yet.

    :param node: name of its module.
    :return: never; the process ends with the exit code of `process.run_process`, or with 1 if it
        was started in a folder that is gone.
    """
    end_with_parent()
    try:
        check_working_folder()
    except ConfigError as error:
        sys.exit(f'{node}: error: {error}')
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    module = import_module(f'{__package__}.{node}')
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    code: int = module.main()
    # Node and context have ended; what Python would still free are objects of the middleware,
    # and after a signal that ends in a segmentation fault now and then.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == '__main__':
    # Taken away, so that the rest is the command line of the node.
    start(sys.argv.pop(1))
