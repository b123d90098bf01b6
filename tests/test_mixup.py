"""Mix-up on clips that are unit vectors, so that a mixed one shows its partner and its weight."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avlib.errors import AvlibError
from avlib.mixup import ClassMixUp, MixUp
from avlib.transform import Labels

NOTHING = torch.nn.Identity()


def mixed(clips, seed=0, **settings):
    """λ of each clip, its partner, and all that came out, for clips e_1, …, e_N with labels e_1, …, e_N."""
    own = torch.eye(clips)
    batch = {"audio": own.reshape(clips, 1, clips), "video": -3 * own.reshape(clips, clips, 1, 1)}
    batch, labels = MixUp(**settings)(NOTHING, batch, Labels(own, own), torch.Generator().manual_seed(seed))
    weight = labels.soft.diagonal()
    partner = (labels.soft - torch.diag(weight)).argmax(dim=1)
    return weight, partner, batch, labels


@given(st.integers(2, 12), st.integers(0, 99), st.floats(0, 1))
def test_a_clip_lies_between_itself_and_one_other_with_one_weight_for_all(clips, seed, share):
    weight, partner, batch, labels = mixed(clips, seed, share=share)
    expected = torch.diag(weight) + (1 - weight)[:, None] * torch.eye(clips)[partner]
    assert torch.allclose(labels.soft, expected)
    assert torch.allclose(batch["audio"][:, 0], expected)
    assert torch.allclose(batch["video"][:, :, 0, 0], -3 * expected)
    assert torch.equal(labels.hard, torch.eye(clips)), "the classes of the clips themselves are not forgotten"


def test_share_says_how_many_are_mixed_and_the_others_keep_every_bit():
    weight, _, batch, labels = mixed(2000, share=0.3)
    alone = weight == 1
    assert abs((~alone).float().mean() - 0.3) < 0.04  # four standard deviations
    assert torch.equal(batch["audio"][alone, 0], torch.eye(2000)[alone])
    assert torch.equal(labels.soft[alone], torch.eye(2000)[alone])
    assert (mixed(50, share=0.0)[0] == 1).all()
    assert (mixed(50, share=1.0)[0] < 1).all()


@pytest.mark.parametrize("beta", [1.0, 10.0])
def test_weights_have_the_moments_of_the_beta_distribution(beta):
    weight = mixed(3000, share=1.0, beta=beta)[0]
    variance = 1 / (4 * (2 * beta + 1))  # of Beta(b, b), about 1/2
    assert abs(weight.mean() - 0.5) < 4 * (variance / 3000) ** 0.5
    assert abs(weight.var() / variance - 1) < 4 * (2 / 3000) ** 0.5


def test_partners_are_any_of_the_others():
    pairs = torch.zeros(5, 5)
    for seed in range(400):
        _, partner, *_ = mixed(5, seed, share=1.0)
        pairs[torch.arange(5), partner] += 1
    assert (pairs.diagonal() == 0).all()
    others = pairs[~torch.eye(5, dtype=bool)]
    assert ((others - 100).abs() < 4 * (400 * 0.25 * 0.75) ** 0.5).all()


def test_draws_come_from_the_generator_alone():
    state = torch.get_rng_state()
    a, b, c = (mixed(20, seed, share=1.0)[:2] for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not set(a[0].tolist()) & set(c[0].tolist()), "weights are drawn anew"
    assert not torch.equal(a[1], c[1]), "and partners too"


def test_what_was_mixed_can_be_mixed_again():
    own, generator = torch.eye(6), torch.Generator().manual_seed(0)
    batch, labels = {"audio": own}, Labels(own, own)
    for _ in range(2):
        batch, labels = MixUp(share=1.0)(NOTHING, batch, labels, generator)
    assert torch.allclose(batch["audio"], labels.soft)
    assert ((labels.soft > 0).sum(dim=1) > 2).any()
    assert torch.equal(labels.hard, own)


def test_one_clip_has_no_partner():
    own = torch.ones(1, 3)
    batch, labels = MixUp(share=1.0)(NOTHING, {"audio": own}, Labels(own, own), torch.Generator())
    assert torch.equal(batch["audio"], own)
    assert torch.equal(labels.soft, own)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"share": 1.5}, "share=1.5"), ({"share": float("nan")}, "share=nan"), ({"beta": 0}, "beta=0")]
)
def test_wrong_values_are_named(wrong, said):
    with pytest.raises(AvlibError, match=f"^MixUp: {said} is not allowed; it "):
        MixUp(**wrong)


def by_class(clips, classes, chosen, seed=0, share=1.0):
    """Weights, partners, labels and what came out, for clips that are unit vectors, of random labels."""
    draw = torch.Generator().manual_seed(seed)
    labels = (torch.rand(clips, classes, generator=draw) < 0.4).float()
    batch, mixed = ClassMixUp(share=share, beta=1.0, classes=chosen)(
        NOTHING, {"audio": torch.eye(clips)}, Labels(labels, labels), draw
    )
    weight = batch["audio"].diagonal()
    return weight, (batch["audio"] - torch.diag(weight)).argmax(dim=1), labels, batch["audio"], mixed


@given(st.integers(2, 16), st.integers(0, 99), st.sampled_from([(0, 1), (2, 4), (0, 1, 3)]))
def test_chosen_classes_are_mixed_with_another_of_them_and_no_other_clip_is_touched(clips, seed, chosen):
    weight, partner, labels, _, mixed = by_class(clips, 5, chosen, seed)
    own = [{c for c in chosen if row[c]} for row in labels]
    for i in range(clips):
        possible = [j for j in range(clips) if own[i] and own[j] - own[i]]
        assert (weight[i] == 1) == (not possible)
        assert weight[i] == 1 or int(partner[i]) in possible
        expected = weight[i] * labels[i] + (1 - weight[i]) * labels[partner[i]]
        torch.testing.assert_close(mixed.soft[i], expected)
        assert torch.equal(mixed.hard[i], labels[i])


def test_partners_of_a_chosen_class_are_equally_likely():
    labels = torch.tensor([[1.0, 0], [0, 1], [0, 1], [0, 1], [1, 1]])
    mix, draw, counts = ClassMixUp(share=1.0, classes=(0, 1)), torch.Generator().manual_seed(0), torch.zeros(5)
    for _ in range(400):
        counts[mix._partners(labels, draw)[0][0]] += 1
    assert counts[0] == 0
    assert ((counts[1:] - 100).abs() < 4 * (400 * 0.25 * 0.75) ** 0.5).all()


def test_one_class_makes_no_pair():
    with pytest.raises(AvlibError, match="at least two are needed"):
        ClassMixUp(classes=(3, 3))
