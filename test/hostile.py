"""Small pictures and arrays that say they are huge, or unpack to much more than they are."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib

import cv2
import numpy as np

SIDE = 30_000
_PNG_START = b'\x89PNG\r\n\x1a\n'


def picture(height=48, width=64):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(extension, *parameters, pixels=None):
    os.environ.setdefault('OPENCV_IO_ENABLE_OPENEXR', '1')
    pixels = picture() if pixels is None else pixels
    return cv2.imencode(extension, pixels, parameters)[1].tobytes()


def jpeg(side=SIDE, *, progressive=False, before=b''):
    """Return a JPEG of a few hundred bytes that says it is square, with `before` at its start."""
    flat = np.full((8, 8, 3), 127, np.uint8)
    data = bytearray(encoded('.jpg', cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), pixels=flat))
    place = data.index(b'\xff\xc2' if progressive else b'\xff\xc0')
    data[place + 5 : place + 9] = struct.pack('>HH', side, side)
    return bytes(data[:2] + before + data[2:])


def application_segment(content):
    """Return an APP1 segment, where cameras put a thumbnail."""
    return b'\xff\xe1' + struct.pack('>H', len(content) + 2) + content


def chunk(name, content):
    body = name + content
    return struct.pack('>I', len(content)) + body + struct.pack('>I', zlib.crc32(body))


def png(side=SIDE, *, depth=8, colour=2, pixels=b'', before=b''):
    """Return a PNG that says it is square, with the compressed `pixels` and chunks given."""
    header = struct.pack('>IIBBBBB', side, side, depth, colour, 0, 0, 0)
    return b''.join(
        (
            _PNG_START,
            chunk(b'IHDR', header),
            before,
            chunk(b'IDAT', pixels or zlib.compress(bytes(10_000_000), 9)),
            chunk(b'IEND', b''),
        )
    )


def small_png(before=b''):
    return png(8, pixels=zlib.compress(8 * bytes(1 + 3 * 8)), before=before)


def text_bombs(count):
    """Return compressed texts of 8 kB that unpack to 8 MB each."""
    text = zlib.compress(b'a' * 7_900_000, 9)
    return count * (chunk(b'zTXt', b'k\0\0' + text) + chunk(b'iTXt', b'k\0\1\0\0\0' + text))


def many_scans(count):
    """Return a progressive JPEG of that many scans."""
    data = jpeg(4000, progressive=True)
    place = data.rindex(b'\xff\xda')
    return data[:-2] + count * data[place:-2] + data[-2:]


def webp(side=16_384, kind='lossy'):
    quality = {'lossy': 80, 'lossless': 101}[kind]
    data = bytearray(encoded('.webp', cv2.IMWRITE_WEBP_QUALITY, quality))
    if kind == 'lossy':
        data[26:30] = struct.pack('<HH', side - 1, side - 1)
    else:
        bits = struct.unpack_from('<I', data, 21)[0] >> 28 << 28
        struct.pack_into('<I', data, 21, bits | (side - 1) << 14 | (side - 1))
    return bytes(data)


def bmp(side=SIDE):
    data = bytearray(encoded('.bmp'))
    data[18:26] = struct.pack('<ii', side, -side)
    return bytes(data)


def exr(side=SIDE):
    data = bytearray(encoded('.exr', pixels=np.ones((8, 8), np.float32)))
    place = data.index(b'dataWindow\0box2i\0') + len(b'dataWindow\0box2i\0') + 4
    data[place : place + 16] = struct.pack('<4i', 0, 0, side - 1, side - 1)
    return bytes(data)


def tiff(side=SIDE, **tags):
    """Return a TIFF of no pixels that says it is square, little-endian, with more `tags`."""
    entries = {256: side, 257: side, 258: 32, 277: 1, **{int(tag[1:]): tags[tag] for tag in tags}}
    rows = [struct.pack('<HHII', tag, 4, 1, value) for tag, value in sorted(entries.items())]
    return b'II*\0' + struct.pack('<IH', 8, len(rows)) + b''.join(rows) + bytes(4)


def npy(shape=(SIDE, SIDE), kind='<f4', body=b'', header=None):
    text = header or f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    content = text.encode().ljust(118) + b'\n'
    return b'\x93NUMPY\x02\x00' + struct.pack('<I', len(content)) + content + body


def npz(megabytes=1000):
    """Return an archive of about a thousandth of that size, of one array of zeros."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive,
        archive.open('values.npy', 'w', force_zip64=True) as file,
    ):
        file.write(npy((megabytes, 250_000)))
        for _ in range(megabytes):
            file.write(bytes(1_000_000))
    return buffer.getvalue()


PICTURES = {
    'jpeg': jpeg(),
    'jpeg of 65500': jpeg(65_500),
    'progressive jpeg': jpeg(6_000, progressive=True),
    'jpeg behind a thumbnail': jpeg(before=application_segment(encoded('.jpg'))),
    'jpeg behind fill bytes': jpeg(before=b'\xff\xff\xff'),
    'jpeg behind rubbish': jpeg(before=application_segment(b'') + b'rubbish'),
    'jpeg of many scans': many_scans(101),
    'jpeg of many segments': jpeg(8, before=3000 * application_segment(b'')),
    'png': png(),
    'grey png of 16 bits': png(depth=16, colour=0),
    'png of many chunks': small_png(70_000 * chunk(b'tEXt', b'')),
    'webp': webp(),
    'lossless webp': webp(kind='lossless'),
    'bmp': bmp(),
    'exr': exr(),
    'tiff': tiff(),
}
