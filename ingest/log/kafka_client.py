"""What the clients of Kafka share: errors for people, and giving a producer up while Kafka does not answer."""

import asyncio
import errno
import logging
from typing import Any, Final

from aiokafka import AIOKafkaProducer, errors

from ingest.log.records import LogFullError

_LOG: Final = logging.getLogger(__name__)
_STOP_S: Final = 5.0


class KafkaLogError(OSError):
    """Kafka did not take or give what was asked; the text names the address, the topic and what to do."""

    def __str__(self) -> str:
        """Return the sentence without the number before it, which means nothing to people."""
        return self.strerror or super().__str__()


class KafkaAwayError(KafkaLogError):
    """Kafka cannot be reached, or does not answer in time. A later attempt may succeed."""


class KafkaTopicError(KafkaLogError):
    """The topic is not there, or not as it must be, or may not be used: somebody has to make it so."""


_KNOWN: Final[tuple[tuple[tuple[type[Exception], ...], type[OSError], int, str], ...]] = (
    (
        (errors.KafkaStorageError,),
        LogFullError,
        errno.ENOSPC,
        "a broker's disk refuses to be written; make room there",
    ),
    (
        (errors.UnknownTopicOrPartitionError,),
        KafkaTopicError,
        errno.ENOENT,
        "there is no such topic; `patrolgrid topics create` makes it",
    ),
    (
        (errors.NotEnoughReplicasError, errors.NotEnoughReplicasAfterAppendError),
        KafkaAwayError,
        errno.EAGAIN,
        "too few brokers have the partition; bring the missing ones back",
    ),
    (
        (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError),
        KafkaTopicError,
        errno.EMSGSIZE,
        "the topic takes smaller records than it must; `patrolgrid topics check` says what differs",
    ),
    (
        (
            errors.AuthenticationFailedError,
            errors.SaslAuthenticationFailed,
            errors.UnsupportedSaslMechanismError,
            errors.TopicAuthorizationFailedError,
            errors.GroupAuthorizationFailedError,
            errors.ClusterAuthorizationFailedError,
        ),
        KafkaTopicError,
        errno.EACCES,
        "refused; check kafka.username, its password, kafka.mechanism, and the rights of that user",
    ),
)


def explained(error: Exception, where: str) -> OSError:
    """Return an error for people in place of one of aiokafka's, of a socket's, or of a wait that was too long."""
    if isinstance(error, KafkaLogError):
        return error
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    for kinds, kind, number, advice in _KNOWN:
        if isinstance(error, kinds):
            return kind(number, f"{where}: {advice} ({what})")
    advice = "no answer; check that the brokers run and that kafka.bootstrap names them"
    return KafkaAwayError(errno.EHOSTUNREACH, f"{where}: {advice} ({what})")


async def stop_now(producer: AIOKafkaProducer) -> None:
    """Stop a producer without waiting for Kafka to take what it still holds. Raises nothing for the network."""
    # aiokafka has no public way: stop() alone waits for deliveries that may never come.
    accumulator, sender = producer._message_accumulator, producer._sender  # noqa: SLF001 - see above
    if sender.sender_task is not None:
        # It would end a transaction, which may not have begun, and fail.
        sender.sender_task.remove_done_callback(sender._fail_all)  # noqa: SLF001 - see above
    accumulator.fail_all(errors.KafkaTimeoutError())
    try:
        await asyncio.wait_for(producer.stop(), _STOP_S)
    except LookupError:
        # A request that was under way came back, and its batch has been failed already: stop() got no further.
        await producer.client.close()
    except (errors.KafkaError, OSError, TimeoutError) as error:
        _LOG.debug("a producer that was given up: %r", error)


def note_error(future: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for any more, so that asyncio does not complain of it."""
    if not future.cancelled():
        future.exception()
