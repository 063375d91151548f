"""The linear assignment of least cost (Kuhn 1955; shortest augmenting paths, Jonker and Volgenant 1987)."""

import math
from collections.abc import Mapping

Costs = Mapping[tuple[int, int], float]


def assign(costs: Costs, unassigned: float) -> dict[int, int]:
    """A column for each row, at the least total cost; pairs that are not in `costs` are impossible.

    A row may stay unassigned at the cost `unassigned`; then it is not in the result.
    """
    result: dict[int, int] = {}
    for rows, columns in _groups(costs):
        result.update(_solve(sorted(rows), sorted(columns), costs, unassigned))
    return result


def _groups(costs: Costs) -> list[tuple[set[int], set[int]]]:
    """The connected components of rows and columns; most are one pair."""
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
    """The assignment of one component; each row has a column of its own that means "unassigned", behind the others."""
    if len(rows) == len(columns) == 1:
        return {rows[0]: columns[0]} if costs[rows[0], columns[0]] <= unassigned else {}
    problem = _Problem(
        [
            [costs.get((row, column), math.inf) for column in columns]
            + [unassigned if other == place else math.inf for other in range(len(rows))]
            for place, row in enumerate(rows)
        ]
    )
    for place in range(len(rows)):
        problem.place(place)
    return {rows[row]: columns[c] for c, row in enumerate(problem.taken_by[: len(columns)]) if row >= 0}


class _Problem:
    """The rows assigned so far, at the least cost, and the dual prices that prove it.

    `taken_by` is each column's row; -1: none.
    """

    def __init__(self, costs: list[list[float]]) -> None:
        self._costs = costs
        self._row_price, self._column_price = [0.0] * len(costs), [0.0] * len(costs[0])
        self.taken_by = [-1] * len(costs[0])

    def place(self, start: int) -> None:
        """Assign one more row, along the shortest augmenting path."""
        width = len(self.taken_by)
        best, came_from, done = [math.inf] * width, [-1] * width, [False] * width
        row, column, reached = start, -1, 0.0
        while row >= 0:
            offers, price = self._costs[row], reached - self._row_price[row]
            for other in range(width):
                if (
                    not done[other]
                    and (cost := price + offers[other] - self._column_price[other]) < best[other]
                ):
                    best[other], came_from[other] = cost, column
            column = min((c for c in range(width) if not done[c]), key=best.__getitem__)
            reached, row = best[column], self.taken_by[column]
            done[column] = True
        self._row_price[start] += reached
        for other in range(width):
            if done[other] and other != column:
                self._row_price[self.taken_by[other]] += reached - best[other]
                self._column_price[other] -= reached - best[other]
        while column >= 0:
            before = came_from[column]
            self.taken_by[column] = start if before < 0 else self.taken_by[before]
            column = before
