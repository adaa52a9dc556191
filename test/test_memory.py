import os

from depth_anything_ros.memory import keep_large_buffers


def test_large_buffers_stay_mapped_where_libc_is_glibc():
    is_glibc = 'CS_GNU_LIBC_VERSION' in os.confstr_names
    assert keep_large_buffers() is is_glibc
