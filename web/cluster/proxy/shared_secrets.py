"""Client secrets that another edge has created: they are learnt when the gate is about to ask."""

from fastapi import FastAPI

from web.access.auth import SECRET
from web.access.doorkeeper import Doorkeeper
from web.access.gate import Learn
from web.cluster.edge import edge_of


def learning(service: FastAPI, doorkeeper: Doorkeeper) -> Learn:
    """Return what asks other edges for a client secret that this one does not know.

    Nobody is asked on behalf of an address from which too many wrong keys came.
    """

    async def learn(given: str, address: str) -> None:
        """Learn the client secret `given` from `address`, if it is one.

        Raises:
            ProblemError: too many that are unknown came, or wrong ones from there.
        """
        if given.startswith(SECRET):
            doorkeeper.rates.check_guesses(address)
            await edge_of(service).secrets.learn(given)

    return learn
