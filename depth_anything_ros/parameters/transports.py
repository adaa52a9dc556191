"""How images come: the last part of their topic, as image_transport names it; raw has none."""

IMAGE_TRANSPORTS = ('raw', 'compressed')
DEPTH_TRANSPORTS = ('raw', 'compressedDepth', 'compressed')
