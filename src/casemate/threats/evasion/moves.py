"""The moves of the attack. Each asks the oracle about candidates; the oracle keeps what got cheaper.

All moves treat many victims at once and every victim by itself: a victim's candidates depend on its own state and its
own random numbers alone.
"""

from __future__ import annotations

import numpy as np

from casemate.targets.target import Codes
from casemate.threats.evasion.belief import Belief, Draws
from casemate.threats.evasion.oracle import Oracle
from casemate.threats.evasion.prior import Prior
from casemate.threats.evasion.space import Flags, Floats, Positions

FIRST = 0.95
"""The share of the present cost at which a race begins."""

POWERS = (1.0, 3.0, 12.0)
"""Exponents of a direction's coordinates: 1 is best for the Euclidean norm, a high one moves few coordinates far."""


def start(oracle: Oracle, pool: tuple[Floats, Flags, Codes], prior: Prior | None, tries: int, rounds: int = 5) -> None:
    """Give each victim the nearest real rows of other classes, as far as its movable cells can follow them.

    Half of the tries are the nearest rows of all, half the nearest of those that the prior thinks far on the other
    side; where none turns the answer, farther ones follow, and then points beyond them.

    Args:
        oracle: the door to the target.
        pool: (n, d) values, (n, d) which are there, and (n,) labels of the attacker's own rows.
        prior: what the attacker knows, or None.
        tries: rows a victim and round.
        rounds: how often to try.
    """
    values, there, labels = pool
    queues: list[Floats] = []
    for victim, label in enumerate(oracle.labels):
        other = np.flatnonzero(labels != label)
        row = np.full(len(other), victim)
        mixed = oracle.legal(row, np.where(there[other], values[other], oracle.origin[victim]))
        order = np.argsort(oracle.costs(row, mixed), kind="stable")
        if prior is not None and len(other):
            margin = prior.margin(mixed, oracle.origin[row], oracle.space.scale, np.full(len(other), label))
            far = order[margin[order] >= np.quantile(margin, 0.75)][: rounds * tries]
            order = np.stack([order[: len(far)], far], axis=1).ravel()
            order = order[np.sort(np.unique(order, return_index=True)[1])]
        near = order[: 2 * tries]
        spread = (
            order[np.linspace(0, max(len(order) - 1, 0), (rounds - 2) * tries).astype(np.intp)] if len(order) else order
        )
        beyond = np.repeat(2.0 ** np.arange(rounds - 2), tries)[: len(spread), None]
        row = np.full(len(spread), victim)
        away = oracle.origin[row] + beyond * (mixed[spread] - oracle.origin[row])
        farther = oracle.legal(row, np.where(oracle.space.categorical, mixed[spread], away))
        queues.append(np.concatenate([mixed[near], farther]))
    for turn in range(rounds):
        parts = {
            victim: queue[turn * tries : (turn + 1) * tries]
            for victim, queue in enumerate(queues)
            if not np.isfinite(oracle.cost[victim]) and len(queue) > turn * tries
        }
        if parts:
            oracle.ask(
                np.repeat(list(parts), [len(part) for part in parts.values()]), np.concatenate(list(parts.values()))
            )


def shrink(oracle: Oracle, rows: Positions, steps: int) -> None:
    """Bisect the straight way from each victim to its best example; categories stay as they are in the example."""
    goal, origin = oracle.best[rows].copy(), oracle.origin[rows]
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(steps):
        middle = np.where(low > 0, np.sqrt(low * high), high / 2)
        point = np.where(oracle.space.categorical, goal, origin + middle[:, None] * (goal - origin))
        turned = oracle.ask(rows, oracle.legal(rows, point))
        high, low = np.where(turned, middle, high), np.where(turned, low, middle)


def sweep(oracle: Oracle, rows: Positions, draws: Draws, blocks: int) -> None:
    """Take back the changed coordinates block by block, then the harmless blocks together, as many as the answer bears.

    Blocks are drawn anew each time; with few changed coordinates every block is a single one.
    """
    best, origin = oracle.best[rows].copy(), oracle.origin[rows]
    changed = best != origin
    order = np.where(changed, draws.uniform(rows, (best.shape[1],)), np.inf).argsort(axis=1).argsort(axis=1)
    total = changed.sum(axis=1)
    used = np.minimum(total, blocks)
    block = np.where(changed, order * used[:, None] // np.maximum(total, 1)[:, None], -1)
    who, which = np.nonzero(np.arange(blocks) < used[:, None])
    if not len(who):
        return
    harmless = np.zeros((len(rows), blocks), dtype=bool)
    taken = block[who] == which[:, None]
    harmless[who, which] = oracle.ask(rows[who], np.where(taken, origin[who], best[who]))
    gains = np.zeros((len(rows), blocks))
    np.add.at(gains, (who, which), (oracle.space.change(best, origin)[who] * taken).sum(axis=1))
    rank = np.argsort(np.argsort(-np.where(harmless, gains, -1.0), axis=1, kind="stable"), axis=1, kind="stable")
    count = harmless.sum(axis=1)
    undecided = count > 1
    while undecided.any():
        chosen = harmless & (rank < count[:, None])
        back = np.take_along_axis(np.c_[chosen, np.zeros(len(rows), dtype=bool)], block, axis=1) & changed
        turned = oracle.ask(rows[undecided], np.where(back, origin, best)[undecided])
        undecided[np.flatnonzero(undecided)[turned]] = False
        count //= 2
        undecided &= count > 1


def coordinates(oracle: Oracle, chosen: Positions, most: int, steps: int) -> None:
    """Bisect the costliest numeric coordinates of each example one after the other, the others held fixed."""
    done = np.zeros(oracle.origin.shape, dtype=bool)
    for _ in range(most):
        rows = chosen
        best, origin = oracle.best[rows].copy(), oracle.origin[rows]
        share = np.where(done[rows] | oracle.space.categorical, 0.0, oracle.space.change(best, origin))
        axis, at = share.argmax(axis=1), np.arange(len(rows))
        has = share[at, axis] > 0
        rows, best, origin, axis = rows[has], best[has], origin[has], axis[has]
        at = np.arange(len(rows))
        done[rows, axis] = True
        low, high = np.zeros(len(rows)), np.ones(len(rows))
        for _ in range(steps):
            middle = (low + high) / 2
            point = best.copy()
            point[at, axis] = origin[at, axis] + middle * (best[at, axis] - origin[at, axis])
            turned = oracle.ask(rows, oracle.legal(rows, point))
            high, low = np.where(turned, middle, high), np.where(turned, low, middle)


def probe(
    oracle: Oracle, rows: Positions, belief: Belief, draws: Draws, *, count: int, radius: float, keep: float
) -> None:
    """Ask about random points around each example and learn which way the boundary faces (HopSkipJump's estimate)."""
    if not len(rows):
        return
    numbers = ~oracle.space.categorical & oracle.movable[rows]
    noise = draws.normal(rows, (count, len(oracle.space))) * numbers[:, None, :]
    noise /= np.maximum(np.linalg.norm(noise, axis=2, keepdims=True), 1e-12)
    size = radius * np.linalg.norm(
        np.where(oracle.space.categorical, 0.0, oracle.space.change(oracle.best[rows], oracle.origin[rows])), axis=1
    )
    size = np.maximum(size, 1e-3)
    points = oracle.best[rows][:, None] + noise * size[:, None, None] * oracle.space.scale
    who = np.repeat(rows, count)
    flat = oracle.legal(who, points.reshape(len(who), -1))
    before = oracle.best[rows].copy()
    asked = np.minimum(count, oracle.left[rows])
    turned = oracle.ask(who, flat).reshape(len(rows), count).astype(np.float64)
    moved = (flat.reshape(points.shape) - before[:, None]) / oracle.space.scale / size[:, None, None]
    moved = np.where(oracle.space.categorical, 0.0, moved)
    valid = np.arange(count) < asked[:, None]
    # Both are centered: probes cut off by a bound, or answers that are mostly yes, would tilt the estimate otherwise.
    count_asked = np.maximum(valid.sum(axis=1, keepdims=True), 1)
    mean = (turned * valid).sum(axis=1, keepdims=True) / count_asked
    moved = moved - (moved * valid[..., None]).sum(axis=1, keepdims=True) / count_asked[..., None]
    belief.learn(rows, moved * valid[..., None], (2 * (turned - mean)) * valid, keep)


def race(
    oracle: Oracle,
    rows: Positions,
    belief: Belief,
    draws: Draws,
    prior: Prior | None,
    *,
    step: float,
    refine: int,
) -> None:
    """Send several directions from each victim at a lower cost than its best; those that still turn the answer go on.

    The directions: the boundary's normal, the same with few coordinates, blends with the way to the present example,
    and the normal with one category taken back or changed, all at one cost, so whichever survives is an improvement.
    """
    if not len(rows):
        return
    ways, levels = _ways(oracle, belief, prior, draws, rows)
    count = ways.shape[1]
    alive = np.ones((len(rows), count), dtype=bool)
    cost, factor = oracle.cost[rows].copy(), np.full(len(rows), FIRST)
    winner, bracket = np.full(len(rows), -1), np.stack([np.zeros(len(rows)), np.ones(len(rows))], axis=1)
    while alive.any():
        who, way = np.nonzero(alive)
        points = spend(oracle, rows[who], ways[who, way], levels[who, way], (cost * factor)[who])
        turned = np.zeros_like(alive)
        turned[who, way] = oracle.ask(rows[who], points)
        won = turned.any(axis=1)
        running = alive.any(axis=1)
        winner = np.where(won, turned.argmax(axis=1), winner)
        bracket[:, 1] = np.where(won, factor, bracket[:, 1])
        bracket[:, 0] = np.where(running & ~won, factor, bracket[:, 0])
        alive = turned & (oracle.left[rows] > 0)[:, None]
        factor = factor * step
        step = max(step * step, 0.5)
    has = winner >= 0
    rows, winner, bracket, cost = rows[has], winner[has], bracket[has], cost[has]
    way, level = ways[has][np.arange(len(rows)), winner], levels[has][np.arange(len(rows)), winner]
    for _ in range(refine):
        middle = bracket.mean(axis=1)
        turned = oracle.ask(rows, spend(oracle, rows, way, level, cost * middle))
        bracket = np.where(turned[:, None], np.stack([bracket[:, 0], middle], 1), np.stack([middle, bracket[:, 1]], 1))


def spend(oracle: Oracle, rows: Positions, ways: Floats, levels: Floats, budget: Floats) -> Floats:
    """Points that lie as far along each way as the budget allows after its changed categories are paid for.

    Args:
        oracle: the door to the target.
        rows: (m,) victims.
        ways: (m, d) directions in units of cost; 0 for categories.
        levels: (m, d) coordinates to take categories from.
        budget: (m,) cost to spend.

    Returns:
        (m, d) legal points; the victim itself where the categories alone cost too much.
    """
    origin, space = oracle.origin[rows], oracle.space
    base = np.where(space.categorical, levels, origin)
    flips = (space.change(base, origin)).sum(axis=1)
    rest = budget - flips if oracle.norm == 1 else budget**2 - flips
    ways = ways / np.maximum(np.abs(ways).max(axis=1, keepdims=True), 1e-12)
    bounds_low, bounds_high = space.bounds
    room_low, room_high = (np.minimum(bounds_low, origin), np.maximum(bounds_high, origin))
    low, high = np.zeros(len(rows)), np.full(len(rows), 1e4)
    for _ in range(40):
        middle = np.where(low > 0, np.sqrt(low * high), high * 1e-4)
        moved = np.clip(origin + middle[:, None] * ways * space.scale, room_low, room_high) - origin
        parts = np.where(space.categorical | ~oracle.movable[rows], 0.0, np.abs(moved) / space.scale)
        over = (parts if oracle.norm == 1 else parts**2).sum(axis=1) > rest
        high, low = np.where(over, middle, high), np.where(over, low, middle)
    point = np.where(space.categorical, base, origin + low[:, None] * ways * space.scale)
    legal = oracle.legal(rows, np.where((rest >= 0)[:, None], point, origin))
    return legal


def _ways(oracle: Oracle, belief: Belief, prior: Prior | None, draws: Draws, rows: Positions) -> tuple[Floats, Floats]:
    """(m, k, d) directions and (m, k, d) coordinates to take categories from."""
    space, best, origin = oracle.space, oracle.best[rows], oracle.origin[rows]
    can = oracle.movable[rows] & ~space.categorical
    normal = np.where(can, belief.normal(rows), 0.0)
    now = np.where(can, (best - origin) / space.scale, 0.0)
    now /= np.maximum(np.linalg.norm(now, axis=1, keepdims=True), 1e-12)
    ways = [np.sign(normal) * np.abs(normal) ** power for power in POWERS]
    ways += [now + weight * normal for weight in (0.3, 1.0)]
    levels = [best] * len(ways)
    flipped = space.categorical & (best != origin)
    cheapest = np.where(flipped, draws.normal(rows, (len(space),)), -np.inf).argmax(axis=1)
    back = best.copy()
    at = np.arange(len(rows))
    back[at, cheapest] = origin[at, cheapest]
    ways.append(normal)
    levels.append(np.where(flipped.any(axis=1)[:, None], back, origin))
    if prior is not None:
        for add in prior.additions(origin, best, oracle.movable[rows], oracle.labels[rows], most=2):
            ways.append(normal)
            levels.append(add)
    return np.stack(ways, axis=1), np.stack(levels, axis=1)
