"""Pictures as people have them: turned by EXIF, of other channels, of other forms."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def exif(jpeg: bytes, orientation: int) -> bytes:
    """Return a JPEG with an EXIF segment of one entry, the orientation."""
    entry = b'\x01\x12\x00\x03' + (1).to_bytes(4, 'big') + orientation.to_bytes(2, 'big') + b'\0\0'
    tiff = b'MM\x00\x2a' + (8).to_bytes(4, 'big') + b'\x00\x01' + entry + bytes(4)
    body = b'Exif\0\0' + tiff
    return jpeg[:2] + b'\xff\xe1' + (len(body) + 2).to_bytes(2, 'big') + body + jpeg[2:]


def scene(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return a smooth picture of some colours, uint8 (H, W, 3), red first."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """Return a picture as JPEG of the best quality."""
    return cv2.imencode('.jpg', rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()


def cmyk_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """Return a picture as JPEG of four inks."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(rgb).convert('CMYK').save(file, 'JPEG', quality=100)
    return file.getvalue()


def write_odd_pictures(folder: Path) -> dict[str, tuple[int, int]]:
    """
    Write eight odd pictures, of which two cannot be predicted.

    :return: (height, width) as people see it of the six that can, by name of the file.
    """
    folder.mkdir(parents=True)
    rgb = scene(48, 64)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    alpha = np.dstack([rgb[..., ::-1], np.full((48, 64), 100, np.uint8)])
    cv2.imwrite(str(folder / 'grey.png'), grey)
    cv2.imwrite(str(folder / 'alpha.png'), alpha)
    cv2.imwrite(str(folder / 'wide.png'), rgb[..., ::-1].astype(np.uint16) * 257)
    (folder / 'turned.jpg').write_bytes(exif(jpeg(rgb), 6))
    (folder / 'inks.jpg').write_bytes(cmyk_jpeg(rgb))
    (folder / 'portrait ☺.jpg').write_bytes(jpeg(scene(64, 40)))
    cv2.imwrite(str(folder / 'thread.png'), scene(1, 9000))
    (folder / 'broken.jpg').write_bytes(jpeg(rgb)[:900])
    return {
        'alpha.png': (48, 64),
        'grey.png': (48, 64),
        'inks.jpg': (48, 64),
        'portrait ☺.jpg': (64, 40),
        'turned.jpg': (64, 48),
        'wide.png': (48, 64),
    }
