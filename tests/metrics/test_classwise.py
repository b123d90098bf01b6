"""Two models, a class at a time."""

import numpy as np
import pytest

from avlib.metrics import chance_ap, paired, tagging
from avlib.metrics.classwise import drops, paired_by_class


def test_each_class_is_compared_on_its_own_clips_and_scores():
    draws = np.random.default_rng(1)
    labels = (draws.random((60, 3)) < 0.3).astype(float)
    good, poor = labels + 0.5 * draws.standard_normal((60, 3)), draws.standard_normal((60, 3))
    table = paired_by_class(good, poor, labels, ["a", "b", "c"], replicates=100)
    alone = paired(good[:, 1:2], poor[:, 1:2], labels[:, 1:2], replicates=100)
    ends = ["value", "plain", "low", "high"]
    assert table.loc[1, ends].tolist() == pytest.approx([getattr(alone, end) for end in ends])
    assert table["positives"].tolist() == labels.sum(axis=0).tolist()
    assert (table["low"] > 0).all()


def test_trainings_that_differ_widen_the_interval_of_a_class():
    draws = np.random.default_rng(2)
    labels = (draws.random((400, 2)) < 0.3).astype(float)
    noise = draws.standard_normal((3, 400, 2))
    luck = np.array([0.0, 1.0, 2.0])[:, None, None] * labels  # what each training found of the classes
    alike, unlike = (
        paired_by_class(scores, noise[::-1], labels, ["a", "b"], replicates=100) for scores in (noise + 1, noise + luck)
    )
    assert (unlike["high"] - unlike["low"] > 2 * (alike["high"] - alike["low"])).all()


def halves():
    draws = np.random.default_rng(3)
    labels = (draws.random((400, 3)) < 0.3).astype(float)
    return labels, labels + draws.standard_normal((2, 400, 3)), labels + 3 * draws.standard_normal((2, 400, 3))


def test_a_drop_is_the_share_above_chance_that_is_lost_on_a_half_by_itself():
    labels, clean, attacked = halves()
    table = drops(clean, attacked, labels, ["a", "b", "c"])
    for start, half in enumerate(("", " elsewhere")):
        there = labels[start::2]
        odds = chance_ap(int(there[:, 1].sum()), len(there))
        before, after = (
            np.mean([tagging(one[start::2], there).per_class["AP"][1] for one in z]) for z in (clean, attacked)
        )
        assert table.loc["b", f"AP{half}"] == pytest.approx(before)
        assert table.loc["b", f"drop{half}"] == pytest.approx((before - after) / (before - odds))
        if not half:
            assert table.loc["b", "plain drop"] == pytest.approx((before - after) / before)
    other = drops(
        clean[:, ::-1], attacked[:, ::-1], labels[::-1], ["a", "b", "c"]
    )  # 400 clips: the halves change places
    assert other["drop elsewhere"].tolist() == pytest.approx(table["drop"].tolist())


def test_one_training_needs_no_axis_of_its_own():
    labels, clean, attacked = halves()
    alone, listed = (drops(z, w, labels, "abc") for z, w in ((clean[0], attacked[0]), (clean[:1], attacked[:1])))
    assert alone.equals(listed)


def test_who_has_nothing_to_lose_has_no_drop():
    labels, clean, attacked = halves()
    labels[:, 0] = 0
    labels[:8, 0] = 1  # four positives in each half
    clean[:, :, 0] = labels[:, 0]
    clean[:, :, 2] = attacked[:, :, 2] = np.random.default_rng(0).standard_normal((2, 400))  # chance
    table = drops(clean, attacked, labels, "abc")
    assert table["drop"].isna().tolist() == [True, False, True]
    assert drops(clean, attacked, labels, "abc", fewest=4)["drop"].isna().tolist() == [False, False, True]


@pytest.mark.filterwarnings("error")
def test_a_class_that_a_half_does_not_have_is_left_out_without_a_word():
    labels, clean, attacked = halves()
    labels[::2, 1] = 0
    table = drops(clean, attacked, labels, "abc")
    assert table.loc["b", ["AP", "drop"]].isna().all()
    assert table.loc["b", ["AP elsewhere", "drop elsewhere"]].notna().all()
