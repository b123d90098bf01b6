"""Late fusion of which everything is known on paper: the mean of two linear taggers."""

import torch
from torch import Tensor

from avlib.data.split import Split
from avlib.models.fusion.late import Late
from avlib.models.linear import Template
from avlib.models.regression import logistic_regression
from avlib.models.tagger import Identity, Tagger


class LinearLate(Late):
    """z = ½ (A·x_A + α) + ½ (B·x_V + β) on flattened sound (T, F) and picture (W, D), zero until fitted.

    >>> model = LinearLate(classes=2, audio=(4, 3), video=(2, 5))
    >>> model({"audio": torch.ones(1, 4, 3), "video": torch.ones(1, 2, 5)}).detach()
    tensor([[0., 0.]])
    """

    head: Template  # type: ignore[assignment]
    eye_head: Template  # type: ignore[assignment]

    def __init__(self, classes: int, audio: tuple[int, int], video: tuple[int, int]) -> None:
        shapes = {"audio": audio, "video": video}
        branches = {n: Identity(width=s[1], sizes=s[1:], shortest=s[0], longest=s[0]) for n, s in shapes.items()}
        Tagger.__init__(self, branches, Template(audio[0] * audio[1], classes))
        self.eye_head = Template(video[0] * video[1], classes)
        for parameter in self.parameters():
            torch.nn.init.zeros_(parameter)

    @property
    def weights(self) -> dict[str, Tensor]:
        """What a cell of each sense adds to each logit of the mean, (C, T · F) and (C, W · D)."""
        return {"audio": self.head.weight.detach() / 2, "video": self.eye_head.weight.detach() / 2}


def fit_linear_late(split: Split, *, penalty: float = 1.0) -> LinearLate:
    """The optimum of `logistic_regression` on the flattened sound and picture of `split` beside each other."""
    sound, picture = split.whole("audio"), split.whole("video")
    (_, frames, mels), (_, windows, features) = sound.shape, picture.shape
    model = LinearLate(split.labels.shape[1], (frames, mels), (windows, features))
    design = torch.cat([sound.flatten(1), picture.flatten(1)], dim=1)
    weights, bias = logistic_regression(design, split.labels.to(design.device), penalty)
    parts = weights.split([model.head.in_features, model.eye_head.in_features], dim=1)
    with torch.no_grad():
        for head, part in zip((model.head, model.eye_head), parts, strict=True):
            head.weight.copy_(2 * part)
            head.bias.copy_(bias)
    return model.eval().to(design.device)
