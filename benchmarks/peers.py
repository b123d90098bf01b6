"""Sample-wise PGD against torchattacks and foolbox, universal against ART, on the same model and the same clips."""

import math
import random
import statistics
import warnings
from collections.abc import Callable
from functools import partial

import foolbox
import numpy as np
import torch
import torchattacks
from art.attacks.evasion import UniversalPerturbation
from art.estimators.classification import PyTorchClassifier
from torch import Tensor, nn

from avlib.attacks import Perturbation, Threat, fit_universal, pgd
from avlib.data.split import Split
from avlib.losses import margin
from benchmarks.race import Row, race, ratio
from benchmarks.subject import clips, cross_entropy, subject

STEPS, CLIPS, ROUNDS = 20, 32, 5
BOX = 16.0  # half the width of a box that no feature reaches
FITTED, RADII = 64, (5.0, 10.0)  # at 20, either leaves a single class standing, and harm no longer tells them apart


class OneTensor(nn.Module):
    """The model as a function of one tensor (N, 1, T, F); `unit` maps a box [0, 1] onto the features."""

    def __init__(self, model: nn.Module, unit: bool = False) -> None:
        super().__init__()
        self.model, self.unit = model, unit

    def forward(self, x: Tensor) -> Tensor:
        return self.model({"audio": (2 * BOX * x - BOX if self.unit else x)[:, 0]})


def sample_wise() -> list[Row]:
    """Two rows for each norm: the same radius, loss, steps and step size as the peers, all from δ = 0."""
    model, _ = subject()
    batch, labels = clips(CLIPS)
    x, target = batch["audio"].unsqueeze(1), labels.argmax(dim=1)
    unit = OneTensor(model, unit=True).eval()
    other = foolbox.PyTorchModel(OneTensor(model).eval(), bounds=(-BOX, BOX))
    step = 2.5 / STEPS
    made = []
    for name, norm, eps in (("ℓ2", 2, 8.0), ("ℓ∞", math.inf, 0.1)):
        scaled = eps / (2 * BOX)
        theirs = torchattacks.PGDL2 if norm == 2 else torchattacks.PGD
        torchattack = theirs(unit, eps=scaled, alpha=step * scaled, steps=STEPS, random_start=False)
        method = foolbox.attacks.L2PGD if norm == 2 else foolbox.attacks.LinfPGD
        fool = method(rel_stepsize=step, steps=STEPS, random_start=False)
        threats = {"audio": Threat(norm, eps)}
        contestants: dict[str, Callable[[], Tensor]] = {
            "torchattacks": lambda attack=torchattack: 2 * BOX * attack((x + BOX) / (2 * BOX), target) - BOX,
            "foolbox": lambda attack=fool, eps=eps: attack(other, x, target, epsilons=eps)[1],
            "avlib": lambda threats=threats: pgd(
                model, batch, labels, threats, steps=STEPS, step_size=step, loss=cross_entropy
            ).batch["audio"],
        }
        losses = {who: strength(model, run().reshape(batch["audio"].shape), labels) for who, run in contestants.items()}
        seconds = race(contestants, ROUNDS)
        made += [
            Row(
                f"PGD-{STEPS}, {name}, {CLIPS} clips",
                peer,
                seconds[peer],
                seconds["avlib"],
                ratio(seconds["avlib"], seconds[peer]),
                asked,
                f"loss {losses[peer]:.2f}, avlib {losses['avlib']:.2f}",
            )
            for peer, asked in (("torchattacks", "≤ .80"), ("foolbox", "≤ .65"))
        ]
    return made


@torch.no_grad()
def strength(model: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Mean cross-entropy at x."""
    return float(cross_entropy(model({"audio": x}), labels).mean())


def universal(radius: float) -> Row:
    """ART's one pass over the clips, and ours: fewest passes that break as many of them, as ART counts and we aim."""
    random.seed(0)  # ART shuffles by the global generators
    np.random.seed(0)  # noqa: NPY002
    model, _ = subject()
    batch, labels = clips(FITTED, "train")
    wrapped = PyTorchClassifier(
        OneTensor(model).eval(), nn.CrossEntropyLoss(), input_shape=(1, *batch["audio"].shape[1:]), nb_classes=10,
        device_type="cpu",
    )  # fmt: skip
    attack = UniversalPerturbation(
        wrapped, attacker="deepfool", attacker_params={"verbose": False}, delta=0.0, max_iter=1, eps=radius, norm=2,
        batch_size=FITTED, verbose=False,
    )  # fmt: skip
    theirs = race({"ART": lambda: attack.generate(batch["audio"].unsqueeze(1).numpy(), labels.numpy())}, 1)["ART"]
    reached = broken(model, Perturbation({"audio": torch.from_numpy(attack.noise[0])}), batch, labels)

    split = Split(batch, labels, tuple(str(i) for i in range(FITTED)))
    fit = partial(fit_universal, model, split, {"audio": Threat(2, radius)}, batch_size=16, loss=margin)
    for passes in range(1, 50):
        share = broken(model, fit(passes=passes), batch, labels)
        if share >= reached:
            break
    ours = race({"avlib": lambda: fit(passes=passes)}, ROUNDS)["avlib"]
    remark = f"broken {reached:.0%} in 1 pass, avlib {share:.0%} in {passes}"
    gain = theirs[0] / statistics.median(ours)
    return Row(f"universal, ℓ2, ε = {radius:g}, {FITTED} clips", "ART", theirs, ours, gain, "≥ 60", remark)


@torch.no_grad()
def broken(model: nn.Module, perturbation: Perturbation, batch: dict[str, Tensor], labels: Tensor) -> float:
    """Share of the clips that get a wrong top label."""
    return float((model(perturbation.apply(batch)).argmax(dim=1) != labels.argmax(dim=1)).float().mean())


def rows() -> list[Row]:
    """All comparisons with other attack libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sample_wise() + [universal(radius) for radius in RADII]
