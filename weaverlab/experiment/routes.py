"""From an HTTP request to a function of the application, and its result to JSON. Not in here: sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from weaverlab.errors import NotFoundError, WeaverError
from weaverlab.experiment.http_server import Answer, Reply, Request, error_reply


class Route(NamedTuple):
    """What answers one kind of request: `function`, called with what was asked for as a `takes`, a dataclass."""

    takes: type
    function: Callable[[Any], object]


def json_routes(by_path: Mapping[str, Route]) -> Answer:
    """Return what answers requests by the route of their method and path, as in `"POST /posts"`.

    A route takes the JSON object in the body, or without a body the query, whose strings become numbers where numbers
    are declared. What does not fit is a bad request, with the field in the message. A `NotFoundError` of the function
    is 404, any other `WeaverError` 503 Service Unavailable: what it needed did not answer.
    """

    def answer(request: Request) -> Reply:
        route = by_path.get(f"{request.method} {request.path}")
        if route is None:
            return error_reply(HTTPStatus.NOT_FOUND, f"there are {', '.join(by_path)}")
        try:
            asked = _asked(request, route.takes)
        except msgspec.MsgspecError as error:
            return error_reply(HTTPStatus.BAD_REQUEST, f"{error} (expected a {route.takes.__name__})")
        try:
            result = route.function(asked)
        except NotFoundError as error:
            return error_reply(HTTPStatus.NOT_FOUND, str(error))
        except WeaverError as error:
            return error_reply(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return Reply(HTTPStatus.OK, msgspec.json.encode(result))

    return answer


def _asked(request: Request, takes: type) -> Any:
    if request.body:
        return msgspec.json.decode(request.body, type=takes)
    return msgspec.convert(request.query, takes, strict=False)  # its values are strings
