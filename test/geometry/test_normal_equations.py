import time

import numpy as np
import pytest

from depth_anything_ros.geometry.normal_equations import solve_normal


def equations(count, *columns):
    rng = np.random.default_rng(count)
    slopes = rng.normal(size=(count, 3 * count))
    return slopes @ slopes.T, rng.normal(size=(count, *columns))


@pytest.mark.parametrize('count', [1, 2, 3, 6])
@pytest.mark.parametrize('columns', [(), (3,)])
def test_the_solution_is_that_of_numpy(count, columns):
    matrix, right = equations(count, *columns)
    found = solve_normal(matrix, right)
    assert found.shape == right.shape
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-9)
    rounded = solve_normal(matrix, right.astype(np.float32))
    np.testing.assert_allclose(rounded, found, rtol=1e-4)


@pytest.mark.parametrize('count', [1, 2, 3, 6])
@pytest.mark.parametrize('number', [0.0, np.nan])
def test_a_singular_matrix_and_one_with_nan_give_no_numbers(count, number):
    matrix = np.full((count, count), number)
    assert np.isnan(solve_normal(matrix, np.ones(count))).all()
    assert np.isnan(solve_normal(matrix, np.ones((count, 2)))).all()


def test_no_other_thread_is_kept_busy():
    matrix, right = equations(6)
    solve_normal(matrix, right)
    time.sleep(0.2)
    before_s = time.process_time() - time.thread_time()
    for _ in range(20):
        solve_normal(matrix, right)
        time.sleep(0.002)
    assert time.process_time() - time.thread_time() - before_s < 0.01
