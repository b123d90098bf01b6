"""The class-constant shift, in a linear model where it is everything, and drop rates."""

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.errors import AvlibError
from avlib.metrics import broken_share, class_shift, decompose, fates, shift_share, tagging


def linear(seed, clips=300, classes=6, features=20):
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(classes, features))
    inputs = generator.normal(size=(clips, features))
    labels = np.eye(classes)[(inputs @ weights.T + generator.normal(size=(clips, classes))).argmax(axis=1)]
    return generator, weights, inputs, labels


def test_a_universal_delta_on_a_linear_model_is_all_shift():
    generator, weights, inputs, labels = linear(0)
    clean = inputs @ weights.T
    attacked = (inputs + 2 * generator.normal(size=inputs.shape[1])) @ weights.T
    table = decompose(clean, attacked, labels)
    assert table.loc["attacked", "mAP"] == pytest.approx(table.loc["clean", "mAP"], abs=1e-9)
    assert table.loc["attacked", "top1"] < table.loc["clean", "top1"] - 0.2
    pd.testing.assert_series_equal(table.loc["shift alone"], table.loc["attacked"], check_names=False)
    pd.testing.assert_series_equal(table.loc["rest alone"], table.loc["clean"], check_names=False)
    assert shift_share(table)[["lwlrap", "top1", "broken"]].to_numpy() == pytest.approx(np.ones((2, 3)))


def test_an_attack_without_a_mean_is_all_rest():
    generator, weights, inputs, labels = linear(1)
    clean = inputs @ weights.T
    noise = 5 * generator.normal(size=clean.shape)
    table = decompose(clean, clean + noise - noise.mean(axis=0), labels)
    assert table.loc["attacked", "mAP"] < table.loc["clean", "mAP"] - 0.1
    assert shift_share(table).to_numpy() == pytest.approx(np.zeros((2, 5)), abs=1e-9)


def test_the_two_orders_of_sharing_differ_and_their_mean_adds_up():
    rows = {"clean": 1.0, "shift alone": 0.9, "rest alone": 0.8, "attacked": 0.2}
    table = pd.DataFrame({"lwlrap": rows, "broken": {name: 1 - value for name, value in rows.items()}})
    share = shift_share(table)
    assert share.loc["shift first"].tolist() == pytest.approx([0.1 / 0.8] * 2)
    assert share.loc["rest first"].tolist() == pytest.approx([0.6 / 0.8] * 2)
    rest = shift_share(table.rename({"shift alone": "rest alone", "rest alone": "shift alone"}))
    assert (share.mean() + rest.mean()).tolist() == pytest.approx([1, 1])
    assert shift_share(table.assign(lwlrap=0.5))["lwlrap"].isna().all()


def test_no_shift_changes_ap_and_auc_whatever_the_attack():
    generator, weights, inputs, labels = linear(2)
    clean = inputs @ weights.T
    table = decompose(clean, np.tanh(clean) + 3 * generator.normal(size=clean.shape) + 4, labels)
    ranked = table[["mAP", "auc"]]
    pd.testing.assert_series_equal(ranked.loc["shift alone"], ranked.loc["clean"], check_names=False)
    pd.testing.assert_series_equal(ranked.loc["rest alone"], ranked.loc["attacked"], check_names=False)


def test_the_shift_may_come_from_another_split():
    generator, weights, inputs, labels = linear(3)
    delta = 2 * generator.normal(size=inputs.shape[1])
    clean, attacked = inputs @ weights.T, (inputs + delta) @ weights.T
    fitted = class_shift(clean[:100], attacked[:100])
    assert fitted == pytest.approx(weights @ delta)
    other = decompose(clean[100:], attacked[100:], labels[100:], shift=fitted)
    assert other.loc["rest alone", "lwlrap"] == pytest.approx(other.loc["clean", "lwlrap"])
    wrong = decompose(clean, attacked, labels, shift=np.zeros(6))
    pd.testing.assert_series_equal(wrong.loc["rest alone"], wrong.loc["attacked"], check_names=False)


def test_torch_and_float16_are_welcome():
    _, weights, inputs, labels = linear(4)
    clean = torch.tensor(inputs @ weights.T, dtype=torch.float16, requires_grad=True)
    table = decompose(clean, clean * 0.5, torch.tensor(labels))
    assert table.loc["clean", "mAP"] == tagging(clean, torch.tensor(labels)).mAP


def test_logits_of_other_clips_are_refused():
    with pytest.raises(AvlibError, match="same clips"):
        class_shift(np.zeros((3, 2)), np.zeros((4, 2)))


def test_the_caller_says_what_broken_means():
    logits, labels = np.array([[1.0, -1.0], [-2.0, 3.0]]), np.array([[1, 0], [1, 1]])
    assert broken_share(logits, labels) == 0.0
    assert broken_share(logits, labels, lambda z, y: (z[:, 0] > 0) != (y[:, 0] > 0)) == 0.5


def test_each_clip_with_a_label_goes_one_way():
    generator, weights, inputs, labels = linear(5)
    labels[:7] = 0  # clips without a label are neither right nor wrong
    clean = inputs @ weights.T
    shift = 3 * generator.normal(size=6)
    attacked = clean * (generator.random((300, 1)) > 0.3) + shift
    went = fates(clean, attacked, labels, shift).set_index(["before", "after"])["clips"]
    assert went.sum() == 293
    assert went["wrong"].sum() == round(293 * broken_share(clean, labels))
    lost = went["right"].sum() - went["right", "right"] + went["wrong", "wrong"]
    assert lost == round(293 * broken_share(attacked, labels))
    assert min(went["right"]) > 0


def test_what_a_shift_breaks_is_shifted_and_what_silence_breaks_is_drowned():
    _, weights, inputs, labels = linear(6)
    clean = inputs @ weights.T
    shift = np.array([50.0, 0, 0, 0, 0, 0])
    right = 300 - round(300 * broken_share(clean, labels))

    def went(attacked: np.ndarray) -> dict:
        table = fates(torch.tensor(clean), torch.tensor(attacked), torch.tensor(labels), shift)
        return {(before, after): clips for before, after, clips in table.itertuples(index=False)}

    moved = went(clean + shift)
    assert moved["right", "drowned"] == 0
    assert moved["right", "right"] + moved["right", "shifted"] == right
    assert moved["right", "shifted"] > 0
    silent = went(0 * clean + shift)
    assert silent["right", "shifted"] == 0
    assert silent["right", "drowned"] > 0
