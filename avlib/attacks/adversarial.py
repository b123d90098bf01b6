"""What a sample-wise attack found, and the signs that its number may flatter the model."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Adversarial:
    """Adversarial examples: the worst point that was seen for each clip.

    delta : δ of each attacked modality, in the shape of its features.
    batch : the whole batch with x + δ in place, the very one at which `loss` was taken.
    loss : loss of each clip there, (N,).
    history : loss of each clip before the first step and after each, in the run that won, (N, steps + 1).
    gradients : gradient evaluations that each clip was given over all runs, (N,): the cost.

    Signs that gradients are masked (Athalye et al. 2018, section 3), for each clip, (N,); `signs` has their shares:

    unsound : a loss or a gradient was not finite in some run.  Such a clip was not attacked to the end: it may look
        robust and is not known to be.
    flat : the first gradient of the first run was exactly 0.
    """

    delta: dict[str, Tensor]
    batch: dict[str, Tensor]
    loss: Tensor
    history: Tensor
    gradients: Tensor
    unsound: Tensor
    flat: Tensor

    @property
    def one_step(self) -> Tensor:
        """Whether one step did as well as all: no later loss of the run is above that after the first step, (N,)."""
        return self.history[:, 1] >= self.history.amax(dim=1)

    @property
    def fell(self) -> Tensor:
        """Whether the run ended with a smaller loss than it began with, though every step ascends, (N,)."""
        return self.history[:, -1] < self.history[:, 0]

    @property
    def signs(self) -> dict[str, float]:
        """Share of the clips that show each sign."""
        return {name: float(getattr(self, name).double().mean()) for name in ("unsound", "flat", "one_step", "fell")}
