import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import pytest

from depth_anything_ros.json_text import (
    ALL_KEYS,
    FLAT,
    IF_KNOWN,
    as_json,
    from_json,
    keys,
    parse_json,
    record,
)


class Kind(str, Enum):
    RELATIVE = 'relative inverse depth'


@dataclass(frozen=True)
class Times:
    p50_ms: float
    p95_ms: float | None = None


@dataclass(frozen=True)
class Row:
    name: str
    size: tuple[int, int]
    kind: Kind
    times: Times | None = field(default=None, metadata=FLAT)
    means: Mapping[str, float] = field(default_factory=dict, metadata=FLAT)
    ratio: Times | None = field(default=None, metadata=IF_KNOWN)
    note: str | None = None
    marks: tuple[int, ...] = ()
    limits: Times | None = field(default=None, metadata=ALL_KEYS)


def told(result: object) -> object:
    return json.loads(json.dumps(result, default=as_json))


def test_result_is_an_object_of_its_fields_in_their_order():
    row = Row('a', (2, 3), Kind.RELATIVE, Times(1.5), {'rmse': 0.1}, Times(2.0, 3.0))
    assert list(told([row])[0].items()) == [
        ('name', 'a'), ('size', [2, 3]), ('kind', 'relative inverse depth'), ('p50_ms', 1.5),
        ('p95_ms', None), ('rmse', 0.1), ('ratio', {'p50_ms': 2.0, 'p95_ms': 3.0}), ('note', None),
        ('marks', []),
        ('limits', {'p50_ms': None, 'p95_ms': None}),
    ]  # fmt: skip


def test_flat_part_that_is_not_known_keeps_its_keys_and_others_may_be_left_out():
    row = Row('a', (2, 3), Kind.RELATIVE)
    assert list(record(row)) == [
        'name', 'size', 'kind', 'p50_ms', 'p95_ms', 'note', 'marks', 'limits'
    ]  # fmt: skip
    assert record(row)['p50_ms'] is None


def test_keys_are_known_without_a_result():
    assert keys(Row) == [
        'name', 'size', 'kind', 'p50_ms', 'p95_ms', 'ratio', 'note', 'marks', 'limits'
    ]  # fmt: skip


@pytest.mark.parametrize('value', [object(), Times, {1, 2}])
def test_what_is_no_result_has_no_form(value):
    with pytest.raises(TypeError, match='has no form in JSON'):
        record(value)
    with pytest.raises(TypeError, match='has no form in JSON'):
        json.dumps(value, default=as_json)


@pytest.mark.parametrize('text', ['{', b'\xff', '[' * 100_000])
def test_text_that_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r'.'):
        parse_json(text)


@pytest.mark.parametrize('row', [
    Row('a', (2, 3), Kind.RELATIVE, Times(1.5), {'rmse': 0.1}, Times(2.0, 3.0), 'b', (1, 2, 3),
        Times(4)),
    Row('b', (2, 3), Kind.RELATIVE),
])  # fmt: skip
def test_result_comes_back_from_its_form(row):
    assert from_json(Row, told(row)) == row


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'name': 1}, "1 is no <class 'str'>"),
        ({'size': [1, 2, 3]}, r'is no tuple\[int, int\]'),
        ({'marks': [1, '2']}, "'2' is no <class 'int'>"),
        ({'kind': 'colour'}, "'colour' is not a valid Kind"),
        ({'p50_ms': True}, "'p50_ms': True.* is none of"),
        ({'ratio': {'p50_ms': 1.0}}, 'is none of'),
        ({'means': 'x'}, "'x' is no <class 'float'>"),
    ],
)
def test_other_form_is_refused(change, message):
    form = told(Row('a', (2, 3), Kind.RELATIVE, Times(1.5)))
    with pytest.raises(ValueError, match=message):
        from_json(Row, {**form, **change})


def test_missing_and_strange_keys_are_refused():
    with pytest.raises(ValueError, match='this Times lacks p95_ms'):
        from_json(Times, {'p50_ms': 1.0})
    with pytest.raises(ValueError, match='a Times has no p99_ms'):
        from_json(Times, {'p50_ms': 1.0, 'p95_ms': None, 'p99_ms': 2.0})
    with pytest.raises(ValueError, match='is no Times'):
        from_json(Times, [1.0])
