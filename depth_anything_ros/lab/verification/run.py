"""A folder with a network, verified on images with true depth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from depth_anything_ros.errors import BackendError, DatasetError
from depth_anything_ros.inference.file_network import FileNetwork
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.verification.readings import Reading, readings
from depth_anything_ros.lab.verification.trial import Answers, Image, try_reading
from depth_anything_ros.lab.verification.verdict import Verdict, judge
from depth_anything_ros.models.contract import Contract

FEWEST = 5


def verify(
    network: FileNetwork,
    images: Sequence[Image],
    progress: Callable[[Sequence[Reading]], Iterable[Reading]] = iter,
) -> Verdict:
    """
    Return what is wrong with the contract of a network.

    A way of reading images that the network cannot run on is left out, but for its own.

    :param network: in its folder.
    :param images: with true depth.
    :param progress: shows how many ways were tried.
    :raises DatasetError: if there are too few images.
    :raises BackendError: if the network cannot run on an image as its contract says.
    """
    if len(images) < FEWEST:
        raise DatasetError(f'{len(images)} images have true depth; {FEWEST} are needed')

    def opened(contract: Contract) -> Predictor:
        return Predictor(network.under(contract))

    answers: list[Answers] = []
    for reading in progress(readings(network.folder.contract)):
        try:
            answers.append(try_reading(reading, opened, images))
        except BackendError:
            if not reading.changes:
                raise
    sources = [image.source for image in images]
    return judge(network.folder.contract, answers, sources)
