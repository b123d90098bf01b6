"""The measures of a trained tagger are those of its own features, whatever it was doing before."""

import numpy as np
import torch

from avlib.data import load
from avlib.metrics.density import density
from avlib.models import CSN
from avlib.training.frozen import observed
from avlib.training.measured import class_measures


def seeded():
    return torch.Generator().manual_seed(0)


def test_measures_are_those_of_the_bottleneck_and_the_model_is_left_alone():
    data = load("synthav", clips=(60, 2, 2), classes=4, modalities=["audio"])
    torch.manual_seed(0)
    model = CSN(classes=len(data.classes), width=64).train()
    with torch.no_grad():  # about half of the clips of a class are recognised
        model.head.event.bias.copy_(-observed(model, data.train, model).median(dim=0).values)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = class_measures(model, data.train, seeded())
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    vectors = observed(model, data.train, model.pooled)
    alone = density(vectors, data.train.labels, tau=0.6)
    np.testing.assert_allclose(found["ρ, τ = 0.6"], alone["rho"], rtol=1e-4)
    assert found["clips"].tolist() == data.train.labels.sum(dim=0).tolist()
    logits = observed(model, data.train, model)
    share = ((logits > 0) & (data.train.labels > 0)).sum(dim=0) / data.train.labels.sum(dim=0)
    np.testing.assert_allclose(found["recall"], share, rtol=1e-5)
    assert found.equals(class_measures(model, data.train, seeded()))
