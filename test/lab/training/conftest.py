"""What the tests of this folder share."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope='package', autouse=True)
def _one_thread() -> Iterator[None]:
    """Compute with one thread: more gain nothing on small networks, and wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
