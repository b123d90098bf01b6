"""How densely a class fills its place among the features: the measure of P2, what it is named after, a modern one."""

import math

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from scipy.special import gammaln

from avlib.errors import AvlibError
from avlib.metrics.members import FEWEST, TOO_FEW, Members, flagged
from avlib.metrics.tagging import Array, ArrayLike

CELLS = 2**16  # numbers in work at once: half a megabyte stays near the processor, and is 2.5 times as fast as 32
HELD = 2**22  # distances between members held at once: 32 MB
EQUAL = 1e-12  # radii that differ by less are one radius, and the difference is rounding


def log_volume(dimensions: int, radius: Array | float, p: float = 2) -> Array:
    """The logarithm of the volume of an ℓ_p ball, log V = d · log(2 Γ(1/p + 1) R) − log Γ(d/p + 1); p = ∞ is allowed.

    Source: P2, section 5.1, which prints the exponent 2 where d belongs.

    >>> bool(np.isclose(log_volume(2, 1.0), math.log(math.pi))), float(log_volume(3, 0.5, p=math.inf))
    (True, 0.0)
    """
    with np.errstate(divide="ignore"):
        sides = np.log(2 * radius) + gammaln(1 / p + 1)
    return np.asarray(dimensions * sides - gammaln(dimensions / p + 1))


def density(
    features: ArrayLike, labels: ArrayLike, *, tau: float = 0.8, p: float = 2, as_printed: bool = False
) -> pd.DataFrame:
    """The density ρ of the outer crust of each class, as P2 defines it, and that of its shell.

        ρ_c = (n_c − n_τ) / (log V(R) − log V(R_τ)) = (n_c − n_τ) / (d · log(R / R_τ))
        shell_c = log((n_c − n_τ) / (V(R) − V(R_τ)))

    R is the largest ℓ_p distance of the class's members to their mean, and R_τ the n_τ-th smallest, n_τ = ⌈τ n_c⌉.
    In ρ what the volume has before R cancels: ρ is no density, and in proportion to n_c.  The formula as printed has 2
    in the place of d, which makes every ρ d/2 times as large; `shell` is the logarithm of a true density.

    Rows are the classes; columns n, R, R_tau, rho, shell, and the reason why the last two are NaN: fewer than
    three members, or no crust, where R_τ = R.  The cost is linear in the clips.

    Parameters
    ----------
    features : (N, d).
    labels : (N, C) of 0 and 1; a clip is a member of all its classes.
    tau : the quantile τ, in (0, 1).
    p : of the norm; `math.inf` is allowed.

    Raises
    ------
    AvlibError
        When features and labels are not of the same clips, a feature is NaN, or τ or p is out of range.

    Source: P2, section 5.1, eq. 7.

    >>> line = np.array([[0.0], [1.0], [-1.0], [3.0], [-3.0]])
    >>> density(line, np.ones((5, 1)), tau=0.6)[["n", "R", "R_tau", "rho"]].round(2).values.tolist()
    [[5.0, 3.0, 1.0, 1.82]]
    """
    if not 0 < tau < 1 or not p >= 1:
        raise AvlibError(f"tau={tau}, p={p}: allowed is 0 < tau < 1 and p ≥ 1")
    flags = flagged(features, labels)
    values = features.detach().cpu().numpy() if isinstance(features, torch.Tensor) else np.asarray(features)
    if values.ndim != 2:
        raise AvlibError(f"features {values.shape}: (clips, dimensions) is needed, so pool over time first")
    members = Members.of(flags)
    distances, size = _from_centroid(values, members, p)
    count = members.count
    inner = np.ceil(tau * count - 1e-9).astype(
        int
    )  # .55 · 20 is 11, and not the 12 that comes after 11.000000000000002
    there = np.append(distances, np.nan)  # what a class without members is given
    radius, within = (there[np.where(count > 0, members.first + place - 1, len(distances))] for place in (count, inner))
    few = count < FEWEST
    with np.errstate(invalid="ignore"):
        bare = ~few & (radius - within <= EQUAL * np.maximum(radius, size))
    fine = ~few & ~bare
    d = values.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(within) - np.log(radius)
        rho = (count - inner) / (-(2 if as_printed else d) * ratio)
        shell = np.log(count - inner) - log_volume(d, radius, p) - np.log(-np.expm1(d * ratio))
    return pd.DataFrame(
        {
            "n": count,
            "R": radius,
            "R_tau": within,
            "rho": np.where(fine, rho, np.nan),
            "shell": np.where(fine, shell, np.nan),
            "reason": np.select([few, bare], [TOO_FEW, "no crust: R_τ = R"], ""),
        }
    )


def neighbour_density(features: ArrayLike, labels: ArrayLike, k: int = 5) -> pd.DataFrame:
    """The mean over the members of each class of log(k / (n_c − 1) / V(r_k)), r_k the distance to the k-th nearest.

    A density that n_c does not enter: the share of the other members that is near, per volume, at every member rather
    than around one centroid.  Rows are the classes; columns n, density, and the reason for NaN: at most k members, or
    k others at the same place.  ℓ_2; the cost is quadratic in the members of a class.

    Raises
    ------
    AvlibError
        As `density` does.

    Source: Loftsgaarden and Quesenberry, 1965.

    >>> line = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> neighbour_density(line, np.ones((4, 1)), k=1)["density"].round(3).tolist()  # log(1/3 / 2)
    [-1.792]
    """
    flags = flagged(features, labels)
    values = torch.as_tensor(features).detach().flatten(1).double()
    found, reasons = np.full(flags.shape[1], np.nan), np.full(flags.shape[1], "", dtype=object)
    for label, column in enumerate(flags.T):
        own = values[torch.from_numpy(column).to(values.device)]
        if len(own) <= k:
            reasons[label] = f"fewer than {k + 1} members"
            continue
        near = torch.cat([torch.cdist(some, own).topk(k + 1, largest=False).values[:, k] for some in _some(own)])
        if not near.all():
            reasons[label] = f"{k} others at the same place"
            continue
        found[label] = math.log(k / (len(own) - 1)) - log_volume(own.shape[1], near.cpu().numpy()).mean()
    return pd.DataFrame({"n": flags.sum(axis=0), "density": found, "reason": reasons})


def _some(own: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return own.split(max(1, HELD // len(own)))


def _from_centroid(values: Array, members: Members, p: float) -> tuple[Array, Array]:
    """The distance of each member to the mean of its class (M,), rising within a class; the norm of each mean (C,)."""
    clips, classes = len(values), len(members.count)
    ends = np.append(members.first, len(members.clip))
    carried = sparse.csr_array((np.ones(len(members.clip)), members.clip, ends), shape=(classes, clips))
    centroid = carried @ values.astype(np.float64) / np.maximum(members.count, 1)[:, None]  # (C, d)
    distances, step = np.empty(len(members.clip)), max(1, CELLS // values.shape[1])
    for start in range(0, len(distances), step):
        some = slice(start, start + step)
        gap = values[members.clip[some]] - centroid[members.label[some]]
        distances[some] = np.linalg.norm(gap, ord=p, axis=1)
    return distances[np.lexsort((distances, members.label))], np.linalg.norm(centroid, ord=p, axis=1)
