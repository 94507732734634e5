"""The gateway's application in a test's own process; what its routes ask for is read once, not once a test.

FastAPI reads it at the first request of an application, which takes a third of a second of CPU.
"""

from copy import copy

from fastapi import FastAPI

from vai_api_gateway.app import Application, create_app
from vai_api_gateway.gateway import Gateway
from vai_common.health import Health

_first: dict[str, Application] = {}
"""By the address for people, the one setting that an application has read when it is made."""


def application(gateway: Gateway) -> FastAPI:
    """An application of this gateway's own, over routes that all of them share."""
    address = gateway.settings.public_url
    if address not in _first:
        _first[address] = create_app(gateway, Health())
    made = copy(_first[address])
    made.state, made.edge, made.middleware_stack = type(made.state)(), None, None
    made.state.gateway = gateway
    made.router = router = copy(made.router)
    router.routes, router.middleware_stack = [*router.routes], router.app  # a test may add a route
    return made
