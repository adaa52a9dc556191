from made_data import MadeDataset

from depth_anything_ros.lab.datasets.remembered import RememberedDataset

SAMPLE_BYTES = 30 * 40 * (3 + 4)


class Counted(MadeDataset):
    reads: list = []  # noqa: RUF012

    def __getitem__(self, index):
        self.reads.append(index)
        return super().__getitem__(index)


def test_samples_are_read_once_as_far_as_there_is_room():
    dataset = Counted('made', 3)
    dataset.reads.clear()
    remembered = RememberedDataset(dataset, limit_bytes=2 * SAMPLE_BYTES)
    for _ in range(3):
        for index in range(3):
            assert remembered[index].name == dataset.sample_name(index)
    assert dataset.reads == [0, 1, 2, 2, 2]


def test_names_are_those_of_the_data_set():
    dataset = MadeDataset('made', 3)
    remembered = RememberedDataset(dataset)
    assert (remembered.name, len(remembered)) == ('made', 3)
    assert remembered.sample_name(2) == dataset.sample_name(2)
    assert remembered.source(1) == dataset.source(1)
