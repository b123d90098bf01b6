"""A model taken apart gives what it gives whole, and only heads are trained on it."""

import dataclasses

import torch

from avlib.data.split import Media
from avlib.losses import bce
from avlib.models import POOLINGS
from avlib.training import Recipe, predict
from avlib.training.frozen import HeadOnly, encoded, heads, observed
from avlib.training.reach import reach


def test_the_models_own_head_answers_on_its_encodings_as_the_whole_model_does(data, factory):
    model = factory()
    alone = HeadOnly(32, 4)
    alone.head = model.head
    frozen = encoded(model, data)
    torch.testing.assert_close(predict(alone, frozen.eval), predict(model, data.eval))
    assert frozen.checksums != data.checksums
    assert frozen.eval.ids == data.eval.ids


def test_what_is_observed_keeps_the_order_and_rows_of_a_subset(data, factory):
    model = factory()
    all_of_it = observed(model, data.eval, model.bottleneck)
    some = data.eval.subset([5, 2, 5])
    torch.testing.assert_close(observed(model, some, model.bottleneck), all_of_it[[5, 2, 5]])


def test_an_encoded_subset_still_plays_its_own_clips(data, factory):
    def render(row):
        return Media(torch.full((4,), float(row)), 1, torch.zeros(0), 1)

    playing = dataclasses.replace(data.eval, render=render).subset([7, 3])
    frozen = encoded(factory(), dataclasses.replace(data, eval=playing))
    assert [frozen.eval.media(i).waveform[0].item() for i in range(2)] == [7, 3]


def test_every_pooling_learns_on_frozen_encodings_and_leaves_the_encoder_alone(data, factory, cache):
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = factory()
        for clips, _ in data.train.batches(44):
            for _ in range(30):
                model.train()(clips)  # batch norm learns what its inputs look like
    before = {name: values.clone() for name, values in model.state_dict().items()}
    frozen = encoded(model, data, lambda batch: model.branches["audio"].front(batch["audio"]))
    trained_heads = heads(frozen, Recipe(epochs=10, batch_size=8, lr=0.03))
    assert tuple(trained_heads) == POOLINGS
    labels = data.train.labels
    constant = bce(labels.mean(dim=0).logit().expand_as(labels), labels).mean()  # the best that one answer can have
    for pooling, head in trained_heads.items():
        assert head.head.pooling == pooling
        assert bce(predict(head, frozen.train), labels).mean() < 0.95 * constant, pooling
    assert all(torch.equal(before[name], values) for name, values in model.state_dict().items())


def test_a_convolution_reaches_no_further_than_its_kernels(data, factory):
    model = factory()
    batch, _ = data.eval.batch(range(4))
    long = {"audio": batch["audio"].repeat(1, 8, 1)}  # 128 frames
    model.bottleneck = lambda b: model.branches["audio"].front(b["audio"])
    share = reach(model, long, "audio")
    torch.testing.assert_close(share.sum(), torch.tensor(1.0))
    seen = share.nonzero().flatten()
    # 10 convolutions of 3 and two poolings of 2 in time: 2·2 + 1, + 2·2·2 + 2, then 6·2 steps of 4 frames: 64 in all.
    assert seen.max() - seen.min() + 1 <= 64
    assert seen.min() <= 66 <= seen.max()


def test_self_attention_reaches_the_whole_clip(data, factory):
    batch, _ = data.eval.batch(range(4))
    assert (reach(factory(), {"audio": batch["audio"].repeat(1, 8, 1)}, "audio") > 0).all()
