"""R(2+1)D has the published widths and names, reads weights that others trained, and says so where it cannot."""

import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from avlib import profiles
from avlib.errors import AvlibError
from avlib.models import CSN, ClipEncoder, PixelTagger, R2Plus1D, VideoTagger, read_r2plus1d
from avlib.training import windows
from tests.attacks.toys import gen

SMALL = 8


@pytest.fixture(params=[(18, "torchvision"), (34, "torchvision"), (34, "ig65m"), (18, "ig65m")])
def network(request):
    depth, middle = request.param
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = R2Plus1D(depth, width=SMALL, classes=7, middle=middle)
    with torch.no_grad():
        for _ in range(3):
            made.train()(torch.randn(4, 3, 4, 16, 16, generator=gen(1)))
    return made.eval()


@pytest.mark.parametrize(
    ("depth", "middle", "count"),
    [(18, "torchvision", 31_505_325), (34, "torchvision", 61_831_661), (34, "ig65m", 63_697_175)],
)
def test_parameters_are_those_of_the_published_networks(depth, middle, count):
    with torch.device("meta"):
        network = R2Plus1D(depth, middle=middle)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_names_are_those_of_torchvision():
    with torch.device("meta"):
        names = R2Plus1D(18).state_dict()
    shapes = {name: tuple(x.shape) for name, x in names.items()}
    known = {
        "stem.0.weight": (45, 3, 1, 7, 7), "stem.3.weight": (64, 45, 3, 1, 1), "stem.4.running_var": (64,),
        "layer1.0.conv1.0.0.weight": (144, 64, 1, 3, 3), "layer1.0.conv1.0.3.weight": (64, 144, 3, 1, 1),
        "layer1.1.conv2.1.bias": (64,), "layer2.0.conv1.0.0.weight": (230, 64, 1, 3, 3),
        "layer2.0.conv2.0.0.weight": (230, 128, 1, 3, 3), "layer2.0.downsample.0.weight": (128, 64, 1, 1, 1),
        "layer4.1.conv2.0.0.weight": (1152, 512, 1, 3, 3), "fc.weight": (400, 512),
    }  # fmt: skip
    assert {name: shapes.get(name) for name in known} == known
    assert len(shapes) == 224


@pytest.mark.parametrize(("a", "b"), [(64, 64), (64, 128), (512, 512)])
def test_two_convolutions_have_no_more_weights_than_the_one_they_replace(a, b):
    between = 27 * a * b // (9 * a + 3 * b)
    apart = between * (9 * a + 3 * b)
    assert 0 <= 27 * a * b - apart < 9 * a + 3 * b


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_weights_from_a_file_are_the_network(network, kind, tmp_path):
    path = tmp_path / f"weights.{kind}"
    (save_file if kind == "safetensors" else torch.save)(network.state_dict(), path)
    found = read_r2plus1d(path)
    x = torch.randn(2, 3, 4, 16, 16, generator=gen(2))
    for name, value in network.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    own = network.layer2[0].conv2[0][0].out_channels != network.layer2[0].conv1[0][0].out_channels
    assert torch.allclose(found(x), network(x), atol=1e-6) != own  # IG65M's batch norms have an ε of their own
    assert not any(parameter.requires_grad for parameter in found.parameters())


def _saved(state, path):
    torch.save(state, path)
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: {}, "holds weights of another layout: 'fc.weight' is missing"),
        (lambda s: CSN(5, width=64).state_dict(), "holds weights of another layout"),
        (lambda s: {**s, "more": s["fc.bias"]}, "another layout than R(2+1)D of 18 layers"),
        (lambda s: {n: x for n, x in s.items() if n != "layer3.1.conv1.1.bias"}, "another layout than R(2+1)D of 18"),
        (lambda s: {**s, "layer3.0.conv1.0.0.weight": s["fc.bias"]}, "another layout than R(2+1)D of 18 layers"),
        (lambda s: [1, 2], "holds weights of another layout"),
    ],
)
def test_another_layout_is_named(change, told, tmp_path):
    path = _saved(change(R2Plus1D(18, width=SMALL, classes=7).state_dict()), tmp_path / "weights.pth")
    with pytest.raises(AvlibError) as refused:
        read_r2plus1d(path)
    assert told in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("content", [None, b"", b"no weights at all", b"PK\x03\x04 half a file"])
@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_a_file_that_is_none_is_named(content, kind, tmp_path):
    path = tmp_path / f"weights.{kind}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AvlibError, match=r"no weights can be read from .*weights\."):
        read_r2plus1d(path)


class Bomb:
    def __reduce__(self):
        return (open, ("/nowhere/boom", "w"))


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    with pytest.raises(AvlibError, match="no weights can be read"):
        read_r2plus1d(_saved({"fc.weight": Bomb()}, tmp_path / "weights.pth"))


def test_depths_are_two():
    with pytest.raises(AvlibError, match="depth=50 is unknown: choose one of 18, 34"):
        R2Plus1D(50)


def test_windows_are_encoded_one_by_one_whatever_stands_beside_them(network):
    encoder = ClipEncoder(network, window=4).eval()
    pixels = torch.rand(2, 3, 4, 3, 16, 16, generator=gen(3))
    whole = encoder(pixels)
    assert whole.shape == (2, 3, 8 * SMALL)
    torch.testing.assert_close(encoder(pixels[1:, 2:])[0, 0], whole[1, 2], atol=1e-5, rtol=1e-4)
    assert encoder.fits((2, 3, 4, 3, 20, 24))
    assert not encoder.fits((2, 3, 5, 3, 20, 24))
    eye = VideoTagger(classes=5, features=encoder.width, width=32).eval()
    torch.testing.assert_close(PixelTagger(encoder, eye).eval()({"video": pixels}), eye({"video": whole}))


def test_order_in_time_matters_and_the_mean_colour_is_taken_off(network):
    encoder = ClipEncoder(network, window=4).eval()
    pixels = torch.rand(1, 1, 4, 3, 16, 16, generator=gen(4))
    assert (encoder(pixels.flip(2)) - encoder(pixels)).abs().max() > 1e-4
    grey = torch.tensor([0.43216, 0.394666, 0.37645]).reshape(3, 1, 1).expand_as(pixels)
    flat = network.features(torch.zeros(1, 3, 4, 16, 16))
    torch.testing.assert_close(encoder(grey)[0], flat, atol=1e-5, rtol=1e-4)


def test_a_profile_that_wants_downloaded_weights_says_where_to_put_them(network, tmp_path, monkeypatch):
    size = dataclasses.replace(profiles.of("smoke"), downloaded=True)
    monkeypatch.setattr(windows.profiles, "of", lambda name: size)
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))
    with pytest.raises(AvlibError, match=r"0 files of weights in .*encoder: put one there"):
        windows.pretrained("paper", 4)
    (tmp_path / "encoder").mkdir()
    _saved(network.state_dict(), tmp_path / "encoder" / "r2plus1d.pth")
    encoder = windows.pretrained("paper", 4)
    assert encoder.width == 8 * SMALL
    _saved(network.state_dict(), tmp_path / "encoder" / "another.pth")
    with pytest.raises(AvlibError, match="2 files of weights"):
        windows.pretrained("paper", 4)


def test_the_paper_s_encoder_takes_a_step_of_an_attack():
    """Four frames of 112 × 112 pixels, 18 layers, as the paper's profile has them; once forward and back."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = ClipEncoder(R2Plus1D(18), window=4).eval().requires_grad_(False)
        eye = VideoTagger(527, features=512, width=1024).eval()
    pixels = torch.rand(1, 1, 4, 3, 112, 112, generator=gen(5)).requires_grad_()
    PixelTagger(encoder, eye)({"video": pixels}).sum().backward()
    assert pixels.grad.abs().max() > 0
