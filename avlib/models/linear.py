"""A tagger whose worst case is known on paper: one weight for each spectrogram cell and class."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.models.pooling import Frames
from avlib.models.regression import logistic_regression
from avlib.models.tagger import Identity, Tagger


class Template(nn.Linear):
    """One weight for each cell of a clip and class, (N, T, d) → (N, C): a head that looks at the clip as a whole."""

    def forward(self, encoding: Tensor) -> Tensor:
        return super().forward(self.pooled(encoding))

    def pooled(self, encoding: Tensor) -> Tensor:
        """The clip as it is, flattened: (N, T · d)."""
        return encoding.flatten(1)

    def frames(self, encoding: Tensor) -> Frames:
        """What each frame adds to the logits: z_t = T·w_t·x_t + b, of which the clip's logit is the plain mean."""
        _, time, width = encoding.shape
        logits = time * torch.einsum("ntd,ctd->ntc", encoding, self.weight.unflatten(1, (time, width))) + self.bias
        return Frames(logits, torch.full_like(logits, 1 / time))


class LinearTagger(Tagger):
    """logits = W·x + b on the flattened log-mel x (frames × mels), with zero weights until fitted.

    A perturbation δ moves the logit of class c by exactly w_c·δ, whatever the clip: closed forms of the worst δ and
    of the smallest one that flips a decision follow (`dual_vector`, `radius`), and a δ shared by all clips only adds a
    constant to each class.
    """

    head: Template

    def __init__(self, classes: int, frames: int, mels: int) -> None:
        branch = Identity(width=mels, sizes=(mels,), shortest=frames, longest=frames)
        super().__init__({"audio": branch}, Template(frames * mels, classes))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.shape = frames, mels

    @property
    def templates(self) -> Tensor:
        """The weights as pictures, (C, frames, mels)."""
        return self.head.weight.unflatten(1, self.shape)


def fit_linear(split: Split, *, penalty: float = 1.0) -> LinearTagger:
    """The optimum of `logistic_regression` on the flattened spectrograms of `split`, its mean loss penalised.

    Its time grows with the cube of the clips, as far as they are fewer than the cells: 2 s of one core for 1,500 clips
    of 100 frames, 4 for 2,000.
    """
    x, labels = split.whole("audio"), split.labels.to(split.device)
    model = LinearTagger(labels.shape[1], *x.shape[1:])
    with torch.no_grad():
        weights, bias = logistic_regression(x.flatten(1), labels, penalty)
        model.head.weight.copy_(weights)
        model.head.bias.copy_(bias)
    return model.eval().to(x.device)


def dual_norm(weights: Tensor, norm: float) -> Tensor:
    """‖w‖_q over the last axis, 1/p + 1/q = 1: the most that w·δ can be over ‖δ‖_p ≤ 1, for p = `norm`.

    For a ball around each frame, δ's worst case is the sum of the frames' dual norms: give weights (…, T, F) and sum.

    Raises
    ------
    AvlibError
        When `norm` is below 1, where the ball is not convex.

    >>> [dual_norm(torch.tensor([3.0, -4.0]), p).item() for p in (1, 2, torch.inf)]
    [4.0, 5.0, 7.0]
    """
    return torch.linalg.vector_norm(weights, conjugate(norm), dim=-1)


def dual_vector(weights: Tensor, norm: float) -> Tensor:
    """The v with ‖v‖_p = 1 that reaches w·v = ‖w‖_q, along the last axis.

    p = ∞: sign(w).  p = 2: w/‖w‖₂.  p = 1: everything in the largest |w_j|.  Else sign(w)·(|w|/‖w‖_q)^(q−1).

    >>> dual_vector(torch.tensor([3.0, -4.0]), 2), dual_vector(torch.tensor([3.0, -4.0]), 1)
    (tensor([ 0.6000, -0.8000]), tensor([ 0., -1.]))
    """
    q = conjugate(norm)
    if q == torch.inf:
        largest = nn.functional.one_hot(weights.abs().argmax(dim=-1), weights.shape[-1])
        return largest * weights.sign()
    return weights.sign() * (weights.abs() / dual_norm(weights, norm)[..., None]) ** (q - 1)


def radius(model: LinearTagger, batch: Mapping[str, Tensor], norm: float) -> Tensor:
    """|w_c·x + b_c| / ‖w_c‖_q for each clip and class, (N, C): how far x is from where the sign of logit c flips.

    The least ‖δ‖_p over the whole clip, in units of the features (standard deviations of z-scored log-mel).

    >>> model = LinearTagger(classes=1, frames=1, mels=2)
    >>> _ = model.head.weight.data.copy_(torch.tensor([[3.0, -4.0]]))
    >>> radius(model, {"audio": torch.tensor([[[5.0, 0.0]]])}, norm=2).item()
    3.0
    """
    return model(batch).detach().abs() / dual_norm(model.head.weight.detach(), norm)


def nearest_flip(model: LinearTagger, batch: Mapping[str, Tensor], target: int, norm: float) -> Tensor:
    """The smallest δ (N, frames, mels) that brings the logit of class `target` to 0: −sign(z)·radius·v, v dual to w.

    The sign flips for every longer δ of this direction and for no shorter δ of any direction.
    """
    logits = model(batch).detach()[:, target]
    direction = dual_vector(model.head.weight.detach()[target], norm)
    length = -logits.sign() * radius(model, batch, norm)[:, target]
    return (length[:, None] * direction).unflatten(1, model.shape)


def conjugate(norm: float) -> float:
    """q of 1/p + 1/q = 1: the norm that is dual to p = `norm`.

    >>> conjugate(1), conjugate(2), conjugate(torch.inf)
    (inf, 2.0, 1.0)
    """
    if not norm >= 1:
        raise AvlibError(f"norm = {norm} is not one: choose 1, 2, or another number from 1 to inf")
    if norm == 1:
        return torch.inf
    return 1.0 if norm == torch.inf else norm / (norm - 1)
