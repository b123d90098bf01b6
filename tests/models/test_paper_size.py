"""The models at the paper's size: each is built, takes one step of training, and then one of an attack."""

import pytest
import torch

from avlib.attacks import Threat, fgsm
from avlib.losses import bce
from avlib.models import sized
from avlib.models.fusion import RELEASED, TAPS

CLASSES, FEATURES = 527, 512  # of AudioSet, and of an R(2+1)D of 18 layers
SHAPES = {"audio": (2, 80, 64), "video": (2, 4, FEATURES)}
KINDS = {"csn": ["audio"], "crnn": ["audio"], "resnet": ["audio"], "eye": ["video"]}
KINDS |= {tap: ["audio", "video"] for tap in (*TAPS, *RELEASED)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_training_moves_every_weight_and_a_step_of_attack_every_clip(kind):
    senses = KINDS[kind]
    draw = torch.Generator().manual_seed(0)
    x = {name: torch.rand(SHAPES[name], generator=draw) for name in senses}
    labels = torch.zeros(2, CLASSES)
    labels[0, 3] = labels[1, 5] = 1
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = sized(kind, "paper", CLASSES, **({"features": FEATURES} if "video" in senses else {}))()
        before = {name: weights.detach().clone() for name, weights in model.named_parameters()}
        loss = bce(model.train()(x), labels).mean()
    loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert loss.isfinite()
    still = [name for name, weights in model.named_parameters() if torch.equal(weights, before[name])]
    assert not [name for name in still if not _without_effect(name)], still
    ball = {name: Threat(2, 0.5) for name in senses}
    delta = fgsm(model.eval(), x, labels, ball).delta
    for name in senses:
        torch.testing.assert_close(delta[name].flatten(1).norm(dim=1), torch.full((2,), 0.5), atol=1e-4, rtol=0)


def _without_effect(name: str) -> bool:
    """Biases before a batch norm, which takes them out again, and those of keys, which softmax does not see."""
    return name.endswith("bias")
