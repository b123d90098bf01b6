import math

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from avlib.attacks import Perturbation, Threat, fit_universal, noise
from avlib.errors import AvlibError
from avlib.training import predict
from tests.attacks.checks import MASK
from tests.attacks.toys import Curved, batch, gen, split, truth

BOTH = {
    "audio": Threat(2, 1.0, mask=MASK, bounds=(-1.0, torch.linspace(0, 1, 5))),
    "video": Threat(math.inf, 0.3, bounds=(-math.inf, 0.5)),
}


def test_state_comes_back_whole_through_safetensors(tmp_path):
    found = fit_universal(Curved(), split(video=True), BOTH, passes=2, batch_size=8, generator=gen())
    save_file(found.state_dict(), tmp_path / "delta.safetensors")
    back = Perturbation.from_state(load_file(tmp_path / "delta.safetensors"))
    x = batch(video=True)
    for name in BOTH:
        assert torch.equal(back.delta[name], found.delta[name])
        assert torch.equal(back.apply(x)[name], found.apply(x)[name])
    assert not torch.equal(found.apply(x)["video"], x["video"] + found.delta["video"]), "bounds that bind"
    assert back.ratio == found.ratio
    assert back.gradients == found.gradients == 2
    pd.testing.assert_frame_equal(back.history, found.history)


def test_a_perturbation_without_bounds_or_history_comes_back_too():
    made = noise(batch(), {"audio": Threat(2, 1.0)}, generator=gen())
    back = Perturbation.from_state(made.state_dict())
    assert torch.equal(back.delta["audio"], made.delta["audio"])
    assert (back.ratio, back.bounds, len(back.history)) == (made.ratio, {}, 0)


def test_another_state_is_refused():
    with pytest.raises(AvlibError, match=r"\['audio'\]"):
        Perturbation.from_state({"audio": torch.zeros(1, 3, 3)})


def test_a_delta_for_each_clip_is_not_an_attack_on_batch_after_batch():
    data, model = split(12), Curved()
    x, _ = data.batch(range(6))
    own = noise(x, {"audio": Threat(2, 1.0)}, generator=gen())
    with pytest.raises(AvlibError, match=r"one for each of 6 clips.*\.apply"):
        predict(model, data, own, batch_size=6)
    torch.testing.assert_close(own.apply(x)["audio"], x["audio"] + own.delta["audio"])
    shared = noise(x, {"audio": Threat(2, 1.0)}, generator=gen(), kind="universal")
    assert predict(model, data, shared, batch_size=6).shape == (12, 4)


def test_a_perturbation_that_does_not_fit_is_refused():
    found = Perturbation({"audio": torch.zeros(1, 3, 3)})
    with pytest.raises(AvlibError, match="shape"):
        found.apply(batch())
    with pytest.raises(AvlibError, match="no such modality"):
        Perturbation({"video": torch.zeros(1, 3, 3)})(batch(), truth(batch()))
