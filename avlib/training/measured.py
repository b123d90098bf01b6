"""The measures of P2 for all classes of a trained tagger, in the spaces of the paper."""

import pandas as pd
import torch

from avlib.data.split import Split
from avlib.device import home
from avlib.metrics.convexity import convexity
from avlib.metrics.density import density
from avlib.models.tagger import Tagger
from avlib.training.frozen import observed


def class_measures(model: Tagger, clips: Split, generator: torch.Generator) -> pd.DataFrame:
    """Densities and convexities of all classes, one row each, from their `clips`, and what they may be a mask of.

    Columns: "ρ, τ = 0.6" and "ρ, τ = 0.8" of the pooled vectors in ℓ2; κ between all clips and "κ, recognised" between
    recognised ones, of the sequences that the head sees, where a class is recognised at a probability above ½; recall,
    the share of clips that are; clips, their number.  `generator` draws the pairs.

    Source: P2, sections 5.1, 5.2 and 7.3.

    >>> from avlib.models import CSN
    >>> clips = Split({"audio": torch.randn(6, 40, 64)}, torch.ones(6, 1), tuple("abcdef"))
    >>> class_measures(CSN(classes=1, width=64), clips, torch.Generator())["clips"].to_dict()
    {0: 6}
    """
    sequences, labels, device = observed(model, clips, model.bottleneck), clips.labels.cpu(), home(model)
    vectors = torch.cat([model.head.pooled(some.to(device)).detach().cpu() for some in sequences.split(256)])
    crusts = {tau: density(vectors, labels, tau=tau) for tau in (0.6, 0.8)}
    head = lambda x: model.head(x.to(device))  # noqa: E731
    every, known = (
        convexity(sequences, labels, head, rule="threshold", endpoints=ends, generator=generator)
        for ends in ("all", "correct")
    )
    columns = {f"ρ, τ = {tau}": found["rho"] for tau, found in crusts.items()}
    columns |= {"κ": every["kappa"], "κ, recognised": known["kappa"], "recall": every["recall"], "clips": every["n"]}
    return pd.DataFrame(columns)
