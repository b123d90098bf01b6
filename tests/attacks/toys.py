"""Models small enough to be solved on paper, or just large enough to curve."""

import math

import torch
from torch import Tensor, nn

from avlib.data.split import Split
from avlib.models import Branch, LinearTagger, Tagger

T, F = 6, 5
NORMS = (1, 2, math.inf)
DUAL = {1: math.inf, 2: 2, math.inf: 1}


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear_tagger(seed: int = 0, mels: int = 4) -> tuple[LinearTagger, Split]:
    """A linear tagger of three classes, and sixteen clips (5, mels) that it has never seen."""
    model = LinearTagger(classes=3, frames=5, mels=mels)
    model.head.weight.data.normal_(generator=(generator := gen(seed)))
    audio = torch.randn(16, 5, mels, generator=generator)
    labels = (torch.rand(16, 3, generator=generator) < 0.5).float()
    return model, Split({"audio": audio}, labels, tuple(map(str, range(16))))


class Linear(nn.Module):
    """z = W x + b on audio (N, T, F), and on video (N, W, D) where the batch has some."""

    def __init__(self, classes: int = 1, seed: int = 0) -> None:
        super().__init__()
        self.audio = nn.Parameter(torch.randn(classes, T, F, dtype=torch.float64, generator=gen(seed)))
        self.video = nn.Parameter(torch.randn(classes, 2, 4, dtype=torch.float64, generator=gen(seed + 1)))
        self.bias = nn.Parameter(torch.randn(classes, dtype=torch.float64, generator=gen(seed + 2)))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        logits = torch.einsum("ntf,ctf->nc", batch["audio"], self.audio) + self.bias
        return logits + torch.einsum("ntf,ctf->nc", batch["video"], self.video) if "video" in batch else logits


class Curve(Branch):
    """A curved branch: `layers`, and then the recurrent `gru` if there is one."""

    def __init__(self, size: int, layers: nn.Sequential, gru: nn.GRU | None = None) -> None:
        super().__init__(width=16, sizes=(size,))
        self.layers, self.gru = layers, gru

    def forward(self, x: Tensor) -> Tensor:
        code = self.layers(x)
        return code if self.gru is None else self.gru(code)[0]


class Curved(Tagger):
    """Additive fusion of two curved branches, or of the one there is; counts how often each is encoded."""

    def __init__(self, classes: int = 4, seed: int = 0) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            audio = nn.Sequential(nn.Linear(F, 16), nn.BatchNorm1d(T), nn.Tanh(), nn.Dropout(0.5))
            video = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Dropout(0.5))
            gru = nn.GRU(16, 16, num_layers=2, dropout=0.5, batch_first=True)
            head = nn.Linear(16, classes)
            for parameter in nn.ModuleList([audio, video, gru, head]).parameters():
                if parameter.dim() > 1:
                    nn.init.normal_(parameter, std=0.7)
        super().__init__({"audio": Curve(F, audio, gru), "video": Curve(4, video)}, head)
        self.encoded: dict[str, int] = {}

    @property
    def gru(self) -> nn.GRU:
        return self.branches["audio"].gru

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        for name in batch:
            self.encoded[name] = self.encoded.get(name, 0) + 1
        return super().encode(batch)

    def classify(self, encodings: dict[str, Tensor]) -> Tensor:
        return 2 * sum(self.head(code.mean(dim=1)) for code in encodings.values())


def batch(
    clips: int = 6, *, video: bool = False, dtype: torch.dtype = torch.float32, seed: int = 3
) -> dict[str, Tensor]:
    made = {"audio": torch.randn(clips, T, F, generator=gen(seed), dtype=dtype)}
    if video:
        made["video"] = torch.randn(clips, 2, 4, generator=gen(seed + 1), dtype=dtype)
    return made


def coin(clips: int = 6, classes: int = 1, seed: int = 5) -> Tensor:
    """Labels for the linear model, which may be wrong about them."""
    return (torch.rand(clips, classes, generator=gen(seed)) > 0.5).double()


def truth(x: dict[str, Tensor]) -> Tensor:
    """Labels that the curved model gets right."""
    return (Curved().eval()(x) > 0).float()


def split(clips: int = 24, *, video: bool = False, seed: int = 7) -> Split:
    features = batch(clips, video=video, seed=seed)
    return Split(features, truth(features), tuple(f"clip{i}" for i in range(clips)))


def signed(logits: Tensor, targets: Tensor) -> Tensor:
    """The loss under which a linear model is solved exactly: −y·z of the first class, y = ±1."""
    return ((1 - 2 * targets) * logits)[:, 0]
