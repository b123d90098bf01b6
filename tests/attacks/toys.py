"""Models small enough to be solved on paper, or just large enough to curve."""

import math

import torch
from torch import Tensor, nn

from avlib.data.split import Split

T, F = 6, 5
NORMS = (1, 2, math.inf)
DUAL = {1: math.inf, 2: 2, math.inf: 1}


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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


class Curved(nn.Module):
    """Additive fusion of two curved branches, behind encode and classify; counts how often each is encoded."""

    def __init__(self, classes: int = 4, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.branches = nn.ModuleDict(
                {
                    "audio": nn.Sequential(nn.Linear(F, 16), nn.BatchNorm1d(T), nn.Tanh(), nn.Dropout(0.5)),
                    "video": nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Dropout(0.5)),
                }
            )
            self.gru = nn.GRU(16, 16, num_layers=2, dropout=0.5, batch_first=True)
            self.head = nn.Linear(16, classes)
            for parameter in self.parameters():
                if parameter.dim() > 1:
                    nn.init.normal_(parameter, std=0.7)
        self.encoded: dict[str, int] = {}

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        for name in batch:
            self.encoded[name] = self.encoded.get(name, 0) + 1
        codes = {name: self.branches[name](x) for name, x in batch.items()}
        return {name: self.gru(x)[0] if name == "audio" else x for name, x in codes.items()}

    def classify(self, encodings: dict[str, Tensor]) -> Tensor:
        return 2 * sum(self.head(code.mean(dim=1)) for code in encodings.values())

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.classify(self.encode(batch))


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
