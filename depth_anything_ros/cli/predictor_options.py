"""What verbs that predict ask alike: the network or networks, and how they run."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.devices import DEVICE_NAMES
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.hub import HUB
from depth_anything_ros.models.local_file import check_origin, local_file
from depth_anything_ros.models.network_folder import asked_spec, is_network_folder
from depth_anything_ros.models.spec import NetworkSpec, require_relative
from depth_anything_ros.types import Precision

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor

CHECKPOINT_HELP = (
    'local file of the weights, or a folder with a network of your own, which takes the place of '
    'the model'
)

_RELATIVE = 'give --model a relative one'


class _ModelNames(Collection[str]):
    """The names that --model takes: those of MODELS, and hub:ID for a model of transformers."""

    def __contains__(self, name: object) -> bool:
        """
        Return whether a name can be taken, without looking for what it names.

        One that begins like hub:ID and is none gets a message of its own from `asked_spec`.
        """
        return name in MODELS or (isinstance(name, str) and name.lower().startswith(HUB))

    def __iter__(self) -> Iterator[str]:
        """Iterate over those of MODELS, which messages list."""
        return iter((*MODELS, f'{HUB}ID'))

    def __len__(self) -> int:
        """Return how many are listed."""
        return len(MODELS) + 1


MODEL_NAMES = _ModelNames()


@dataclass(frozen=True)
class NetworkChoice:
    """A model that the command line names, and the file of its weights, '' for the published."""

    model: str
    checkpoint: str = ''


def add_predictor_arguments(parser: argparse.ArgumentParser, model: str = '') -> None:
    """
    Add the options that name a model, its weights and what runs it.

    :param model: the default; '' makes the option required.
    """
    parser.add_argument(
        '--model', choices=MODEL_NAMES, required=not model, default=model or None, metavar='NAME',
        help=f'name of the model (default: {model})' if model else 'name of the model',
    )  # fmt: skip
    parser.add_argument('--checkpoint', default='', help=CHECKPOINT_HELP)
    add_network_arguments(parser)


def add_predictors_arguments(parser: argparse.ArgumentParser, model: str) -> None:
    """
    Add the same options for several networks, which :func:`open_predictors` opens.

    :param model: the default.
    """
    parser.add_argument(
        '--model', action=Named, choices=MODEL_NAMES, metavar='NAME',
        help=f'name of a model; may be given more than once (default: {model})',
    )  # fmt: skip
    parser.add_argument(
        '--checkpoint', action=Named, metavar='FILE',
        help='local file of the weights of the --model before it, or a folder with a network of '
        'your own, which needs no --model; may be given more than once',
    )  # fmt: skip
    parser.set_defaults(named=(), default_model=model)
    add_network_arguments(parser)


class Named(argparse.Action):
    """Keep models and checkpoints in the order they are given, in `named`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        """Note one option."""
        namespace.named = (*namespace.named, (self.dest, values))


def chosen_networks(args: argparse.Namespace) -> list[NetworkChoice]:
    """
    Return the networks that the options of :func:`add_predictors_arguments` name.

    A checkpoint is of the model named before it, one at the front of the first; a second one of
    the same model is another network.
    """
    return _paired(args.named, args.default_model)


def open_predictors(
    args: argparse.Namespace, input_size: int = 0
) -> list[tuple[NetworkChoice, Predictor]]:
    """
    Return the networks of :func:`chosen_networks` with what runs each; see `open_predictor`.

    :raises ConfigError: if an option is out of range.
    :raises CheckpointError: if weights cannot be had.
    """
    return [(choice, _open(args, choice, input_size)) for choice in chosen_networks(args)]


def check_asked(options: NetworkOptions) -> None:
    """
    Check a network that a verb is asked for before any is loaded, which takes long.

    :raises UnknownNameError: if there is no such model.
    :raises ConfigError: if an option is out of range, or random weights and a checkpoint are asked
        for.
    :raises CheckpointError: if a checkpoint is no file of weights, or a folder has no contract.
    """
    from depth_anything_ros.inference.opening import check_network

    check_network('--input-size', options)
    check_origin(options.weights, options.checkpoint)
    if options.checkpoint and not is_network_folder(options.checkpoint):
        local_file(options.checkpoint)


def asked_specs(args: argparse.Namespace, input_size: int = 0) -> list[NetworkSpec]:
    """
    Check the networks of :func:`chosen_networks` before any is loaded.

    :return: what each reads and gives, as far as that is known by then; none of transformers.
    :raises ConfigError: if an option is out of range.
    :raises CheckpointError: if a checkpoint is no file of weights, or a folder has no contract.
    """
    specs = []
    for choice in chosen_networks(args):
        options = network_options(args, choice, input_size, args.threads)
        check_asked(options)
        if not options.hub_model:
            specs.append(asked_spec(choice.model, choice.checkpoint))
    return specs


def open_predictor(args: argparse.Namespace, input_size: int = 0) -> Predictor:
    """
    Return what the options of :func:`add_predictor_arguments` ask for.

    :param input_size: shorter side of the network input, 0 for the model's own.
    :raises ConfigError: if an option is out of range.
    :raises CheckpointError: if the weights cannot be had.
    """
    return _open(args, NetworkChoice(args.model, args.checkpoint), input_size)


def create_relative_predictor(options: NetworkOptions) -> Predictor:
    """
    Return a network that gives no metres by itself.

    A model of metres is refused by its name, before its weights are fetched; weights of the
    user's own are asked when they are loaded.

    :raises ConfigError: if the model gives metres, or an option is out of range.
    :raises CheckpointError: if the weights cannot be had.
    """
    from depth_anything_ros.inference.opening import create_predictor

    known = not options.checkpoint or is_network_folder(options.checkpoint)
    if known and not options.hub_model:
        require_relative(asked_spec(options.model, options.checkpoint), _RELATIVE)
    predictor = create_predictor(options)
    require_relative(predictor.spec, _RELATIVE)
    return predictor


def open_relative_predictor(args: argparse.Namespace, input_size: int = 0) -> Predictor:
    """
    Return what :func:`open_predictor` does, but no network that gives metres.

    :raises ConfigError: as :func:`create_relative_predictor`; likewise CheckpointError.
    """
    choice = NetworkChoice(args.model, args.checkpoint)
    return create_relative_predictor(network_options(args, choice, input_size, args.threads))


def _open(args: argparse.Namespace, choice: NetworkChoice, input_size: int) -> Predictor:
    from depth_anything_ros.inference.opening import create_predictor

    return create_predictor(network_options(args, choice, input_size, args.threads))


def network_options(
    args: argparse.Namespace, choice: NetworkChoice, input_size: int, threads: int
) -> NetworkOptions:
    """
    Return a network as the options of :func:`add_network_arguments` have it run.

    :param input_size: shorter side of the network input, 0 for the model's own.
    :param threads: CPU threads, 0 for the library's choice.
    """
    return NetworkOptions(
        choice.model,
        choice.checkpoint,
        args.weights,
        backend=args.backend,
        precision=args.precision,
        device=args.device,
        input_size=input_size,
        threads=threads,
    )


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which weights a network has and what runs it."""
    parser.add_argument(
        '--weights',
        choices=('pretrained', 'random'),
        default='pretrained',
        help='random weights mean nothing; they show how the verb works',
    )
    parser.add_argument('--backend', choices=('auto', *BACKENDS), default='auto')
    parser.add_argument(
        '--precision', choices=('auto', *(item.value for item in Precision)), default='auto'
    )
    parser.add_argument('--device', default='auto', help=DEVICE_NAMES)
    parser.add_argument(
        '--threads',
        type=count_argument,
        default=0,
        metavar='N',
        help="CPU threads (0: the library's choice); 1 where other programs use the cores",
    )


def _paired(named: Sequence[tuple[str, str]], default: str) -> list[NetworkChoice]:
    """Return models with their checkpoints, in the order they were named."""
    networks: list[NetworkChoice] = []
    leading: list[str] = []
    for option, value in named:
        if option == 'model':
            networks.append(NetworkChoice(value))
        elif not networks:
            leading.append(value)
        else:
            last = networks[-1] if networks[-1].checkpoint else networks.pop()
            networks.append(NetworkChoice(last.model, value))
    first = networks[0].model if networks else default
    if leading and networks and not networks[0].checkpoint:
        networks.pop(0)
    return [NetworkChoice(first, file) for file in leading] + networks or [NetworkChoice(default)]


def count_argument(text: str) -> int:
    """Read a whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 0 or more")
    return int(text)


def count_from_one(text: str) -> int:
    """Read a whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)
