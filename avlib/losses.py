"""Losses for each clip: `(logits, labels) -> (N,)`, larger is worse for the model."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


def bce(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy, mean over the classes: (1/C) Σ_c softplus((1 − 2 y_c) · z_c), shape (N,).

    Equal to BCE of σ(z) where that is finite, but keeps a gradient where float32
    BCE-with-logits has none (from |z| = 17 on).  Soft labels y in [0, 1] interpolate linearly.

    >>> import torch
    >>> bce(torch.tensor([[0.0, 40.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([20.3466])
    """
    return (labels * F.softplus(-logits) + (1 - labels) * F.softplus(logits)).mean(dim=1)


def ranking(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of softplus(z_n − z_p) over the pairs of a present label p and an absent one n of a clip, shape (N,).

    A smooth count of wrongly ordered pairs.  BCE can be raised by lifting all logits alike, which leaves every
    ranking metric where it was; this loss cannot.  A clip without pairs gets 0.  Labels above 1/2 are present.

    >>> ranking(torch.tensor([[0.0, 40.0], [5.0, 5.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    tensor([40.,  0.])
    """
    present = labels > 0.5
    pairs = present.unsqueeze(2) & ~present.unsqueeze(1)  # (N, C, C): present, absent
    gaps = F.softplus(logits.unsqueeze(1) - logits.unsqueeze(2))
    return torch.where(pairs, gaps, 0).sum(dim=(1, 2)) / pairs.sum(dim=(1, 2)).clamp_min(1)


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """max z_n over the absent labels − max z_p over the present ones, shape (N,): > 0 where the top label is wrong.

    The loss of Carlini & Wagner (2017) for many labels: no saturation, and a sign with a meaning.  A side without
    labels counts as logit 0, probability 1/2.  Labels above 1/2 are present.

    >>> margin(torch.tensor([[3.0, 1.0, 2.5]]), torch.tensor([[1.0, 1.0, 0.0]]))
    tensor([-0.5000])
    """
    present = labels > 0.5
    best = [torch.where(side, logits, -torch.inf).amax(dim=1) for side in (~present, present)]
    absent, top = (torch.where(side.isinf(), 0, side) for side in best)
    return absent - top


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """`margin` over z₍₁₎ − z₍ₖ₊₂₎, where z₍ᵢ₎ is the i-th largest logit and k the number of present labels, (N,).

    The difference-of-logits-ratio loss of Croce & Hein (2020, section 4.1; k = 1 there) for many labels: whoever
    multiplies all logits by a factor or adds a number to them leaves it as it is, and so cannot hide its gradient by
    scale.  A clip that lacks present or absent labels gets 0.  Labels above 1/2 are present.

    >>> z, y = torch.tensor([[3.0, 1.0, 2.5, -1.0]]), torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    >>> dlr(z, y), dlr(10 * z + 7, y)
    (tensor([-0.2500]), tensor([-0.2500]))
    """
    present = labels > 0.5
    count = present.sum(dim=1, keepdim=True)
    ordered = logits.sort(dim=1, descending=True).values
    last = (count + 1).clamp_max(logits.shape[1] - 1)
    spread = (ordered[:, :1] - ordered.gather(1, last))[:, 0]
    both = (present.any(dim=1) & ~present.all(dim=1)).to(logits)
    return both * margin(logits, labels) / spread.clamp_min(torch.finfo(logits.dtype).tiny)


def class_ranking(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of softplus(−(y_ic − y_jc)·(z_ic − z_jc)) over the pairs of clip i with others of its batch, shape (N,).

    The pairs (j, c) are those where one of the two clips carries label c and the other does not.  A smooth count of
    wrongly ordered clips within each class, which is what AP and AUC see: a constant added to a class does not change
    it.  A clip without pairs gets 0; its value depends on the batch.  Labels above 1/2 are present.

    >>> class_ranking(torch.tensor([[40.0], [0.0], [0.0]]), torch.tensor([[0.0], [1.0], [0.0]]))
    tensor([40.0000, 20.3466,  0.6931])
    """
    present = (labels > 0.5).to(logits)
    sides = present.unsqueeze(1) - present.unsqueeze(0)  # (N, N, C): 1, 0 or −1
    gaps = F.softplus(-sides * (logits.unsqueeze(1) - logits.unsqueeze(0))) * sides.abs()
    return gaps.sum(dim=(1, 2)) / sides.abs().sum(dim=(1, 2)).clamp_min(1)


def whole(logits: Tensor) -> Tensor:
    """Logits in float32 at least: a loss of bfloat16 logits hides what one step of an attack wins.

    >>> whole(torch.zeros(1, dtype=torch.bfloat16)).dtype, whole(torch.zeros(1, dtype=torch.float64)).dtype
    (torch.float32, torch.float64)
    """
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
