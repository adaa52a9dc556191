"""What killed nodes leave in shared memory is freed, and nothing of a living one."""

import fcntl
from pathlib import Path

from shared_memory import free_orphans


def test_only_segments_that_no_process_holds_are_freed(tmp_path: Path) -> None:
    for name in ('fastdds_dead', 'fastdds_dead_el', 'fastdds_alive', 'fastdds_alive_el', 'other'):
        (tmp_path / name).touch()
    with (tmp_path / 'fastdds_alive_el').open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert free_orphans(tmp_path) == ['fastdds_dead']
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ['fastdds_alive', 'fastdds_alive_el', 'other']
