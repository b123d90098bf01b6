"""Adversarial training: a recipe's clips as an attacker would leave them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from avlib.attacks.ascent import ascend, deltas
from avlib.attacks.ball import balls
from avlib.attacks.perturbation import add, bounds_of, limits
from avlib.attacks.pgd import pgd
from avlib.attacks.threat import Threat
from avlib.data.split import Batch, Split
from avlib.errors import AvlibError
from avlib.mixup import between
from avlib.transform import Labels

Threats = tuple[tuple[str, Threat], ...]


@dataclass(frozen=True)
class Adversary:
    """Each clip at the end of a sample-wise attack on the weights as they are: min_θ E max_δ L(f_θ(x + δ), y).

    From a random point of the ball, `steps` steps of `step_size` · ε along the steepest direction of the norm, each
    projected; the worst point on the way is what the model is trained on.  One step of 1.25 ε is the fast adversarial
    training of Wong, Rice & Kolter (2020, algorithm 3), which they state for ℓ∞; several are that of Madry et al.
    (2018).  The attack sees the model in eval mode, as every attack of this library does.

    threats : (modality, `Threat`) of each modality that is attacked.

    Raises
    ------
    AvlibError
        Without a threat or a step, or for a step size that is not positive.

    >>> from avlib.transform import Labels
    >>> class Sum(nn.Module):
    ...     def forward(self, batch):
    ...         return batch["audio"].sum(dim=1, keepdim=True)
    >>> y, generator = torch.ones(1, 1), torch.Generator().manual_seed(0)
    >>> worst = Adversary((("audio", Threat(torch.inf, 0.1)),), step_size=2.0)  # from anywhere to a corner
    >>> worst(Sum(), {"audio": torch.zeros(1, 3)}, Labels(y, y), generator)[0]["audio"]
    tensor([[-0.1000, -0.1000, -0.1000]])
    """

    threats: Threats
    steps: int = 1
    step_size: float = 1.25

    def __post_init__(self) -> None:
        if not self.threats or self.steps < 1 or not self.step_size > 0:
            raise AvlibError(f"Adversary: {len(self.threats)} threats, steps={self.steps}, step_size={self.step_size}: "
                             "needed are one threat, one step and a positive size at least")  # fmt: skip

    def prepare(self, train: Split) -> "Adversary":
        return self

    def __call__(
        self, model: nn.Module, batch: Batch, labels: Labels, generator: torch.Generator
    ) -> tuple[Batch, Labels]:
        threats = dict(self.threats)
        allowed = balls(threats, batch)
        seeds = torch.randint(2**62, (len(labels.hard), len(allowed)), generator=generator)
        start = deltas(allowed, [ball.draw(seeds[:, b]) for b, ball in enumerate(allowed)])
        found = pgd(model, batch, labels.soft, threats, steps=self.steps, step_size=self.step_size, start=start)
        return found.batch, labels


@dataclass(frozen=True)
class VertexMixUp(Adversary):
    """x̃ = λ x + (1 − λ) x_v and ỹ = λ φ(y, `certain`) + (1 − λ) φ(y, `doubtful`), with λ uniform for each clip.

    The vertex x_v = x + `reach` · δ lies `reach` times as far as the δ that the `Adversary` finds, so that a model is
    trained past the edge of the ball, and on labels that are believed the less the further out it is: see `smoothed`.
    Where a threat has bounds, the vertex need not keep them.
    Source: Lee, Lee & Yoon, CVPR 2020, section 4 (γ = 2, λ₁ = 1 and λ₂ = .1 on CIFAR-10), there with PGD of 10 steps.

    Raises
    ------
    AvlibError
        As `Adversary`; for a reach below 1, or shares of belief out of [0, 1].
    """

    reach: float = 2.0
    certain: float = 1.0
    doubtful: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.reach < float("inf"):
            raise AvlibError(f"VertexMixUp: reach={self.reach} is not allowed; it is in sizes of δ, from 1")
        for name in ("certain", "doubtful"):
            if not 0 <= getattr(self, name) <= 1:
                raise AvlibError(f"VertexMixUp: {name}={getattr(self, name)} is not allowed; it lies in [0, 1]")

    def __call__(
        self, model: nn.Module, batch: Batch, labels: Labels, generator: torch.Generator
    ) -> tuple[Batch, Labels]:
        attacked, _ = super().__call__(model, batch, labels, generator)
        weight = torch.rand(len(labels.hard), generator=generator)
        mixed = {name: between(x, x + self.reach * (attacked[name] - x), weight) for name, x in batch.items()}
        soft = between(smoothed(labels.soft, self.certain), smoothed(labels.soft, self.doubtful), weight)
        return mixed, labels._replace(soft=soft)


@dataclass(frozen=True)
class UniversalAdversary:
    """One δ for all clips, which climbs while the weights descend: min_θ max_δ E L(f_θ(x + δ), y).

    Shafahi et al. (2020), algorithm 2: one backward pass gives the gradient of the loss with respect to the weights
    and with respect to δ.  So δ takes its step, `step_size` · ε along the steepest direction and projected, before the
    next batch, and costs no pass of its own.  It begins at 0, and goes on from batch to batch and epoch to epoch.

    Raises
    ------
    AvlibError
        Without a threat, or for a step size that is not positive.
    """

    threats: Threats
    step_size: float = 0.1

    def __post_init__(self) -> None:
        if not self.threats or not self.step_size > 0:
            raise AvlibError(f"UniversalAdversary: {len(self.threats)} threats, step_size={self.step_size}: "
                             "needed are one threat and a positive size at least")  # fmt: skip

    def prepare(self, train: Split) -> "_Shared":
        return _Shared(dict(self.threats), self.step_size, train.batch([0])[0])


class _Shared:
    """The δ of one training, and the gradient that the last backward pass has left in it: a `Stateful` step."""

    def __init__(self, threats: Mapping[str, Threat], step_size: float, clip: Batch) -> None:
        self.bounds, self.step_size = bounds_of(threats), step_size
        self.allowed = balls(threats, clip, box=False)
        self.ws = [torch.zeros_like(ball.unit) for ball in self.allowed]

    def __call__(
        self, model: nn.Module, batch: Batch, labels: Labels, generator: torch.Generator
    ) -> tuple[Batch, Labels]:
        self._ascend()
        here = labels.hard.device  # where the training is, which the training split need not be
        self.allowed = [replace(ball, unit=ball.unit.to(here)) for ball in self.allowed]
        self.ws = [w.to(here).requires_grad_() for w in self.ws]
        return {**batch, **add(batch, deltas(self.allowed, self.ws), limits(batch, self.bounds))}, labels

    def _ascend(self) -> None:
        gradients = [w.grad for w in self.ws if w.grad is not None]
        self.ws = [w.detach() for w in self.ws]
        if len(gradients) == len(self.ws):  # not before the first batch
            # Under several processes each has met a share of the batch; δ is one for all.
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                for gradient in gradients:
                    torch.distributed.all_reduce(gradient)
            self.ws = ascend(self.allowed, self.ws, gradients, self.step_size, progress=0.5)

    def state_dict(self) -> dict[str, Tensor]:
        self._ascend()  # what the last batch of an epoch asks for is not lost
        return {str(i): w for i, w in enumerate(self.ws)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.ws = [state[str(i)].to(ball.unit) for i, ball in enumerate(self.allowed)]


def smoothed(labels: Tensor, share: float) -> Tensor:
    """φ(y, `share`): of k labels among C classes `share` · y is kept, and the rest, (1 − `share`) · k, goes to others.

    Each of the others has as much, so that the sum stays; a clip with no label, or with all, stays as it is.  With one
    label that is the smoothing of Lee, Lee & Yoon (2020), where 1 − `share` is spread over C − 1 classes.

    >>> smoothed(torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]), 0.8)
    tensor([[0.8000, 0.1000, 0.1000],
            [0.8000, 0.8000, 0.4000]])
    """
    count = labels.sum(dim=1, keepdim=True)
    others = labels.shape[1] - count
    moved = (1 - share) * torch.where((count > 0) & (others > 0), 1.0, 0.0)
    return (1 - moved) * labels + moved * (1 - labels) * count / others.clamp_min(1)
