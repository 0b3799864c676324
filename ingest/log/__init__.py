"""The durable log between gateway and pipeline, and the records in it: on SQLite for one box, on Kafka for a city.

`Log` and `ConsumedLog` are the protocols, `SqliteLog` and `kafka_log` the two logs; `batch` and `history` are what
records hold. `kafka_address` imports no client of Kafka; `kafka_client` and `kafka_log` do, and need the extra kafka.
"""

from ingest.log.history import HistorySeries
from ingest.log.records import AWAY, ConsumedLog, Log, LogFullError, Record, RecordKind
from ingest.log.sqlite_log import SqliteLog

__all__ = ["AWAY", "ConsumedLog", "HistorySeries", "Log", "LogFullError", "Record", "RecordKind", "SqliteLog"]
