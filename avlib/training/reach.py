"""How far in time one encoded frame of a model looks."""

import torch
from torch import Tensor, nn

from avlib.attacks.attacking import attacking
from avlib.data.split import Batch
from avlib.models import Tagger


def reach(
    model: Tagger, batch: Batch, modality: str, frame: int | None = None, *, directions: int = 4, seed: int = 0
) -> Tensor:
    """Share of each frame of `modality` in what decides encoded frame `frame` (the middle one when left out): (T,).

    share_t ∝ mean over clips and random unit vectors v of ‖∂⟨v, h⟩/∂x_t‖₂, Σ_t share_t = 1, where h is that frame of
    ``model.bottleneck(batch)`` and x_t an input frame.  `directions` vectors are drawn with `seed`.
    """
    generator = torch.Generator().manual_seed(seed)
    with attacking(model) as model:
        x = batch[modality].detach().requires_grad_()
        sequence = model.bottleneck({**batch, modality: x})  # (N, T′, d)
        looked = sequence[:, sequence.shape[1] // 2 if frame is None else frame]  # (N, d)
        total = x.new_zeros(x.shape[1])
        for _ in range(directions):
            direction = nn.functional.normalize(torch.randn(looked.shape[1], generator=generator), dim=0)
            scalar = (looked @ direction.to(looked)).sum()
            (gradient,) = torch.autograd.grad(scalar, x, retain_graph=True)
            total += gradient.flatten(2).norm(dim=2).mean(dim=0)
    return total / total.sum()
