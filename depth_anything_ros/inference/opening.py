"""From what is asked to a predictor: a row of MODELS, a folder, or a model of transformers."""

from __future__ import annotations

from depth_anything_ros.errors import ConfigError, torch_named
from depth_anything_ros.inference.file_network import load_folder
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import Predictor, check_input_size
from depth_anything_ros.models.network_folder import asked_spec, is_network_folder


def create_predictor(options: NetworkOptions, apart: bool = False) -> Predictor:
    """
    Load a model and choose what runs it; the network is built at the first image.

    :param apart: export networks in processes of their own, so that this one stays small. What is
        wrong with weights may then show at the first image only.
    :raises UnknownNameError: if model, backend or precision is not known.
    :raises ConfigError: if `weights` is not one of its values, `input_size` not a multiple of the
        patch, or `threads` negative.
    :raises CheckpointError: if the weights cannot be had.
    :raises MissingDependencyError: if the library of the backend asked for is not installed, or
        torch where it is needed.
    :raises BackendError: if backend, precision and device cannot go together here.
    """
    # What can be checked without the weights is checked before they are loaded.
    check_network('input size', options)
    if options.hub_model:
        with torch_named():
            from depth_anything_ros.inference.hub.predictor import load_hub_predictor

            return load_hub_predictor(options)
    if is_network_folder(options.checkpoint):
        return Predictor(load_folder(options), options.input_size)
    from depth_anything_ros.inference.estimator_network import load_network

    if not apart:
        return Predictor(load_network(options), options.input_size)
    from depth_anything_ros.inference.export_process import export_apart

    return Predictor(load_network(options, export_apart), options.input_size)


def check_network(name: str, options: NetworkOptions) -> None:
    """
    Check of what is asked all that needs no weights.

    :param name: what the input size is, for the message.
    :raises UnknownNameError: if there is no such model.
    :raises ConfigError: if the model cannot take the input size, or hub:ID an option, or the
        number of threads is negative.
    :raises CheckpointError: if the contract of a folder cannot be read.
    """
    if options.threads < 0:
        raise ConfigError(
            f'threads {options.threads} is negative; allowed: 0 (automatic) and above'
        )
    if not options.hub_model:
        spec = asked_spec(options.model, options.checkpoint)
        check_input_size(name, options.input_size, spec)
        return
    for what, given, allowed in (
        ('checkpoint', options.checkpoint, ''),
        (name, options.input_size, 0),
        ('backend', {'auto': '', 'torch': ''}.get(options.backend, options.backend), ''),
    ):
        if given != allowed:
            raise ConfigError(
                f"{what} {given}: model '{options.model}' is run by transformers, with its own "
                'files and input size; leave it out'
            )
