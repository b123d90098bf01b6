"""CRNN: TALNet, the recurrent model that P1 compares with."""

from torch import Tensor, nn

from avlib.models.conv import ConvFront
from avlib.models.pooling import Head
from avlib.models.tagger import Branch, Tagger


class Recurrent(Branch):
    """Conv front → bidirectional GRU: (N, T, mels) → (N, T // 4, width).  `dropout` follows the GRU."""

    def __init__(self, mels: int, width: int, dropout: float) -> None:
        front = ConvFront(mels, width)
        super().__init__(width=width, sizes=front.sizes, shortest=front.shortest)
        self.front = front
        self.gru = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        for parameter in self.gru.parameters():
            if parameter.ndim > 1:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.gru(self.front(x))  # (N, T, F) -> (N, T // 4, width) -> (N, T // 4, 2 · width/2)
        return self.dropout(x)


class CRNN(Tagger):
    """Convolutional recurrent network on sound: a `Recurrent` branch → pooling over time.

    Parameters at 527 classes, 64 mels, width 1024: 10,520,702.
    Source: P1 section 5; TALNet (Wang, Li & Metze, ICASSP 2019).

    >>> import torch
    >>> CRNN(classes=5, width=64)({"audio": torch.zeros(2, 100, 64)}).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, classes: int, mels: int = 64, width: int = 1024, *, dropout: float = 0.0, pooling: str = "attention"
    ) -> None:
        super().__init__({"audio": Recurrent(mels, width, dropout)}, Head(width, classes, pooling))
