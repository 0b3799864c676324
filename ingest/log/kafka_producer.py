"""Giving a producer up while Kafka does not answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

_LOG: Final = logging.getLogger(__name__)
_STOP_S: Final = 5.0


async def stop_now(producer: AIOKafkaProducer) -> None:
    """Stop a producer without waiting for Kafka to take what it still holds. Raises nothing for the network."""
    # aiokafka has no public way: stop() alone waits for deliveries that may never come.
    accumulator, sender = producer._message_accumulator, producer._sender  # noqa: SLF001 - see above
    if sender.sender_task is not None:
        # It would tell a transaction, which may not have begun, and fail at that.
        sender.sender_task.remove_done_callback(sender._fail_all)  # noqa: SLF001 - see above
    accumulator.fail_all(KafkaTimeoutError())
    try:
        await asyncio.wait_for(producer.stop(), _STOP_S)
    except LookupError:
        # A request that was under way came back, and its batch has been failed already: stop() got no further.
        await producer.client.close()
    except (KafkaError, OSError, TimeoutError) as error:
        _LOG.debug("a producer that was given up: %r", error)
