import logging

import pytest

from depth_anything_ros.inference.building import LongWork


def test_work_is_told_while_it_is_done_and_in_the_log_at_once(caplog):
    work = LongWork()
    with caplog.at_level(logging.INFO), work.doing('building one'):
        assert caplog.messages == ['building one']
        with work.doing('building another'), work.doing('building one'):
            assert work.text == 'building one; building another'
        assert work.text == 'building one'
    assert work.text == ''


def test_work_that_fails_is_done_with():
    work = LongWork()
    with pytest.raises(ValueError, match='no'), work.doing('building one'):
        raise ValueError('no')
    assert work.text == ''
