"""The keepers of all nodes, as an edge calls them."""

from functools import partial

from web.cluster.actors import ActorClient, find_actor


class Keepers:
    """Finds the keeper of a node by its name."""

    def __init__(self) -> None:
        self._clients: dict[str, ActorClient] = {}

    def on(self, node: str) -> ActorClient:
        """Return the keeper on `node`."""
        if node not in self._clients:
            find = partial(find_actor, f"keeper-{node}")
            self._clients[node] = ActorClient(find, f"the keeper on node {node[:8]}")
        return self._clients[node]
