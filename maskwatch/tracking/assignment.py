"""Who is who: the assignment of least cost (Kuhn 1955; shortest augmenting paths, Jonker and Volgenant 1987)."""

import math
from collections.abc import Mapping

Costs = Mapping[tuple[int, int], float]


def assign(costs: Costs, unassigned: float) -> dict[int, int]:
    """A column for each row, at the least total cost; pairs that `costs` does not name cannot be.

    A row may stay without one at the cost `unassigned`, and then is not in the result.
    """
    result: dict[int, int] = {}
    for rows, columns in _groups(costs):
        result.update(_solve(sorted(rows), sorted(columns), costs, unassigned))
    return result


def _groups(costs: Costs) -> list[tuple[set[int], set[int]]]:
    """Rows and columns that have to do with each other; most groups are one pair."""
    groups: list[tuple[set[int], set[int]]] = []
    for row, column in costs:
        touched = [group for group in groups if row in group[0] or column in group[1]]
        rows, columns = {row}, {column}
        for group in touched:
            groups.remove(group)
            rows |= group[0]
            columns |= group[1]
        groups.append((rows, columns))
    return groups


def _solve(rows: list[int], columns: list[int], costs: Costs, unassigned: float) -> dict[int, int]:
    """Each row in turn takes its place by the shortest augmenting path; each has a column of its own for "none"."""
    if len(rows) == len(columns) == 1:
        return {rows[0]: columns[0]} if costs[rows[0], columns[0]] <= unassigned else {}
    count = len(columns)
    matrix = [
        [costs.get((row, column), math.inf) for column in columns]
        + [unassigned if other == place else math.inf for other in range(len(rows))]
        for place, row in enumerate(rows)
    ]
    width = count + len(rows)
    row_price, column_price = [0.0] * len(rows), [0.0] * width
    taken_by = [-1] * width
    for start in range(len(rows)):
        best, came_from, done = [math.inf] * width, [-1] * width, [False] * width
        row, column, reached = start, -1, 0.0
        while True:
            shortest, following = math.inf, -1
            prices = matrix[row]
            for other in range(width):
                if done[other]:
                    continue
                cost = reached + prices[other] - row_price[row] - column_price[other]
                if cost < best[other]:
                    best[other], came_from[other] = cost, column
                if best[other] < shortest:
                    shortest, following = best[other], other
            reached, column = shortest, following
            done[column] = True
            if taken_by[column] < 0:
                break
            row = taken_by[column]
        row_price[start] += reached
        for other in range(width):
            if done[other] and other != column and taken_by[other] >= 0:
                row_price[taken_by[other]] += reached - best[other]
                column_price[other] -= reached - best[other]
        while column >= 0:
            before = came_from[column]
            taken_by[column] = start if before < 0 else taken_by[before]
            column = before
    return {rows[row]: columns[c] for c, row in enumerate(taken_by[:count]) if row >= 0}
