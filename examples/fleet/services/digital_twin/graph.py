"""The house as a graph of what depends on what."""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx
from pydantic import BaseModel


class Outage(BaseModel):
    """What stops when one service stops, and in which order to start again."""

    service: str
    stops: list[str]
    start_order: list[str]


class House:
    def __init__(self) -> None:
        self._graph = nx.DiGraph()

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[str, list[str]]]) -> House:
        house = cls()
        for service, on in rows:
            house.add(service, on)
        return house

    def add(self, service: str, on: Iterable[str]) -> None:
        self._graph.add_node(service)
        self._graph.add_edges_from((service, other) for other in on)

    def outage(self, service: str) -> Outage:
        if service not in self._graph:
            return Outage(service=service, stops=[], start_order=[service])
        stops = nx.ancestors(self._graph, service)
        order = nx.topological_sort(self._graph.subgraph({*stops, service}).reverse(copy=True))
        return Outage(service=service, stops=sorted(stops), start_order=list(order))

    def edges(self) -> list[tuple[str, str]]:
        return sorted(self._graph.edges)

    def picture(self, path: str) -> None:
        """Draw the graph; only the maintainers' machines have the plotting library."""
        import matplotlib.pyplot as plt

        nx.draw_networkx(self._graph)
        plt.savefig(path)
