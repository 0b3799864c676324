"""What Kafka's errors mean for people, and whether trying again is right."""

from __future__ import annotations

import errno
from typing import Final

from aiokafka import errors

from ingest.log.records import LogFullError


class KafkaLogError(OSError):
    """Kafka did not take or give what was asked; the text names the address, the topic and what to do."""

    def __str__(self) -> str:
        """Return the sentence without the number before it, which means nothing to people."""
        return self.strerror or super().__str__()


class KafkaAwayError(KafkaLogError):
    """Kafka cannot be reached, or does not answer in time. Trying again is right."""


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
