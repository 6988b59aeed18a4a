"""Cluster face embeddings into persons.

The network was trained on few East Asian faces, and has them all near each other: on photos of
Chinese people 1 of 3 pairs of different people lies within 0.58, on CelebA 1 of 370. So distances
are adjusted: how far a face is from other people on average can be told from its embedding (a
linear regression), and by as much as that is less than on CelebA, its distances are lengthened.
Likewise Dehak et al. normalize the scores of speakers (Cosine Similarity Scoring without Score
Normalization Techniques, 2010).

Complete linkage first: every two faces of a cluster are near each other. It is precise, and splits
people of whom there are many photos; so clusters whose mean distance is small are merged
afterwards (average linkage, UPGMA). Both thresholds were chosen on 1,200 people of CelebA, three
photos each; docs/results.md compares other methods on 1,200 others.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces import identity
from neuroceleb.data.faces.identity import Embeddings, Floats

COMPLETE = 0.60  # largest distance between two faces of a cluster
AVERAGE = 0.52  # mean distance below which two clusters are merged
TYPICAL = 0.84  # mean distance between different people of CelebA
MEANS = (0.60, 0.86)  # bounds of the mean distance that is told from an embedding
MIN_PAIRS = 4  # of faces of two clusters: a mean of fewer distances says too little
CHUNK = 8_000  # faces clustered at once: 0.6 GB of distances

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Thresholds:
    """Euclidean distances of embeddings; see COMPLETE and AVERAGE."""

    complete: float = COMPLETE
    average: float = AVERAGE


def adjusted_distances(one: Embeddings, other: Embeddings) -> Floats:
    """(N, M) distances between (N, 128) and (M, 128) embeddings, alike for all people.

    Below 0.6 it is most often the same person. Raises UserError for damaged weights.
    """
    return _between(_prepare(one), _prepare(other))


def _prepare(embeddings: Embeddings) -> Floats:
    """(N, 129): the embeddings, and what each adds to its distances."""
    weights = identity.crowding_weights()
    mean = (embeddings @ weights[:-1] + weights[-1]).clip(*MEANS)
    return np.column_stack([embeddings, (TYPICAL - mean) / 2]).astype(np.float32)


def _between(one: Floats, other: Floats) -> Floats:
    """(N, M) adjusted distances of prepared embeddings."""
    added = one[:, -1:] + other[:, -1]
    return np.maximum(distances(one[:, :-1], other[:, :-1]) + added, 0.0)


def distances(one: Embeddings, other: Embeddings) -> Floats:
    """(N, M) Euclidean distances between (N, 128) and (M, 128) embeddings."""
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2.0 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)), np.float32)


def cluster(embeddings: Embeddings, thresholds: Thresholds | None = None) -> Labels:
    """Persons of (N, 128) embeddings as numbers 0, 1, …, the person with the most faces first.

    Persons of equal size are in the order of their first faces. Deterministic.
    """
    return _cluster(_prepare(embeddings), thresholds or Thresholds())


def _cluster(faces: Floats, limits: Thresholds) -> Labels:
    return by_size(_average(faces, _complete(faces, limits.complete), limits.average))


def extend(embeddings: Embeddings, known: Labels, thresholds: Thresholds | None = None) -> Labels:
    """Complete a clustering: (N,) labels, where `known` (N,) has -1 for faces without a person.

    Known faces keep their labels. The others are clustered among themselves, CHUNK at a time, and
    a cluster joins the nearest person whose faces are all near or near on average; those left are
    new persons, with the numbers after the largest known one, largest first.
    """
    limits = thresholds or Thresholds()
    faces, labels = _prepare(embeddings), known.copy()
    first_new = int(known.max(initial=-1)) + 1
    unknown = np.flatnonzero(known < 0)
    for start in range(0, len(unknown), CHUNK):
        chunk = unknown[start : start + CHUNK]
        found = _cluster(faces[chunk], limits)
        settled = np.flatnonzero(labels >= 0)
        joined = _joined(faces, chunk, found, settled, labels[settled], limits)
        fresh = int(labels.max(initial=-1)) + 1
        remaining = np.unique(found[[person not in joined for person in found.tolist()]])
        numbers = joined | {int(person): fresh + i for i, person in enumerate(remaining)}
        labels[chunk] = [numbers[person] for person in found.tolist()]
    new = labels >= first_new
    labels[new] = by_size(labels[new]) + first_new
    return labels


def in_two(embeddings: Embeddings) -> Labels:
    """(N,) labels 0 and 1 of N > 1 embeddings, divided by average linkage; 0 is the larger part."""
    from scipy.cluster import hierarchy

    tree = hierarchy.linkage(_condensed(_prepare(embeddings)), "average")
    return by_size(np.asarray(hierarchy.fcluster(tree, 2, "maxclust"), np.int64))


def medoid(embeddings: Embeddings) -> int:
    """The index of the embedding nearest to the mean of all; 0 where there is none."""
    if not len(embeddings):
        return 0
    return int(distances(embeddings, embeddings.mean(axis=0, keepdims=True)).argmin())


def by_size(labels: Labels) -> Labels:
    """The same clusters, numbered from 0 by size, then by their first members."""
    _, first, inverse, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -sizes))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[inverse]


def most_varied(embeddings: Embeddings, count: int, first: int = 0) -> list[int]:
    """The indices of up to `count` of (N, 128) embeddings that are far from each other, in order.

    Farthest-point sampling (Gonzalez 1985), from the face `first`: each next face is the one whose
    nearest chosen face is farthest. So near-alikes are left out first.
    """
    if not len(embeddings) or count < 1:
        return []
    chosen = [first]
    nearest = distances(embeddings, embeddings[first : first + 1])[:, 0]
    while len(chosen) < min(count, len(embeddings)):
        nearest[chosen[-1]] = -1.0
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances(embeddings, embeddings[chosen[-1:]])[:, 0])
        nearest[chosen] = -1.0
    return chosen


# Linkage -----------------------------------------------------------------------------------


def _complete(embeddings: Floats, limit: float) -> Labels:
    if len(embeddings) < 2:
        return np.zeros(len(embeddings), np.int64)
    from scipy.cluster import hierarchy  # takes half a second to import

    tree = hierarchy.linkage(_condensed(embeddings), "complete")
    return np.asarray(hierarchy.fcluster(tree, limit, "distance"), np.int64)


def _condensed(embeddings: Floats) -> NDArray[np.float64]:
    """The distances of all pairs, as SciPy's linkage takes them."""
    condensed = np.empty(len(embeddings) * (len(embeddings) - 1) // 2)
    end = 0
    for index in range(len(embeddings) - 1):
        row = _between(embeddings[index : index + 1], embeddings[index + 1 :])[0]
        condensed[end : end + len(row)] = row
        end += len(row)
    return condensed


def _average(embeddings: Floats, labels: Labels, limit: float) -> Labels:
    """Merge clusters with MIN_PAIRS pairs of faces, the nearest on average first."""
    _, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    means = _mean_distances(embeddings, labels, len(sizes))
    return _merge(means, sizes.astype(np.float64), limit)[labels]


def _mean_distances(embeddings: Floats, labels: Labels, count: int) -> Floats:
    """(K, K) mean distances between the faces of K = `count` clusters."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels, minlength=count)
    starts = np.cumsum(sizes) - sizes
    ordered = embeddings[order]
    means = np.empty((count, count), np.float32)
    for index, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
        between = _between(ordered[start : start + size], ordered).mean(axis=0)
        means[index] = np.add.reduceat(between, starts) / sizes
    return means


def _merge(means: Floats, counts: NDArray[np.float64], limit: float) -> Labels:
    """The cluster that each of K is merged into, itself where it is not. Changes its arguments."""
    parents = np.arange(len(means))
    alive = np.ones(len(means), np.bool_)
    version = [0] * len(means)
    heap: list[tuple[float, int, int, int, int]] = []

    def push(one: int) -> None:
        near = np.flatnonzero(alive & (means[one] < limit) & (counts * counts[one] >= MIN_PAIRS))
        for other in near.tolist():
            if other != one:
                entry = (float(means[one, other]), one, other, version[one], version[other])
                heapq.heappush(heap, entry)

    for index in range(len(means)):
        push(index)
    while heap:
        _, one, other, *versions = heapq.heappop(heap)
        if not (alive[one] and alive[other] and versions == [version[one], version[other]]):
            continue
        total = counts[one] + counts[other]
        means[one] = (means[one] * counts[one] + means[other] * counts[other]) / total
        means[:, one] = means[one]
        counts[one] = total
        alive[other] = False
        parents[parents == other] = one
        version[one] += 1
        push(one)
    return parents


def _joined(
    embeddings: Floats,
    chunk: Labels,
    found: Labels,
    settled: Labels,
    persons: Labels,
    limits: Thresholds,
) -> dict[int, int]:
    """The known person that each cluster of a chunk belongs to, where there is one."""
    joined: dict[int, int] = {}
    if not len(settled):
        return joined
    names, columns = np.unique(persons, return_inverse=True)
    order = np.argsort(columns, kind="stable")
    starts = np.searchsorted(columns[order], np.arange(len(names)))
    sizes = np.bincount(columns)
    for number in np.unique(found).tolist():
        faces = embeddings[chunk[found == number]]
        between = _between(faces, embeddings[settled[order]])
        farthest = np.maximum.reduceat(between.max(axis=0), starts)
        mean = np.add.reduceat(between.mean(axis=0), starts) / sizes
        pairs = sizes * len(faces)
        fits = (farthest < limits.complete) | ((mean < limits.average) & (pairs >= MIN_PAIRS))
        if fits.any():
            joined[number] = int(names[np.where(fits, mean, np.inf).argmin()])
    return joined
