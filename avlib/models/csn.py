"""CSN, the convolutional self-attention network of P1."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avlib.errors import AvlibError
from avlib.models.conv import ConvFront
from avlib.models.pooling import Head
from avlib.models.tagger import Branch, Tagger


class Block(nn.Module):
    """Post-norm transformer block, (N, T, d) → (N, T, d); the feed-forward layer is as wide as its input."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise AvlibError(f"heads={heads} does not divide width={width}; take a divisor")
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.feed_forward_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        with torch.no_grad():
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    for square in layer.weight.split(width):  # query, key and value are three matrices, not one
                        nn.init.xavier_uniform_(square)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.query_key_value(x).unflatten(2, (3, self.heads, -1))  # (N, T, 3, heads, d / heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (N, heads, T, d / heads)
        dropped = self.dropout.p if self.training else 0.0
        heard = F.scaled_dot_product_attention(query, key, value, dropout_p=dropped)  # (N, heads, T, d / heads)
        x = self.attention_norm(x + self.dropout(self.mixed(heard.transpose(1, 2).flatten(2))))  # (N, T, d)
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))  # (N, T, d)


class Blocks(nn.ModuleList):
    """Two transformer blocks, one after the other, (N, T, d) → (N, T, d); `tied`, one of them twice."""

    depth = 2

    def __init__(self, width: int, *, tied: bool = True, heads: int = 8, transformer_dropout: float = 0.75) -> None:
        super().__init__(Block(width, heads, transformer_dropout) for _ in range(1 if tied else self.depth))

    def forward(self, x: Tensor) -> Tensor:
        for i in range(self.depth):
            x = self[i % len(self)](x)
        return x


class SelfAttentive(Branch):
    """Conv front → two transformer blocks: (N, T, mels) → (N, T // 4, width); see `CSN` for the options."""

    def __init__(
        self,
        mels: int,
        width: int,
        *,
        tied: bool = True,
        positional: bool = False,
        heads: int = 8,
        dropout: float = 0.0,
        transformer_dropout: float = 0.75,
    ) -> None:
        front = ConvFront(mels, width)
        super().__init__(width=width, sizes=front.sizes, shortest=front.shortest)
        self.mels, self.positional = mels, positional
        self.front = front
        self.dropout = nn.Dropout(dropout)
        self.blocks = Blocks(width, tied=tied, heads=heads, transformer_dropout=transformer_dropout)

    def forward(self, x: Tensor) -> Tensor:
        if self.positional:
            x = math.sqrt(self.mels) * x + _sinusoid(x)
        return self.blocks(self.dropout(self.front(x)))  # (N, T, F) -> (N, T // 4, width) twice


class CSN(Tagger):
    """Convolutional self-attention network on sound: a `SelfAttentive` branch → pooling over time.

    `tied` applies one block twice, as the released code does; the paper describes two.  `positional` adds a
    sinusoid to the √F-fold input, the released option that the paper leaves off.  `dropout` follows the conv
    front, `transformer_dropout` is inside the blocks (.75 is the paper's, for its two million clips).

    Parameters at 527 classes, 64 mels, width 1024: 12,097,662 tied, 18,399,358 with two blocks.
    Source: P1 section 3.

    >>> import torch
    >>> CSN(classes=5, width=64)({"audio": torch.zeros(2, 100, 64)}).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        classes: int,
        mels: int = 64,
        width: int = 1024,
        *,
        tied: bool = True,
        positional: bool = False,
        heads: int = 8,
        dropout: float = 0.0,
        transformer_dropout: float = 0.75,
        pooling: str = "attention",
    ) -> None:
        branch = SelfAttentive(
            mels,
            width,
            tied=tied,
            positional=positional,
            heads=heads,
            dropout=dropout,
            transformer_dropout=transformer_dropout,
        )
        super().__init__({"audio": branch}, Head(width, classes, pooling))


def _sinusoid(like: Tensor) -> Tensor:
    """Sinusoidal positions (T, F) for a batch (N, T, F): sines in the even bins, cosines in the odd ones."""
    _, frames, bins = like.shape
    time = torch.arange(frames, device=like.device).unsqueeze(1)
    rate = torch.exp(torch.arange(0, bins, 2, device=like.device) * (-math.log(10_000) / bins))
    return torch.stack([(time * rate).sin(), (time * rate).cos()], dim=2).flatten(1).to(like.dtype)
