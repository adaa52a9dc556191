"""Opening what is to be measured; only what torch runs imports it."""

from __future__ import annotations

from depth_anything_ros.errors import torch_named
from depth_anything_ros.lab.benchmark.folder_network import FolderNetwork
from depth_anything_ros.lab.benchmark.network import Network, NetworkKind, NetworkRequest


def open_network(request: NetworkRequest) -> Network:
    """
    Load what :class:`NetworkRequest` says, ready to run.

    :raises DepthAnythingError: if it cannot be had or cannot run here; the message says why.
    """
    if request.kind is NetworkKind.FOLDER:
        return FolderNetwork(request)
    with torch_named(''):
        return _open_in_torch(request)


def _open_in_torch(request: NetworkRequest) -> Network:
    if request.kind is NetworkKind.TRANSFORMERS:
        from depth_anything_ros.lab.benchmark.hub_model import HubNetwork

        return HubNetwork(request)
    if request.kind is NetworkKind.DETECTOR:
        from depth_anything_ros.lab.benchmark.detector import Detector

        return Detector(request)
    from depth_anything_ros.lab.benchmark.own_networks import BackendNetwork, EagerNetwork

    return EagerNetwork(request) if request.kind is NetworkKind.EAGER else BackendNetwork(request)
