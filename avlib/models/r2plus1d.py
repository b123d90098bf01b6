"""R(2+1)D, the clip encoder of the papers: convolutions in space and then in time, with weights that others trained."""

from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from avlib.errors import AvlibError
from avlib.models.tagger import Branch

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # residual blocks of each stage, by layers
MEAN, DEVIATION = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)  # of Kinetics-400, red, green and blue

# torchvision gives both convolutions of a block the middle width of its first; the port of the IG65M weights, as
# their paper does, gives each its own.  They differ where a stage begins.
Middle = Literal["torchvision", "ig65m"]


class R2Plus1D(nn.Module):
    """R(2+1)D of 18 or 34 layers on a window of frames: (N, 3, k, H, W), z-scored → (N, classes).

    A 3 × 3 × 3 convolution becomes one of 1 × 3 × 3 and one of 3 × 1 × 1, with M = ⌊27·a·b / (9·a + 3·b)⌋ channels in
    between, so that from a to b channels it has as many weights as before.  Names and shapes of the weights are those
    of torchvision's ``r2plus1d_18`` (which this project cannot ask for: its wheels do not go with every build of
    torch) or of the public port of the IG65M weights.  18 layers, 400 classes: 31,505,325 parameters.

    Source: Tran et al., CVPR 2018; Ghadiyaram et al., CVPR 2019 (IG65M); P1, section 3.2.

    >>> sum(p.numel() for p in R2Plus1D(18, classes=400).parameters())
    31505325
    """

    def __init__(self, depth: int = 18, *, width: int = 64, classes: int = 400, middle: Middle = "torchvision") -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise AvlibError(f"depth={depth} is unknown: choose one of {', '.join(map(str, BLOCKS))}")
        between = 45 * width // 64
        self.stem = nn.Sequential(
            *_conv(3, between, (1, 7, 7), (1, 2, 2)), nn.ReLU(), *_conv(between, width, (3, 1, 1)), nn.ReLU()
        )
        before = width
        for stage, blocks in enumerate(BLOCKS[depth]):
            wide = width * 2**stage
            made = [
                _Block(wide if i else before, wide, 1 if i or not stage else 2, own=middle == "ig65m")
                for i in range(blocks)
            ]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*made))
            before = wide
        self.fc = nn.Linear(before, classes)

    def features(self, x: Tensor) -> Tensor:
        """What the classifier sees, (N, 8·width): the mean over space and time."""
        for name in ("stem", "layer1", "layer2", "layer3", "layer4"):
            x = self.get_submodule(name)(x)
        return x.mean(dim=(2, 3, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x))


def _conv(a: int, b: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)) -> list[nn.Module]:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return [nn.Conv3d(a, b, kernel, stride, padding, bias=False), nn.BatchNorm3d(b)]


class _Block(nn.Module):
    def __init__(self, a: int, b: int, stride: int, own: bool) -> None:
        super().__init__()
        first = 27 * a * b // (9 * a + 3 * b)
        second = 27 * b * b // (9 * b + 3 * b) if own else first
        self.conv1 = nn.Sequential(_apart(a, first, b, stride), nn.BatchNorm3d(b), nn.ReLU())
        self.conv2 = nn.Sequential(_apart(b, second, b, 1), nn.BatchNorm3d(b))
        self.downsample = nn.Sequential(*_conv(a, b, (1, 1, 1), (stride, stride, stride))) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        past = x if self.downsample is None else self.downsample(x)
        return (self.conv2(self.conv1(x)) + past).relu()


def _apart(a: int, between: int, b: int, stride: int) -> nn.Sequential:
    space = _conv(a, between, (1, 3, 3), (1, stride, stride))
    return nn.Sequential(*space, nn.ReLU(), nn.Conv3d(between, b, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False))


class ClipEncoder(Branch):
    """An `R2Plus1D` on each window: pixels (N, W, k, 3, H, W′) in [0, 1] → (N, W, 8·width).

    >>> ClipEncoder(R2Plus1D(18, width=8), window=4)(torch.rand(2, 3, 4, 3, 32, 32)).shape
    torch.Size([2, 3, 64])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: R2Plus1D, window: int) -> None:
        super().__init__(width=network.fc.in_features, sizes=(window, 3))
        self.network = network
        self.register_buffer("mean", torch.tensor(MEAN).reshape(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).reshape(3, 1, 1), persistent=False)

    def fits(self, shape: Any) -> bool:
        """Whether it takes pixels of `shape`: the pictures may have any size."""
        return len(shape) == 6 and super().fits(shape[:4])

    @property
    def allowed(self) -> str:
        """The shapes that it takes, in words."""
        return super().allowed.replace(")", ", height, width)")

    def forward(self, x: Tensor) -> Tensor:
        pictures = ((x - self.mean) / self.deviation).flatten(0, 1).transpose(1, 2)  # -> (N·W, 3, k, H, W′)
        return self.network.features(pictures).unflatten(0, x.shape[:2])  # -> (N, W, 8·width)


def read_r2plus1d(path: Path) -> R2Plus1D:
    """The network whose weights lie in `path`, a downloaded file: Kinetics-400 (torchvision) or IG65M, 18 or 34 layers.

    Depth, width, classes and layout are read off the weights, and every one of them must fit.  ``.safetensors``, or
    ``.pth``, from which tensors are taken and no code is run.

    Raises
    ------
    AvlibError
        When the file cannot be read, or holds weights of another layout.
    """
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # a missing, cut or foreign file fails in many ways
        raise AvlibError(f"no weights can be read from {path}: {type(error).__name__}: {error}") from error
    try:
        depth = 34 if "layer1.2.conv1.0.0.weight" in state else 18
        classes, width = state["fc.weight"].shape[0], state["stem.3.weight"].shape[0]
        second, own = state["layer2.0.conv2.0.0.weight"].shape[0], 27 * 2 * width * 2 * width // (24 * width)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise AvlibError(f"{path} holds weights of another layout: {error} is missing, which R(2+1)D has") from None
    network = R2Plus1D(depth, width=width, classes=classes, middle="ig65m" if second == own else "torchvision")
    if second == own:
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm3d):
                layer.eps = 1e-3  # as those weights were trained
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise AvlibError(f"{path} holds weights of another layout than R(2+1)D of {depth} layers: {error}") from None
    return network.requires_grad_(False).eval()
