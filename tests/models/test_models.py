from functools import partial

import pytest
import torch
from torch import nn

from avlib.errors import AvlibError
from avlib.models import CRNN, CSN, ResNet

SMALL = {
    "csn": partial(CSN, 5, width=64),
    "two blocks": partial(CSN, 5, width=64, tied=False),
    "positional": partial(CSN, 5, width=64, positional=True),
    "crnn": partial(CRNN, 5, width=64),
    "resnet18": partial(ResNet, 5, depth=18, stem=8),
    "resnet50": partial(ResNet, 5, depth=50, stem=4),
}


def sound(clips=3, frames=100, mels=64, seed=0):
    return {"audio": torch.randn(clips, frames, mels, generator=torch.Generator().manual_seed(seed))}


@pytest.fixture(params=SMALL)
def model(request):
    return SMALL[request.param]().eval()


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (CSN, 12_097_662),
        (partial(CSN, tied=False), 18_399_358),
        (CRNN, 10_520_702),
        (ResNet, 25_661_406),
        (partial(ResNet, depth=34), 21_819_102),
        (partial(CSN, mels=128), 8_562_510),
        (partial(CRNN, mels=128, width=2048), 25_761_918),
    ],
)
def test_parameter_count_at_the_papers_size(build, count):
    with torch.device("meta"):
        model = build(527)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_paper_input_gives_100_frames_and_resnet_25():
    assert CSN(2, width=64).eval().bottleneck(sound(1, 400)).shape == (1, 100, 64)
    assert CRNN(2, width=64).eval().bottleneck(sound(1, 400)).shape == (1, 100, 64)
    assert ResNet(2, depth=18, stem=4).eval().bottleneck(sound(1, 400)).shape == (1, 25, 32)


def test_forward_is_classify_after_encode(model):
    batch = sound()
    encodings = model.encode(batch)
    assert list(encodings) == ["audio"]
    assert torch.equal(model(batch), model.classify(encodings))
    assert torch.equal(model.bottleneck(batch), encodings["audio"])
    assert model.pooled(batch).shape == (3, encodings["audio"].shape[2])
    logits, weights = model.frames(encodings)
    torch.testing.assert_close((weights * logits.sigmoid()).sum(1), model(batch).sigmoid())


@pytest.mark.parametrize("pooling", ["max", "average", "linear", "exponential"])
def test_pooled_is_the_mean_without_attention(pooling):
    model = CSN(5, width=64, pooling=pooling).eval()
    torch.testing.assert_close(model.pooled(sound()), model.bottleneck(sound()).mean(1))


def test_pooled_is_the_bottleneck_under_the_heads_own_weights(model):
    """By hand, frame by frame: Σ_t w_t·h_t with w_t the mean over the classes of the weights that `frames` shows."""
    with torch.no_grad():
        for parameter in model.head.attention.parameters():
            parameter.copy_(5 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    encodings = model.encode(sound())
    weights = model.frames(encodings).weights.mean(dim=2)
    by_hand = sum(weights[:, t, None] * encodings["audio"][:, t] for t in range(weights.shape[1]))
    torch.testing.assert_close(model.pooled(sound()), by_hand)
    assert not torch.allclose(model.pooled(sound()), encodings["audio"].mean(1), rtol=1e-3), "this toy has no attention"


@pytest.mark.parametrize("frames", [4, 50, 101, 400])
def test_other_clip_lengths_fit(model, frames):
    assert model(sound(2, frames)).shape == (2, 5)


def test_logits_do_not_depend_on_the_rest_of_the_batch(model):
    batch = sound(5)
    together = model(batch)
    apart = torch.cat([model({"audio": batch["audio"][i : i + 1]}) for i in range(5)])
    torch.testing.assert_close(together, apart, atol=1e-5 * max(1, together.abs().max().item()), rtol=0)


def test_forward_leaves_the_batch_as_it_was(model):
    batch = sound()
    before = batch["audio"].clone()
    model.train()(batch)
    assert torch.equal(batch["audio"], before)


def test_every_parameter_and_every_input_bin_gets_a_gradient(model):
    batch = sound(4)
    batch["audio"].requires_grad_()
    model.train()(batch).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert (batch["audio"].grad.abs().sum((0, 1)) > 0).all()


def test_other_modalities_are_left_alone_and_audio_is_demanded(model):
    batch = sound()
    assert torch.equal(model({**batch, "video": torch.zeros(3, 1)}), model(batch))
    name = type(model).__name__
    with pytest.raises(AvlibError, match=f"^{name} needs the modality 'audio', got video$"):
        model({"video": torch.zeros(3, 1)})
    with pytest.raises(AvlibError, match=f"^{name} needs the modality 'audio', got nothing$"):
        model.classify({})


@pytest.mark.parametrize("shape", [(3, 100, 128), (100, 64), (3, 0, 64)])
def test_audio_of_another_shape_is_refused(model, shape):
    with pytest.raises(AvlibError, match="does not fit"):
        model({"audio": torch.zeros(shape)})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(CSN, 5, mels=40), "mels=40"),
        (partial(CSN, 5, width=100), "width=100"),
        (partial(CSN, 5, width=64, heads=5), "heads=5"),
        (partial(CRNN, 5, width=64, pooling="mean"), "'mean'"),
        (partial(ResNet, 5, depth=20), "depth=20"),
    ],
)
def test_sizes_that_cannot_be_are_named(build, message):
    with pytest.raises(AvlibError, match=message):
        build()


def test_tied_block_is_applied_twice():
    model = CSN(5, width=64).eval()
    seen = []
    model.branches["audio"].blocks[0].register_forward_hook(lambda *_: seen.append(1))
    model(sound())
    assert len(seen) == 2


def test_block_is_torchs_post_norm_layer():
    block = CSN(5, width=64).eval().branches["audio"].blocks[0]
    layer = nn.TransformerEncoderLayer(64, 8, dim_feedforward=64, batch_first=True).eval()
    pairs = {
        "query_key_value.": "self_attn.in_proj_",
        "mixed": "self_attn.out_proj",
        "attention_norm": "norm1",
        "feed_forward.0": "linear1",
        "feed_forward.2": "linear2",
        "feed_forward_norm": "norm2",
    }
    state = block.state_dict()
    for ours, theirs in pairs.items():
        state = {name.replace(ours, theirs) if name.startswith(ours) else name: v for name, v in state.items()}
    layer.load_state_dict(state)
    x = torch.randn(2, 7, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(block(x), layer(x))


def test_front_keeps_frames_in_their_place():
    front = CSN(5, width=64).eval().branches["audio"].front
    audio = sound(1, 400)["audio"]
    late = audio.clone()
    late[:, 200:204] += 1  # input frames 200–203 are output frame 50
    moved = (front(late) - front(audio)).abs().sum(2)[0] > 1e-6
    assert moved[50]
    assert not moved[:40].any()
    assert not moved[61:].any()


def test_order_of_frames_matters_to_csn_only_through_convolution_unless_positional():
    """Without positions the blocks are equivariant to any permutation of the frames that they get."""
    block = CSN(5, width=64).eval().branches["audio"].blocks[0]
    x = torch.randn(1, 6, 64, generator=torch.Generator().manual_seed(0))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(block(x)[:, order], block(x[:, order]))


def test_two_dimensional_weights_start_as_released():
    model = CSN(5, width=64)
    bound = (6 / 128) ** 0.5  # Xavier of one 64 × 64 matrix
    weight = model.branches["audio"].blocks[0].query_key_value.weight
    assert bound * 0.99 < weight.abs().max() <= bound
    gru = CRNN(5, width=64).branches["audio"].gru
    torch.testing.assert_close(gru.weight_hh_l0.T @ gru.weight_hh_l0, torch.eye(32), atol=1e-5, rtol=0)
    assert all(layer.bias.count_nonzero() == 0 for layer in model.head.children() if isinstance(layer, nn.Linear))
