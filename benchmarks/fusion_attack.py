"""An attack on the sound of each fusion model against the plain loop over the whole model, picture and all."""

import torch
from torch import Tensor, nn

from avlib.attacks import Threat, pgd
from avlib.losses import bce
from avlib.models import ClipEncoder, PixelTagger, R2Plus1D, sized
from avlib.models.fusion import TAPS
from benchmarks.race import Row, race, ratio

STEPS, CLIPS, WINDOWS, FRAMES, SIDE, CLASSES, ROUNDS = 20, 2, 5, 4, 32, 32, 2
THREAT = {"audio": Threat(2, 1.0, over="frame")}


def rows() -> list[Row]:
    """Two rows for each tap: pixels through R(2+1)D of 18 layers, and stored features of the windows."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = ClipEncoder(R2Plus1D(18), window=FRAMES).eval()
        taps = {tap: sized(tap, "laptop", CLASSES, features=encoder.width)().eval() for tap in TAPS}
    audio = torch.randn(CLIPS, 100, 64, generator=generator)
    pixels = torch.rand(CLIPS, WINDOWS, FRAMES, 3, SIDE, SIDE, generator=generator)
    with torch.no_grad():
        features = encoder(pixels)
    labels = (torch.rand(CLIPS, CLASSES, generator=generator) < 0.1).float()
    made = []
    for tap, model in taps.items():
        for kind, whole, video in (
            ("pixels", PixelTagger(encoder, model).eval(), pixels),
            ("features", model, features),
        ):
            made.append(_row(f"{tap}, {kind}", whole, {"audio": audio, "video": video}, labels, kind == "pixels"))
    return made


def _row(what: str, model: nn.Module, batch: dict[str, Tensor], labels: Tensor, asked: bool) -> Row:
    def bare() -> Tensor:
        x = batch["audio"].clone().requires_grad_()
        for _ in range(STEPS):
            (gradient,) = torch.autograd.grad(bce(model({**batch, "audio": x}), labels).sum(), x)
        return gradient

    seconds = race({"bare": bare, "avlib": lambda: pgd(model, batch, labels, THREAT, steps=STEPS)}, ROUNDS)
    gain = ratio(seconds["bare"], seconds["avlib"])
    name = f"PGD-{STEPS} on the sound, {what}, {CLIPS} clips"
    return Row(name, "the whole model", seconds["bare"], seconds["avlib"], gain, "≥ 5" if asked else "")
