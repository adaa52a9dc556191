"""A small drive whose depth a stand-in for the network knows but for scale and shift."""

import numpy as np

from depth_anything_ros.bag import BagWriter, RgbdTopics
from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.base import NetworkOutput
from depth_anything_ros.inference.preprocess import resize_align_corners
from depth_anything_ros.messages import (
    camera_info_fields,
    compressed_fields,
    depth_image_fields,
    image_fields,
    stamp_fields,
)
from depth_anything_ros.models import MODELS
from depth_anything_ros.types import (
    Camera,
    ModelIdentity,
    ModelInput,
    OutputKind,
    RelativeInverseDepth,
)

IMAGE, INFO, DEPTH, DEPTH_INFO = vars(RgbdTopics()).values()
CAMERA = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
OPTICAL = 'camera_color_optical_frame'
START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
SCALE, SHIFT = 0.5, 0.1  # of the stand-in's values to 1 / depth


class Network:
    """Stand in for a predictor: relative inverse depth is the red of the image."""

    identity = ModelIdentity('red', 'checkpoint', '', 'none', 'fp32', 'cpu', (48, 64), 'none')
    output_kind = OutputKind.RELATIVE_INVERSE_DEPTH
    weights_path = None
    spec = MODELS['tiny']
    metres_at_focal_px = None

    def is_built(self, height, width):
        return True

    def preprocess(self, rgb):
        return ModelInput(rgb[..., 0].astype(np.float32) / 255, rgb.shape[:2])

    def infer(self, model_input):
        return model_input.pixels

    def infer_with_confidence(self, model_input):
        return NetworkOutput(self.infer(model_input))

    def field_of_view(self, rgb):
        raise BackendError("model 'red' does not find the field of view")

    def postprocess(self, raw, source_size):
        return RelativeInverseDepth(raw)

    def enlarge(self, values, source_size):
        return resize_align_corners(values, source_size)


def picture(number):
    """Return the image of a frame, whose red slants."""
    rows, columns = np.mgrid[0:48, 0:64]
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[..., 0] = 40 + 2 * rows + columns + number
    return rgb


def depth_of(number):
    """Return what is measured of a frame in metres."""
    values = picture(number)[..., 0] / np.float32(255)
    return (1 / (SCALE * values + SHIFT)).astype(np.float32)


def stamp_of(number):
    return START_NS + number * PERIOD_NS


def header(stamp_ns, frame_id=OPTICAL):
    return {'header': {'stamp': stamp_fields(stamp_ns), 'frame_id': frame_id}}


def transform(parent, child, move=(0.0, 0.0, 0.0), stamp_ns=START_NS):
    return {
        **header(stamp_ns, parent),
        'child_frame_id': child,
        'transform': {'translation': dict(zip('xyz', move, strict=True)), 'rotation': {'w': 1.0}},
    }


def write_drive(
    path,
    frames=6,
    *,
    storage='mcap',
    depth_delay_ns=0,
    broken=(),
    info_size=(64, 48),
    compressed=False,
    more=None,
):
    """
    Write the drive; depth of a frame is recorded so long after its image.

    :param info_size: the size that camera_info of the image tells.
    :param compressed: write the image as JPEG.
    :param broken: numbers of images that are cut.
    :param more: called with the writer at the end.
    """
    messages = []
    for number in range(frames):
        time_ns = stamp_of(number)
        image = image_fields(picture(number), 'rgb8')
        topic = IMAGE, 'sensor_msgs/msg/Image'
        if compressed:
            image = compressed_fields(picture(number))
            topic = f'{IMAGE}/compressed', 'sensor_msgs/msg/CompressedImage'
        if number in broken:
            image['data'] = image['data'][:100]
        stamped, info = header(time_ns), camera_info_fields(CAMERA)
        depth = depth_image_fields(depth_of(number), '32FC1')
        messages += [
            (time_ns, INFO, 'sensor_msgs/msg/CameraInfo',
             {**stamped, **info, **dict(zip(('width', 'height'), info_size, strict=True))}),
            (time_ns, *topic, {**stamped, **image}),
            (time_ns + depth_delay_ns, DEPTH_INFO, 'sensor_msgs/msg/CameraInfo',
             {**stamped, **info}),
            (time_ns + depth_delay_ns, DEPTH, 'sensor_msgs/msg/Image', {**stamped, **depth}),
        ]  # fmt: skip
    with BagWriter(path, storage) as writer:
        tf = [transform('base_link', OPTICAL, (0.1, 0.0, 0.2))]
        writer.write('/tf_static', 'tf2_msgs/msg/TFMessage', {'transforms': tf}, START_NS)
        for time_ns, topic, type_name, fields in sorted(messages, key=lambda found: found[0]):
            writer.write(topic, type_name, fields, time_ns)
        if more is not None:
            more(writer)
    return path
