import pytest
from study_results import WORD, result

from depth_anything_ros.lab.compression.study_findings import (
    Breakdown,
    breakdowns,
    change,
    contradiction,
    pareto_front,
    sentence,
    sweep,
)

PARENT = result('float32', 0.1)


def pruned(errors, scope=''):
    return [result(f'prune({amount}{scope})', error) for amount, error in errors.items()]


def test_change_is_relative_to_the_parent():
    assert change(result('int8_static', 0.103), PARENT, WORD) == pytest.approx(0.03)
    assert change(result('int8_static', 0.09), PARENT, WORD) == pytest.approx(-0.1)


def test_change_is_unknown_on_other_images():
    assert change(result('prune(0.9)', 0.05, failed=1), PARENT, WORD) is None
    assert change(result('a', None, failed=10), result('float32', None, failed=10), WORD) is None


def test_sweep_is_of_pruning_alone_in_order():
    results = [
        PARENT,
        *pruned({0.5: 0.2, 0.1: 0.1}),
        result('prune(0.3)+int16_static', 0.1),
        result('int16_static', 0.1),
        *pruned({0.2: 0.1}, ', global'),
    ]
    assert [amount for amount, _ in sweep(results, 'layer')] == [0.1, 0.5]
    assert [amount for amount, _ in sweep(results, 'global')] == [0.2]


def test_breakdown_is_at_the_first_share_beyond_the_bound():
    results = [PARENT, *pruned({0.1: 0.1001, 0.2: 0.1029, 0.3: 0.108, 0.4: 0.1, 0.5: 0.2})]
    small, large = breakdowns(results, WORD)
    assert (small.scope, small.bound, small.within, small.beyond) == ('layer', 0.03, 0.2, 0.3)
    assert small.change == pytest.approx(0.08)
    assert (large.bound, large.within, large.beyond) == (0.1, 0.4, 0.5)
    assert sentence(small) == (
        'Pruning by layer keeps aligned AbsRel within 3% of the parent with up to 20% pruned; '
        'with 30% AbsRel is 8.0% above the parent.'
    )


def test_breakdown_at_the_first_share_and_none_at_all():
    results = [PARENT, *pruned({0.1: 0.2}), *pruned({0.1: 0.1, 0.2: 0.1}, ', global')]
    layer, _, everywhere, _ = breakdowns(results, WORD)
    assert sentence(layer) == (
        'Pruning by layer keeps aligned AbsRel within 3% of the parent with no share studied; '
        'with 10% AbsRel is 100.0% above the parent.'
    )
    assert everywhere == Breakdown('global', 0.03, 0.2, None, None)
    assert sentence(everywhere) == (
        'Pruning over all layers together keeps aligned AbsRel within 3% of the parent with every '
        'share studied, up to 20% pruned.'
    )


def test_share_with_failures_breaks_down():
    results = [PARENT, result('prune(0.1)', 0.1), result('prune(0.2)', 0.1, failed=3)]
    found = breakdowns(results, WORD)[0]
    assert (found.within, found.beyond, found.change) == (0.1, 0.2, None)
    assert sentence(found).endswith('with 20% some images have no score.')


def test_raw_scores_that_praise_a_worse_network_are_named():
    worse, hardly = result('prune(0.5)', 0.2, raw=0.09), result('prune(0.7)', 0.105, raw=0.09)
    (raw_too,) = pruned({0.6: 0.2})
    failed = result('prune(0.9)', None, failed=10)
    assert contradiction([PARENT, worse, raw_too, hardly, failed], WORD) == (
        'Raw AbsRel is lower than that of the parent with prune(0.5), whose aligned AbsRel is '
        'more than 10% higher: raw scores do not rank these networks.'
    )
    assert contradiction([PARENT, raw_too, hardly, failed], WORD) == ''


def test_front_holds_what_no_other_point_beats():
    points = [(10, 0.1), (5, 0.2), (7, 0.1), (5, 0.3), (2, 0.5), (8, 0.05), (9, 0.05)]
    assert pareto_front(points) == [4, 1, 2, 5]


def test_front_of_nothing_is_empty():
    assert pareto_front([]) == []
