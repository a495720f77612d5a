"""The slow, obvious twin of the category measures: loops over queries and places."""

from __future__ import annotations

import math

NAMES = ("nn", "ft", "st", "f", "dcg", "anmrr", "anmrr_mpeg7", "auc", "map")


def slow_prepare(row: list[float], preparation: str) -> list[float]:
    if preparation == "released-features":
        row = [max(x, 0.0) for x in row]
    length = math.sqrt(sum(x * x for x in row))
    return [x / length for x in row] if length > 0 else row


def slow_rankings(queries: list, shapes: list, preparation: str) -> list[list[int]]:
    """Sorted by Python, whose sort keeps the order of equals."""
    shapes = [slow_prepare(row, preparation) for row in shapes]
    rankings = []
    for row in queries:
        query = slow_prepare(row, preparation)
        squared = [sum((a - b) ** 2 for a, b in zip(query, shape)) for shape in shapes]
        rankings.append(sorted(range(len(shapes)), key=lambda j: round(squared[j] * 2**32)))
    return rankings


def slow_query(r: list[int], n: int, t: int, gtm: int, dropped: int) -> dict[str, float]:
    """r: 1 or 0 for each place from the first; N, T and GTM as in the formulas."""
    def right(k: int) -> int:
        return r[k - 1] if k <= len(r) else 0

    gain = ideal = 0.0
    for k in range(1, max(n, dropped + 1) + 1):
        place = k - dropped
        if place >= 1:
            weight = 1.0 if place == 1 else 1.0 / math.log2(place)
            gain, ideal = gain + weight * right(k), ideal + weight
    s = min(4 * n, 2 * t)
    mean = sum(k if right(k) else s + 1 for k in range(1, n + 1)) / n
    found = [k for k in range(1, len(r) + 1) if right(k)]
    limit = min(4 * n, 2 * gtm)
    ranks = [k if k <= limit else 1.25 * limit for k in found] + [1.25 * limit] * (n - len(found))
    average = sum(ranks) / n
    return {
        "nn": float(right(1)),
        "ft": sum(right(k) for k in range(1, n + 1)) / n,
        "st": sum(right(k) for k in range(1, 2 * n)) / n,
        "dcg": gain / ideal,
        "anmrr": (mean - n / 2 - 0.5) / (s - n / 2 + 0.5),
        "anmrr_mpeg7": (average - 0.5 - n / 2) / (1.25 * limit - 0.5 - n / 2),
        "map": sum((i + 1) / k for i, k in enumerate(found)) / n,
    }


def slow_measures(
    rankings: list[list[int]], query: list[int], gallery: list[int], dropped: int,
    only: int | None = None,
) -> dict[str, float]:
    """Over all queries, or those of the class `only`."""
    sizes = {label: gallery.count(label) for label in set(query)}
    t = max([gallery.count(label) for label in gallery if label >= 0], default=0)
    rows, each = [], []
    for ranking, label in zip(rankings, query):
        if sizes[label] == 0 or only not in (None, label):
            continue
        r = [int(gallery[j] == label) for j in ranking[dropped:]]
        rows.append(r)
        each.append(slow_query(r, sizes[label], t, max(sizes.values()), dropped))
    if not rows:
        return dict.fromkeys(NAMES, math.nan)
    means = {name: sum(one[name] for one in each) / len(each) for name in each[0]}
    total, length = sum(map(sum, rows)), len(rows[0])
    cutoff = min(20, length)
    hits = sum(sum(r[:cutoff]) for r in rows)
    p, recall = hits / (cutoff * len(rows)), hits / total if total else 0.0
    means["f"] = 2 / (1 / p + 1 / recall) if hits else 0.0
    points = [(sum(sum(r[:k]) for r in rows) / max(total, 1),
               sum(sum(r[:k]) for r in rows) / (k * len(rows))) for k in range(1, length + 1)]
    means["auc"] = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:]))
    return means
