"""The eye in parts: an encoder of windows, a branch in time on its features, and both on pixels."""

import math

import pytest
import torch
from torch import nn

from avlib.attacks import Threat, pgd
from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.models import Head, PixelTagger, Tagger, VideoTagger, WindowEncoder, WindowTagger, sized
from avlib.models.tagger import Identity

K, D, WINDOWS = 3, 16, 5


def made(build):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


@pytest.fixture
def encoder():
    built = made(lambda: WindowEncoder(K, D))
    with torch.no_grad():
        for _ in range(20):
            built.train()(pixels(6, seed=9))  # batch norm learns what its inputs look like
    return built.eval()


@pytest.fixture
def eye():
    return made(lambda: VideoTagger(4, D, 32)).eval()


def pixels(clips, seed=0, side=16):
    return torch.rand(clips, WINDOWS, K, 3, side, side, generator=torch.Generator().manual_seed(seed))


def labels(clips):
    return (torch.arange(clips)[:, None] % 4 == torch.arange(4)).float()


def test_each_window_is_encoded_alone(encoder):
    x = pixels(2)
    whole = encoder(x)
    assert whole.shape == (2, WINDOWS, D)
    for w in range(WINDOWS):
        torch.testing.assert_close(encoder(x[:, w : w + 1]), whole[:, w : w + 1], atol=1e-5, rtol=1e-4)


def test_frames_of_a_window_are_told_apart_by_their_order(encoder):
    x = pixels(2)
    assert (encoder(x.flip(2)) - encoder(x)).abs().max() > 1e-2


def test_pictures_of_any_size_are_taken_and_other_windows_refused(encoder):
    model = Tagger({"video": encoder}, Head(D, 4))
    assert model({"video": pixels(1, side=40)}).shape == (1, 4)
    for wrong in (pixels(1)[:, :, :2], pixels(1)[:, :, :, :2], pixels(1)[:, 0], torch.zeros(1, WINDOWS, D)):
        with pytest.raises(AvlibError, match=r"takes \(clips, at least 1, 3, 3, height, width\)"):
            model({"video": wrong})


@pytest.mark.parametrize(("window", "width"), [(0, 16), (3, 12), (3, 0)])
def test_an_encoder_that_cannot_be_built_is_refused(window, width):
    with pytest.raises(AvlibError, match="multiple of 8"):
        WindowEncoder(window, width)


def test_sizes_are_the_profiles():
    glance, eye = sized("glance", "smoke", 4, window=K)(), sized("eye", "smoke", 4)()
    features = glance.encode({"video": pixels(2)})["video"]
    assert eye({"video": features}).shape == glance({"video": pixels(2)}).shape == (2, 4)


def test_time_is_what_the_temporal_branch_sees(eye):
    x = torch.randn(2, WINDOWS, D, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (eye({"video": x.flip(1)}) - eye({"video": x})).abs().max() > 1e-3


def test_pixels_and_features_give_the_same_answer(encoder, eye):
    model, batch = PixelTagger(encoder, eye).eval(), {"video": pixels(3)}
    stored = {"video": encoder(batch["video"])}
    torch.testing.assert_close(model(batch), eye(stored), atol=0, rtol=0)
    torch.testing.assert_close(model.pooled(batch), eye.pooled(stored), atol=0, rtol=0)
    with torch.no_grad():  # the weights are shared, not copied
        eye.head.event.bias += 1
    torch.testing.assert_close(model(batch), eye(stored), atol=0, rtol=0)


def test_training_on_pixels_leaves_the_frozen_encoder_as_it_was(encoder, eye):
    model = PixelTagger(encoder, eye).train()
    assert eye.training
    assert not any(module.training for module in encoder.modules())
    before = {name: values.clone() for name, values in encoder.state_dict().items()}
    was = eye.head.event.weight.clone()
    adam = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(3):
        bce(model({"video": pixels(4)}), labels(4)).mean().backward()
        adam.step()
    assert all(torch.equal(before[name], values) for name, values in encoder.state_dict().items())
    assert not torch.equal(was, eye.head.event.weight)


def test_an_attack_in_pixels_stays_in_box_and_ball_and_moves_the_stored_answer(encoder, eye):
    model, x, y = PixelTagger(encoder, eye), {"video": pixels(4)}, labels(4)
    eps = 8 / 255
    found = pgd(model, x, y, {"video": Threat(math.inf, eps, bounds=(0.0, 1.0))}, steps=5)
    assert found.batch["video"].min() >= 0
    assert found.batch["video"].max() <= 1
    assert found.delta["video"].abs().max() <= eps + 1e-6
    assert (found.loss > found.history[:, 0]).all()
    torch.testing.assert_close(bce(eye({"video": encoder(found.batch["video"])}), y), found.loss, atol=1e-4, rtol=1e-4)


def test_an_attack_on_window_features_stays_in_its_ball_of_each_window(encoder, eye):
    x, y = {"video": encoder(pixels(4)).detach()}, labels(4)
    found = pgd(eye, x, y, {"video": Threat(2, 0.5, over="frame")}, steps=5)
    assert found.delta["video"].norm(dim=2).max() <= 0.5 + 1e-5
    assert (found.loss > found.history[:, 0]).all()


class Both(Tagger):
    """An ear and the eye, fused by their sum over time."""

    def __init__(self, eye):
        super().__init__({"audio": Identity(width=32, sizes=(32,)), **eye.branches}, Head(32, 4))

    def fuse(self, encodings):
        return encodings["audio"].mean(1, keepdim=True) + encodings["video"].mean(1, keepdim=True)


def test_a_tagger_of_two_modalities_sees_pixels_as_well(encoder, eye):
    both = made(lambda: Both(eye)).eval()
    model = PixelTagger(encoder, both).eval()
    assert model.modalities == ("audio", "video")
    sound = torch.randn(2, 7, 32, generator=torch.Generator().manual_seed(0))
    seen = {"audio": sound, "video": pixels(2)}
    stored = {"audio": sound, "video": encoder(seen["video"])}
    torch.testing.assert_close(model(seen), both(stored), atol=0, rtol=0)


def test_what_is_pretrained_is_the_encoder_alone():
    model = made(lambda: WindowTagger(4, K, D))
    assert isinstance(model.branches["video"], WindowEncoder)
    assert not any(isinstance(module, nn.Conv1d) for module in model.modules())
