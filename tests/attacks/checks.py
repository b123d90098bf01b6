"""Properties that any attack must have.  `test_mutations.py` sees each of them go red."""

from collections.abc import Callable

import torch
from torch import Tensor

from avlib.attacks import Threat, fit_universal, pgd
from avlib.losses import bce
from tests.attacks.toys import DUAL, NORMS, Curved, F, Linear, T, batch, coin, gen, signed, split, truth

MASK = torch.zeros(T, F)
MASK[1:4, :3] = 1
SCALE = torch.linspace(0.5, 2, F)


def size(delta: Tensor, threat: Threat) -> Tensor:
    """‖δ / scale‖ of each clip, the largest over frames where the ball is one of frames."""
    scaled = delta if threat.scale is None else delta / threat.scale
    rows = scaled.flatten(1).unsqueeze(1) if threat.over == "clip" else scaled.flatten(2)
    return torch.linalg.vector_norm(rows, ord=threat.norm, dim=2).amax(dim=1)


def inside(x: Tensor, delta: Tensor, threat: Threat, tolerance: float = 1e-5) -> None:
    assert bool((size(delta, threat) <= torch.as_tensor(threat.eps) * (1 + tolerance)).all()), "left the ball"
    if threat.mask is not None:
        assert float((delta * (1 - threat.mask)).abs().max()) == 0, "left the mask"
    if threat.bounds is not None:
        low, high = threat.bounds
        assert bool(((x + delta >= low - tolerance) & (x + delta <= high + tolerance)).all()), "left the box"


def stays_inside(attack: Callable = pgd) -> None:
    x, model = batch(), Curved()
    for norm in NORMS:
        for over in ("clip", "frame"):
            for extra in ({}, {"mask": MASK}, {"scale": SCALE}, {"mask": MASK, "scale": SCALE}):
                threat = Threat(norm, 0.7, over=over, **extra)
                inside(x["audio"], attack(model, x, truth(x), {"audio": threat}, steps=4).delta["audio"], threat)


def universal_stays_inside() -> None:
    for norm in NORMS:
        for over in ("clip", "frame"):
            threat = Threat(norm, 0.7, over=over, mask=MASK)
            found = fit_universal(Curved(), split(), {"audio": threat}, passes=3, batch_size=8, generator=gen())
            inside(torch.zeros(1, T, F), found.delta["audio"], threat)
            assert found.history["ratio_audio"].max() <= 1 + 1e-5


def reaches_dual_norm(attack: Callable = pgd) -> None:
    """In a linear model the best gain is ε·‖w‖_* (a sum over the frames when each has its ball)."""
    model, x, y = Linear(), batch(dtype=torch.float64), coin()
    for norm in NORMS:
        for over in ("clip", "frame"):
            for mask in (None, MASK):
                for scale in (None, SCALE):
                    threat = Threat(norm, 0.3, over=over, mask=mask, scale=scale)
                    weights = model.audio[0].detach() * (1 if mask is None else mask) * (1 if scale is None else scale)
                    rows = weights.reshape(1, -1) if over == "clip" else weights
                    best = 0.3 * torch.linalg.vector_norm(rows, ord=DUAL[norm], dim=1).sum()
                    found = attack(model, x, y, {"audio": threat}, steps=20, loss=signed)
                    gain = signed(model({"audio": x["audio"] + found.delta["audio"]}), y) - signed(model(x), y)
                    assert torch.allclose(gain, best.expand_as(gain), rtol=1e-3), (norm, over)


def universal_raises_loss() -> None:
    for norm in NORMS:
        threats = {"audio": Threat(norm, 1.0, over="frame")}
        history = fit_universal(Curved(), split(), threats, passes=4, batch_size=8, generator=gen()).history
        assert history["loss"].max() > history["loss"][0] + 0.05, norm


def best_so_far(attack: Callable = pgd) -> None:
    """With steps far too long the last point is not the best: what is returned must be."""
    x, model = batch(), Curved()
    y = truth(x)
    found = attack(model, x, y, {"audio": Threat(2, 3.0)}, steps=12, step_size=1.9)
    assert bool((found.history[:, -1] < found.history.amax(dim=1)).any()), "this toy no longer overshoots"
    assert torch.equal(found.loss, found.history.amax(dim=1))
    model.eval()
    moved = {"audio": x["audio"] + found.delta["audio"]}
    assert torch.allclose(bce(model(moved), y), found.loss, atol=1e-5)


def batch_size_does_not_matter() -> None:
    x, model = batch(7), Curved()
    y = truth(x)
    # Hardly a step: the random starts decide.
    arguments = {"threats": {"audio": Threat(2, 1.0)}, "steps": 1, "step_size": 1e-3, "restarts": 3}
    whole = pgd(model, x, y, generator=gen(9), **arguments).delta["audio"]
    one_generator = gen(9)
    pieces = [
        pgd(model, {"audio": part}, target, generator=one_generator, **arguments).delta["audio"]
        for part, target in zip(x["audio"].split([1, 4, 2]), y.split([1, 4, 2]), strict=True)
    ]
    assert torch.allclose(torch.cat(pieces), whole, atol=1e-5)


def leaves_model_untouched() -> None:
    model = Curved()
    model.train()
    model.branches["video"].eval()
    model.head.bias.requires_grad_(False)

    def state() -> tuple:
        tensors = {name: value.clone() for name, value in model.state_dict().items()}
        return tensors, [m.training for m in model.modules()], [p.requires_grad for p in model.parameters()]

    before = state()
    pgd(model, batch(video=True), truth(batch(video=True)), {"audio": Threat(2, 1.0)}, steps=2)
    fit_universal(model, split(video=True), {"video": Threat(2, 1.0)}, passes=1, batch_size=8)
    tensors, modes, frozen = state()
    assert all(torch.equal(value, before[0][name]) for name, value in tensors.items())
    assert (modes, frozen) == before[1:]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.gru.dropout == 0.5
