"""Messages as no driver should send them: every field may be at odds with every other."""

import math
from types import SimpleNamespace

import cv2
import numpy as np
from hostile_bytes import damaged
from hypothesis import strategies as st

from depth_anything_ros.messages import KNOWN_DEPTH_ENCODINGS, KNOWN_ENCODINGS

FLOATS = st.one_of(
    st.sampled_from(
        (0.0, -0.0, 1.0, -1.0, 1e-300, 1e-6, 1e6, 1e300, math.nan, math.inf, -math.inf)
    ),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-1000, 1000),
)
FLOATS32 = st.floats(width=32, allow_nan=True, allow_infinity=True)
LENSES = ('plumb_bob', 'rational_polynomial', 'equidistant', 'fisheye', '')
SIZES = st.one_of(st.integers(0, 40), st.sampled_from((65_535, 2**31 - 1, 2**32 - 1)))
STAMPS = st.builds(
    SimpleNamespace,
    sec=st.one_of(st.just(0), st.integers(-(2**31), 2**31 - 1)),
    nanosec=st.one_of(st.just(0), st.integers(0, 2**32 - 1)),
)
TEXTS = st.one_of(
    st.sampled_from(('', 'camera', 'a/b', '<script>', '\x1b[2J', '\x00', 'x' * 300)),
    st.text(max_size=20),
)
HEADERS = st.builds(SimpleNamespace, stamp=STAMPS, frame_id=TEXTS)


@st.composite
def images(draw, encodings=(*KNOWN_ENCODINGS, *KNOWN_DEPTH_ENCODINGS)):
    """Return an Image; about half of them have the data that their size and step ask for."""
    height, width = draw(SIZES), draw(SIZES)
    encoding = draw(st.one_of(st.sampled_from(tuple(encodings)), TEXTS))
    pixel_bytes = draw(st.sampled_from((1, 2, 3, 4, 6, 8)))
    step = draw(st.one_of(st.just(width * pixel_bytes), SIZES))
    wanted = step * height
    count = wanted if wanted <= 20_000 and draw(st.booleans()) else draw(st.integers(0, 4_000))
    random = np.random.default_rng(draw(st.integers(0, 9)))
    data = random.integers(0, 256, count, dtype=np.uint8)
    return SimpleNamespace(
        header=draw(HEADERS),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=draw(st.sampled_from((0, 1, 255))),
        step=step,
        data=data.tobytes() if draw(st.booleans()) else data,
    )


def _encoded(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


_RANDOM = np.random.default_rng(0)
_RGB = _RANDOM.integers(0, 256, (24, 32, 3), dtype=np.uint8)
_DEPTH_MM = _RANDOM.integers(0, 5000, (24, 32), dtype=np.uint16)
PICTURES = (
    _encoded('.jpg', _RGB),
    _encoded('.jpg', _RGB, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    _encoded('.jpg', _RGB[..., 0]),
    _encoded('.png', _RGB),
    _encoded('.png', _RGB[..., 0]),
)
DEPTH_PICTURES = (_encoded('.png', _DEPTH_MM),)


@st.composite
def compressed_images(draw):
    """Return a CompressedImage of damaged JPEG or PNG."""
    format_text = draw(
        st.one_of(st.sampled_from(('jpeg', 'png', 'rgb8; jpeg compressed bgr8')), TEXTS)
    )
    data = draw(damaged(PICTURES))
    return SimpleNamespace(header=draw(HEADERS), format=format_text, data=data)


@st.composite
def compressed_depths(draw):
    """Return a CompressedImage of damaged PNG depth, with or without its header of 12 bytes."""
    known = ('16UC1; compressedDepth png', '32FC1; compressedDepth png', '16UC1; compressedDepth',
             '16UC1; compressedDepth rvl', '16UC1; png compressed ', 'png')  # fmt: skip
    format_text = draw(st.one_of(st.sampled_from(known), TEXTS))
    header = bytes(4) + np.array([draw(FLOATS32), draw(FLOATS32)], '<f4').tobytes()
    data = draw(damaged((header + DEPTH_PICTURES[0], *DEPTH_PICTURES)))
    return SimpleNamespace(header=draw(HEADERS), format=format_text, data=data)


@st.composite
def camera_infos(draw):
    """Return a CameraInfo; a part of them describes a plain camera but for a field or two."""
    width, height = draw(st.one_of(st.just(32), SIZES)), draw(st.one_of(st.just(24), SIZES))
    focal, centre = draw(st.one_of(st.just(30.0), FLOATS)), draw(st.one_of(st.just(16.0), FLOATS))
    count = draw(st.sampled_from((0, 1, 4, 5, 6, 8, 12, 14, 20)))
    small = st.one_of(st.just(0.0), st.floats(-0.5, 0.5))
    coefficients = draw(st.one_of(st.lists(small, min_size=count, max_size=count),
                                  st.lists(FLOATS, min_size=count, max_size=count)))  # fmt: skip
    zero_p = draw(st.booleans())
    return SimpleNamespace(
        header=draw(HEADERS),
        width=width,
        height=height,
        distortion_model=draw(st.one_of(st.sampled_from(LENSES), TEXTS)),
        d=coefficients,
        k=[focal, 0.0, centre, 0.0, draw(st.one_of(st.just(30.0), FLOATS)), 12.0, 0.0, 0.0, 1.0],
        r=[0.0] * 9 if draw(st.booleans()) else [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[0.0] * 12 if zero_p else [draw(FLOATS) for _ in range(12)],
        binning_x=draw(st.sampled_from((0, 1, 2, 2**32 - 1))),
        binning_y=draw(st.sampled_from((0, 1, 2, 2**32 - 1))),
        roi=SimpleNamespace(
            x_offset=draw(SIZES), y_offset=draw(SIZES), width=draw(st.one_of(st.just(0), SIZES)),
            height=draw(st.one_of(st.just(0), SIZES)), do_rectify=draw(st.booleans()),
        ),
    )  # fmt: skip


SCANS = st.builds(
    SimpleNamespace,
    header=HEADERS,
    angle_min=FLOATS,
    angle_max=FLOATS,
    angle_increment=FLOATS,
    time_increment=FLOATS,
    scan_time=FLOATS,
    range_min=FLOATS,
    range_max=FLOATS,
    ranges=st.one_of(
        st.lists(FLOATS, max_size=60), st.integers(0, 400).map(lambda count: [2.0] * count)
    ),
    intensities=st.just([]),
)

_PAIRS = st.builds(
    SimpleNamespace,
    key=st.one_of(
        st.sampled_from(
            ('model.name', 'model.input_size', 'model', 'stages_ms.total.p50', 'stages_ms.total',
             'stages_ms', 'frames.rejected', 'frames', 'state', '', '.', '...', 'a.b.c.d.e')
        ),
        TEXTS,
    ),
    value=st.one_of(
        st.sampled_from(('tiny', '192x256', '192', 'x', '', 'nan', 'inf', '-1', '1e400', '12.5')),
        TEXTS,
    ),
)  # fmt: skip
STATUSES = st.builds(
    SimpleNamespace,
    name=st.one_of(st.just('depth_node'), TEXTS),
    level=st.binary(min_size=1, max_size=1),
    message=TEXTS,
    hardware_id=TEXTS,
    values=st.lists(_PAIRS, max_size=12),
)
