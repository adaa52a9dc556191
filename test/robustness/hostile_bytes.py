"""Bytes that came damaged: valid ones cut, flipped, spliced and with other numbers in them."""

import struct

from hypothesis import strategies as st

# Numbers that lengths and sizes are set to; each at the edge of a type or of what is sane.
_EDGES = (0, 1, 2, 255, 30_000, 65_535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_NUMBERS = ('<B', '<H', '>H', '<I', '>I', '<Q', '>Q')


@st.composite
def damaged(draw, valid: tuple[bytes, ...]) -> bytes:
    """Return one of the valid byte strings with one to four damages; now and then noise."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, 4))):
        _damage(draw, data)
    return bytes(data)


def _damage(draw, data: bytearray) -> None:
    place = draw(st.integers(0, max(0, len(data) - 1)))
    # Headers are short and decide; half of the damages go there.
    if draw(st.booleans()):
        place %= min(max(1, len(data)), 128)
    kind = draw(st.sampled_from(('flip', 'cut', 'number', 'noise', 'drop', 'repeat')))
    if kind == 'flip' and data:
        data[place] ^= 1 << draw(st.integers(0, 7))
    elif kind == 'cut':
        del data[place:]
    elif kind == 'number':
        form = draw(st.sampled_from(_NUMBERS))
        largest = 256 ** struct.calcsize(form) - 1
        number = min(draw(st.sampled_from(_EDGES)), largest)
        data[place : place + struct.calcsize(form)] = struct.pack(form, number)
    elif kind == 'noise':
        noise = draw(st.binary(min_size=1, max_size=16))
        data[place : place + len(noise)] = noise
    elif kind == 'drop':
        del data[place : place + draw(st.integers(1, 64))]
    elif kind == 'repeat':
        piece = data[place : place + draw(st.integers(1, 64))]
        data[place:place] = piece * draw(st.integers(1, 8))


@st.composite
def damaged_text(draw, valid: tuple[str, ...]) -> bytes:
    """Return a text, such as YAML or JSON, with words replaced, nested deeply or damaged."""
    text = draw(st.sampled_from(valid))
    kind = draw(st.sampled_from(('words', 'deep', 'bytes')))
    if kind == 'deep':
        return ('[' * draw(st.sampled_from((10, 1_000, 100_000))) + text).encode()
    if kind == 'bytes':
        return draw(damaged((text.encode(),)))
    words = text.split('"') if '"' in text else text.split(' ')
    for _ in range(draw(st.integers(1, 3))):
        words[draw(st.integers(0, len(words) - 1))] = draw(_WORDS)
    return ('"' if '"' in text else ' ').join(words).encode('utf-8', 'surrogatepass')


_WORDS = st.one_of(
    st.sampled_from(
        ('', '{}', '[]', 'null', 'true', '-1', '1e999', 'NaN', '../../x', '/etc/passwd', '\x00',
         '<script>', '\x1b[31m', '=HYPERLINK("x")', 'a' * 5_000, '9' * 400,
         '!!python/name:os.system')
    ),
    st.text(max_size=12),
)  # fmt: skip
