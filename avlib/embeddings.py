"""Features in few dimensions: axes that are fitted to one set of points and meet another, and pictures in two."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating]
Axes = Callable[[Points], Points]  # (N, D) → (N, d)


def scaled(features: Points, of: Points) -> Points:
    """`features` from the centroid of `of`, in units of the root mean square distance of `of` from there.

    Two models measure with different rulers; after this, theirs can be compared.
    """
    middle = of.mean(axis=0)
    return (features - middle) / max(np.sqrt(((of - middle) ** 2).sum(axis=1).mean()), np.finfo(float).tiny)


def pca(train: Points, dimensions: int = 5) -> Axes:
    """The projection on the directions along which `train` (n, D) varies most; each with its largest entry positive.

    >>> cloud = np.array([[0.0, 0, 0], [4, 0, 0], [0, 1, 0], [4, 1, 0]])
    >>> pca(cloud, 2)(cloud).std(axis=0).round(3)
    array([2. , 0.5])
    """
    middle = train.mean(axis=0)
    directions = np.linalg.svd(train - middle, full_matrices=False)[2][:dimensions]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    return lambda points: (points - middle) @ directions.T


def lda(train: Points, groups: Sequence[str], shrinkage: float = 0.1) -> Axes:
    """The projection that separates the groups of `train` best, one dimension fewer than there are groups.

    Fisher's: the largest eigenvectors of S_w⁻¹ S_b, where the scatter within, S_w, is shrunk towards a multiple of the
    identity, because it is not invertible in more dimensions than points.
    """
    names, middle = np.asarray(groups), train.mean(axis=0)
    each = {name: train[names == name] for name in dict.fromkeys(groups)}
    within = sum((part - part.mean(axis=0)).T @ (part - part.mean(axis=0)) for part in each.values()) / len(train)
    between = np.stack([np.sqrt(len(part) / len(train)) * (part.mean(axis=0) - middle) for part in each.values()])
    D = train.shape[1]
    within = (1 - shrinkage) * within + shrinkage * max(np.trace(within) / D, np.finfo(float).tiny) * np.eye(D)
    root = np.linalg.cholesky(within)
    directions = np.linalg.svd(np.linalg.solve(root, between.T).T, full_matrices=False)[2][: len(each) - 1]
    axes = np.linalg.solve(root.T, directions.T)  # (D, groups − 1)
    return lambda points: (points - middle) @ axes


def tsne(features: Points, seed: int = 0, perplexity: float = 30.0) -> Points:
    """t-SNE in two dimensions, (n, 2): a picture of who is near whom, in which sizes and distances mean nothing."""
    from sklearn.manifold import TSNE  # seconds to import

    calm = min(perplexity, (len(features) - 1) / 3)
    return np.asarray(TSNE(perplexity=calm, random_state=seed, init="pca").fit_transform(features), float)


def umap(features: Points, seed: int = 0, neighbours: int = 15) -> Points:
    """UMAP in two dimensions, (n, 2): another picture of who is near whom."""
    from umap import UMAP  # compiles for many seconds when it is imported

    calm = UMAP(n_neighbors=min(neighbours, len(features) - 1), random_state=seed, n_jobs=1)
    return np.asarray(calm.fit_transform(features), float)
