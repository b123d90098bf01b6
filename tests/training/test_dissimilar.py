"""The dissimilarity constraint: the cosine of the means over time, and what follows for a training."""

import math

import pytest
import torch

from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.models import CSN
from avlib.models.fusion import Early, LateSum
from avlib.training.dissimilar import Dissimilar
from tests.attacks.toys import Curved, batch, coin


def test_the_loss_is_that_of_the_labels_and_the_cosine_of_the_mean_encodings():
    model, x, y = Curved().eval(), batch(6, video=True), coin(6, 4).float()
    heard, seen = (code.mean(dim=1) for code in model.encode(x).values())
    cosine = ((heard * seen).sum(1) / heard.norm(dim=1) / seen.norm(dim=1)).mean()
    for weight in (0.0, 1.0, 3.0):
        expected = bce(model(x), y).mean() + weight * cosine / 4
        torch.testing.assert_close(Dissimilar(weight).of(model, 4)(x, y), expected)


def test_who_descends_it_turns_the_senses_apart():
    x, y, ends = batch(8, video=True), coin(8, 4).float(), {}
    for weight in (0.0, 4.0):
        model = Curved().eval()
        loss, adam = Dissimilar(weight).of(model, 4), torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(30):
            adam.zero_grad()
            loss(x, y).backward()
            adam.step()
        heard, seen = (code.mean(dim=1).detach() for code in model.encode(x).values())
        ends[weight] = float(torch.nn.functional.cosine_similarity(heard, seen).mean())
    assert ends[4.0] < ends[0.0] - 0.2


def test_encodings_that_cannot_be_compared_are_named():
    Dissimilar().of(LateSum(5, features=16, width=64), 5)
    with pytest.raises(AvlibError, match="one width, which Early does not have"):
        Dissimilar().of(Early(5, features=16, width=32), 5)
    with pytest.raises(AvlibError, match="compares two senses, and CSN has 1"):
        Dissimilar().of(CSN(4, 32, 32), 4)
    for weight in (-1.0, math.nan):
        with pytest.raises(AvlibError, match="weight="):
            Dissimilar(weight)
