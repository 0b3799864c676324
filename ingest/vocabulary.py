"""Why something went to quarantine: a small closed set, so that it can be counted, filtered and translated."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reasons. The values stand in the quarantine file, in status reports and on the command line."""

    JSON = "json"
    """The payload is not JSON (or not UTF-8)."""
    TYPE = "type"
    """A field is missing or of another type, or the observation type is unknown."""
    RANGE = "range"
    """A value is of the right type, but outside what is allowed: too large, too long, a word that is not one."""
    TOPIC = "topic"
    """The topic is none of the topic tree."""
    SIZE = "size"
    """The payload has too many bytes, or too many observations."""
    DEPTH = "depth"
    """The payload is nested too deeply."""
    CLOCK = "clock"
    """The event time is ahead of the node's clock, or older than the backfill limit."""
    UNKNOWN_DEVICE = "unknown_device"
    """The device is not in the places file, or belongs to another beat."""
    INCIDENT = "incident"
    """An incident report that cannot be read."""
    COMMAND = "command"
    """A command on an alert that cannot be read."""
    STATUS = "status"
    """A device status that cannot be read."""
    HISTORY = "history"
    """A row of a file, or a record, of history that nothing can be learnt from."""
    SEQUENCE = "sequence"
    """The pipeline refused the observation's number."""
    RECORD = "record"
    """What came from Kafka is no record of ours, was cut short or altered, or was written by a later version."""
    PROCESSING = "processing"
    """A fault of ours: an unexpected error while the input was handled. Please report it."""
