"""How the camera hangs above the ground, by TF."""

from __future__ import annotations

from collections.abc import Callable

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import AlignmentError, ConfigError
from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.obstacle_metrics import of_obstacles
from depth_anything_ros.geometry.mounting import mounting_of
from depth_anything_ros.geometry.registration import Lookup
from depth_anything_ros.types import CameraMounting

# TF is asked with so many images before the ground is looked for in the truth for good.
_IMAGES_ASKED = 30


class GroundInput:
    """
    Find the height and tilt of the camera in TF, where obstacles are looked for.

    :param config: the metrics, the frame on the ground, and the mounting that needs no TF.
    :param lookup: returns the second frame in the first; see `TransformLookup.lookup`.
    :param take: gets the mounting, once.
    :param doubt: told where TF does not know it.
    """

    def __init__(
        self,
        config: EvaluatorConfig,
        lookup: Lookup,
        take: Callable[[CameraMounting], None],
        doubt: Callable[[str], None],
    ) -> None:
        looked_for = of_obstacles(chosen_metrics(config.metrics))
        self.wanted = looked_for and bool(config.ground_frame) and config.mounting is None
        self._frame = config.ground_frame
        self._lookup = lookup
        self._take = take
        self._doubt = doubt
        self._asked = 0

    def see_frame(self, frame_id: str) -> None:
        """Take note of the frame of an image."""
        if not self.wanted:
            return
        self._asked += 1
        try:
            self._take(mounting_of(self._lookup(self._frame, frame_id)))
            self.wanted = False
        except (AlignmentError, ConfigError) as error:
            if self._asked == _IMAGES_ASKED:
                self.wanted = False
                self._doubt(
                    f'where the ground is, is looked for in the truth of each frame: {error}; set '
                    'ground_frame, or camera_height_m'
                )
