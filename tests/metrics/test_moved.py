import numpy as np

from avlib.metrics import moved


def test_what_moves_all_classes_alike_cancels():
    change = np.array([0.5, 0.7, 0.1, 0.2, np.nan])
    a, b = moved(change, [0, 1]), moved(change + 9, [0, 1])
    assert np.allclose([a.value, a.low, a.high], [b.value, b.low, b.high])
    assert np.isclose(a.value, 0.6 - 0.15)
    assert a.low < a.value < a.high
    assert a.sign == 1
    assert moved(-change, [0, 1]).sign == -1


def test_without_others_there_is_nothing_to_compare_with():
    assert np.isnan(moved([1.0, 2.0], [0, 1]).value)
    assert np.isnan(moved([np.nan, 2.0], [0]).value)
