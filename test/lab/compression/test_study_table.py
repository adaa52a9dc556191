from study_results import WORD, result

from depth_anything_ros.lab.compression.study_table import table_1
from depth_anything_ros.lab.datasets.protocols import PROTOCOLS

NYU = 'nyu_depth_v2:nyu_depth_v2_labeled.mat'
RESULTS = [result('float32', 0.1, 95_000_000), result('prune(0.2)', 0.2, 80_000_000)]


def of(word):
    return [
        type(item)(item.recipe, item.file, {word: item.scores[WORD]}, item.latency, item.memory)
        for item in RESULTS
    ]


def test_what_the_paper_found_stands_beside():
    table = table_1('depth_anything_v2_vits', of(NYU), NYU)
    assert list(table.headings) == [
        'model variant', 'RMSE', 'δ (1.25)', 'size', 'aligned RMSE', 'aligned δ (1.25)',
        'RMSE in the paper', 'δ in the paper',
    ]  # fmt: skip
    assert table.rows == [
        ['float32', '0.10', '10.00%', '95 MB', '0.10', '10.00%', '2.18', '15.38%'],
        ['prune(0.2)', '0.20', '20.00%', '80 MB', '0.20', '20.00%', '–', '–'],
    ]


def test_other_frames_and_models_are_not_compared_with_the_paper():
    other = 'nyu_depth_v2/0-199:nyu_depth_v2_labeled.mat'
    assert len(table_1('depth_anything_v2_vits', of(other), other).headings) == 6
    assert len(table_1('tiny', of(NYU), NYU).headings) == 6


def test_the_frames_compared_are_those_of_the_protocol():
    assert PROTOCOLS['seed000'].data == {'nyu_depth_v2': '0-499'}
