"""The program `depth_anything_ros`: finds the verb, runs it, says known errors in one line."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn, Protocol, cast

from depth_anything_ros.cli.console import (
    check_apart,
    check_outputs,
    discard,
    people_beside,
    prepare_streams,
    write_error,
    write_line,
)
from depth_anything_ros.cli.words import speak_of
from depth_anything_ros.errors import EXIT_GATE, DepthAnythingError, GateError, torch_named
from depth_anything_ros.files import output_error
from depth_anything_ros.home import check_working_folder, usable_home
from depth_anything_ros.progress import reported

EXIT_DONE, EXIT_ERROR, EXIT_USAGE = 0, 1, 2
# As a shell tells of programs that a signal ended.
EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143
# As a shell tells of a program that SIGPIPE ended.
EXIT_UNREAD = 141


class VerbModule(Protocol):
    """What the module of a verb offers; its heavy imports belong inside the functions."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments and options of the verb."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work and return the exit status."""


@dataclass(frozen=True)
class Verb:
    """Name the module of a verb, imported only when the verb is called, and what it does."""

    module: str
    help: str


VERBS = {
    'demo': Verb(
        'depth_anything_ros.cli.demo',
        'play a bag or the sample drive through the depth node and the evaluator',
    ),
    'info': Verb(
        'depth_anything_ros.cli.info', 'list models, backends and what this machine can run'
    ),
    'record': Verb(
        'depth_anything_ros.cli.record',
        "the depth node's pipeline over bags, without ROS: depth for a bag that has none",
    ),
    'predict': Verb(
        'depth_anything_ros.cli.predict',
        'show the depth of pictures, folders, videos and cameras, as pictures and as numbers',
    ),
    'view': Verb(
        'depth_anything_ros.cli.view',
        'show image, depth, cloud, scan and scale of a bag or of live topics in the viewer Rerun',
    ),
    'benchmark': Verb(
        'depth_anything_ros.cli.benchmark',
        'time models, backends and precisions against eager PyTorch',
    ),
    'evaluate': Verb(
        'depth_anything_ros.cli.evaluate',
        'score a model on data sets, also against a predictor that ignores the image',
    ),
    'compare': Verb(
        'depth_anything_ros.cli.compare',
        'compare finished runs image by image: is one worse than another?',
    ),
    'verify': Verb(
        'depth_anything_ros.cli.verify',
        'find out whether the contract of a network in a folder is right, on images with depth',
    ),
    'compress': Verb(
        'depth_anything_ros.cli.compress',
        'write a smaller checkpoint of a model: 16- or 8-bit numbers, pruned weights, or both',
    ),
    'export': Verb(
        'depth_anything_ros.cli.export',
        'write a model as a folder that OpenVINO or ONNX Runtime runs as it is',
    ),
    'study': Verb(
        'depth_anything_ros.cli.study',
        'measure what each recipe of `compress` costs a model, and where it breaks down',
    ),
    'results': Verb(
        'depth_anything_ros.cli.results',
        'score the models that ship, as they are and after each recipe, and write a page of it',
    ),
    'simulate': Verb(
        'depth_anything_ros.cli.simulate',
        'render a drive through a furnished room into a ROS 2 bag with exact depth',
    ),
    'scale': Verb(
        'depth_anything_ros.cli.scale',
        'measure the scale sources on simulated drives with exact truth',
    ),
    'calibrate': Verb(
        'depth_anything_ros.cli.calibrate',
        'metres for a relative model from two to five distances read off a tape measure',
    ),
    'calibrate-uncertainty': Verb(
        'depth_anything_ros.cli.calibrate_uncertainty',
        "find out how far off a model's depth is, and tell nodes",
    ),
    'refine': Verb(
        'depth_anything_ros.cli.refine',
        'measure what the optional refinements of the depth do and cost',
    ),
    'complete': Verb(
        'depth_anything_ros.cli.complete',
        "measure how well fused depth fills the holes of a sensor's depth",
    ),
    'score': Verb(
        'depth_anything_ros.cli.score',
        'score the depth of data sets and list the samples that are good to train on',
    ),
    'train': Verb(
        'depth_anything_ros.cli.train',
        'teach a model depth from the simulated world or from data sets',
    ),
    'finetune': Verb(
        'depth_anything_ros.cli.finetune',
        'teach the decoder of a trained model metres, the encoder frozen',
    ),
}

_FOLDERS = '; what runs without it stands in docs/export.md'

_EPILOG = """examples:
  depth_anything_ros info
  depth_anything_ros simulate /tmp/room --frames 60
  depth_anything_ros demo --bag /tmp/room --out /tmp/demo
  depth_anything_ros benchmark --model depth_anything_v2_vits --weights random --json b.json

`depth_anything_ros VERB --help` explains a verb. In ROS 2 `ros2 run depth_anything_ros
depth_anything_ros VERB` is the same, and in a checkout `./dev run VERB`.
Exit status: 0 done, 1 an error told in one line, 2 wrong usage, 3 a bound of --gate is broken, 130
interrupted, 141 nobody reads what it writes, 143 ended by SIGTERM.
"""


class Terminated(KeyboardInterrupt):
    """SIGTERM has come."""


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the program and return its exit status.

    :param argv: the arguments without the program's name; None takes the process's own.
    :raises SystemExit: with 2 on wrong usage and 0 after --help and --version, as argparse does.
    """
    prepare_streams()
    code = EXIT_ERROR
    try:
        with _ended_by_sigterm():
            try:
                code = _run(sys.argv[1:] if argv is None else list(argv))
            finally:
                sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has had enough, as `head` does.
        discard(sys.stdout, sys.stderr)
        return EXIT_UNREAD
    except OSError as error:
        discard(sys.stdout)
        if code != EXIT_ERROR:  # else it has been told
            write_error(str(output_error('standard output', error)))
        return EXIT_ERROR
    return code


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the work as Ctrl-C does, so that no temporaries stay and it can go on."""
    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(*_: object) -> NoReturn:
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _run(arguments: list[str]) -> int:
    called = next((word for word in arguments if not word.startswith('-')), '')
    try:
        check_working_folder()
        args = make_parser(called).parse_args(arguments)
        speak_of(vars(args))
        with usable_home(), reported(args.verb), torch_named(_FOLDERS):
            module = _load(VERBS[args.verb])
            check_apart(vars(args))
            answer = vars(args).get('json')
            check_outputs(answer)
            with people_beside(answer):
                return module.run(args)
    except BrokenPipeError:
        raise
    except GateError as error:
        for breach in error.breaches:
            write_error(f"gate '{error.gate}': {breach}")
        return EXIT_GATE
    except (DepthAnythingError, OSError) as error:
        write_error(str(error))
        return EXIT_ERROR
    except KeyboardInterrupt as error:
        terminated = isinstance(error, Terminated)
        write_error('terminated' if terminated else 'interrupted')
        return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED


def make_parser(called: str = '') -> argparse.ArgumentParser:
    """
    Return the parser of the program.

    :param called: the verb whose options are wanted; the modules of the others are not
        imported, so that --help answers at once.
    """
    parser = argparse.ArgumentParser(
        prog='depth_anything_ros',
        description='Metric depth and point clouds from one camera, in ROS 2 and without it.',
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action=_VersionAction)
    subparsers = parser.add_subparsers(dest='verb', metavar='VERB', required=True)
    for name, verb in VERBS.items():
        subparser = subparsers.add_parser(name, help=verb.help, description=_sentence(verb.help))
        if name == called:
            _load(verb).add_arguments(subparser)
    return parser


class _VersionAction(argparse.Action):
    """Look the version up when it is asked for: the metadata of a package is slow to read."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(
            option_strings, dest, nargs=0, help='show the version of the program and exit'
        )

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        write_line(f'{parser.prog} {_version()}')
        parser.exit(EXIT_DONE)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version('depth_anything_ros')
    except PackageNotFoundError:
        return '(not installed)'


def _load(verb: Verb) -> VerbModule:
    return cast(VerbModule, import_module(verb.module))


def _sentence(text: str) -> str:
    return f'{text[0].upper()}{text[1:]}.'


if __name__ == '__main__':
    sys.exit(main())
