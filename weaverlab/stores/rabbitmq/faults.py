"""What RabbitMQ and pika report, as errors of ours: what we saw, and what to do about it. No message holds a password.

A wrong setting is a StoreError: trying again is no use. A server that does not answer is Unreachable: it may come back.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

from pika import exceptions as pika_errors
from pika.adapters.utils.connection_workflow import AMQPConnectorStackTimeout

from weaverlab.errors import StoreError, Unreachable, WeaverError
from weaverlab.stores.driver import sentence
from weaverlab.stores.pool import Endpoint
from weaverlab.stores.settings import is_of_tls

REFUSED = 403  # AMQP 0-9-1, reply codes
NOT_FOUND = 404
RESOURCE_LOCKED = 405
PRECONDITION_FAILED = 406
NOT_ALLOWED = 530
_QUOTED_REPLY = re.compile(r"""\((\d{3})\) ["'](.*)["']""")


def translated(error: BaseException, store: str, endpoint: Endpoint, remedy: str) -> WeaverError:
    """Return our error for what ended a connection or channel of `store`; `from` it the cause stays visible.

    `remedy` says which settings to check when the broker lets nobody in who has them.
    """
    if isinstance(error, WeaverError):
        return error
    code, text = reply(error)
    said = sentence(text)
    where = f"store {store!r}: RabbitMQ at {endpoint.address}, virtual host {endpoint.database!r}"
    if _is_refused(error, code, text):
        return StoreError(
            f"{where} refused user {endpoint.user!r}. {remedy} If they are right, give the user its rights: "
            f"rabbitmqctl set_permissions -p {endpoint.database} {endpoint.user} '.*' '.*' '.*'"
        )
    if endpoint.tls and is_of_tls(text):
        return StoreError(f"{where}: {said} {remedy}")
    if code == NOT_ALLOWED:
        return StoreError(f"{where}: {said} Create it, or name another: rabbitmqctl add_vhost {endpoint.database}")
    if code in (PRECONDITION_FAILED, RESOURCE_LOCKED):
        return StoreError(
            f"{where}: {said} Something of that name exists and was made otherwise, by another program or version. "
            "Delete it, or use another exchange, key or virtual host."
        )
    return Unreachable(f"{where}: {text}")


def _is_refused(error: BaseException, code: int, text: str) -> bool:
    kinds = pika_errors.ProbableAuthenticationError, pika_errors.AuthenticationError
    is_vhost_refused = code == NOT_ALLOWED and "refused" in text
    return code == REFUSED or is_vhost_refused or any(isinstance(one, kinds) for one in _chain(error))


def reply(error: BaseException) -> tuple[int, str]:
    """Return the broker's own code and words where it said any, else 0 and the innermost error's words."""
    *_, innermost = _chain(error)
    for one in _chain(error):
        if isinstance(one, (pika_errors.ConnectionClosed, pika_errors.ChannelClosed)):
            return one.reply_code, one.reply_text
    if isinstance(innermost, (asyncio.TimeoutError, AMQPConnectorStackTimeout)):
        return 0, "it does not answer"
    if quoted := _QUOTED_REPLY.search(str(innermost)):  # pika replaces some of its errors by others that quote them
        return int(quoted[1]), quoted[2]
    return 0, str(innermost) or type(innermost).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it wraps: pika puts one into another, up to four deep."""
    yield error
    inner = getattr(error, "exceptions", None) or [getattr(error, "exception", None), *error.args]
    for one in reversed([one for one in inner if isinstance(one, BaseException)]):
        yield from _chain(one)
        break
