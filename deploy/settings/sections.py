"""What can be set: one frozen dataclass a section of the TOML file, every key with a default and a sentence.

The file, the environment and the documentation are all made from these classes: `deploy.settings.load` reads a file and
the ``PATROLGRID_SECTION__KEY`` variables into them, `deploy.settings.documents` writes ``patrolgrid.example.toml`` and
``docs/settings.md`` from them. Secrets have no key in the file: they come from a file that a key names, or from the
environment.
"""

# ruff: noqa: RUF009, FBT003 - setting() returns a dataclass field, and a default is named by its attribute

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from stream.sentences.languages import LANGUAGES

PREFIX: Final = "PATROLGRID_"
"""Every environment variable of the project starts so; ``SECTION__KEY`` follows."""


def setting(
    default: object,
    doc: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    check: str = "",
) -> Any:  # noqa: ANN401 - a dataclass field takes the type of the attribute it is assigned to
    """Return a dataclass field with the sentence and the limits that loading and documentation need.

    ``check`` names a further test of `deploy.settings.load`: ``id``, ``timezone``, ``date``, ``country``, ``word``,
    ``addresses``.
    """
    metadata = {"doc": doc, "least": least, "most": most, "choices": choices, "check": check}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Site:
    """Which site this is, and how its people count time and speak."""

    id: str = setting("station-1", "Name of the site in topics, file names and tags.", check="id")
    timezone: str = setting(
        "Asia/Shanghai", "IANA time zone of the site; days and nights are counted in it.", check="timezone"
    )
    language: str = setting("en", "Language of messages and of the board at first sight.", choices=LANGUAGES)
    country: str = setting(
        "CN", "ISO 3166 code of the country whose public holidays count as holidays; empty for none.", check="country"
    )
    holidays: list[str] = setting([], "Further days off, as YYYY-MM-DD, besides the country's.", check="date")
    places: Path | None = setting(
        None, "GeoJSON file of beats and devices; empty: places.geojson in the site's folder."
    )


@dataclass(frozen=True, slots=True)
class Data:
    """Where the site's files live."""

    dir: Path = setting(
        Path("patrolgrid-data"), "Folder that holds one folder a site: log, results, snapshots, quarantine."
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """Which time it is at the site."""

    mode: Literal["system", "scaled", "data"] = setting(
        "system",
        "system: the wall clock; scaled: a demo's, which runs faster; data: the newest event time, for replays.",
        choices=("system", "scaled", "data"),
    )
    origin_ms: int = setting(0, "Scaled clock: site time (epoch ms) that it showed when it was started.", least=0)
    started_ms: int = setting(0, "Scaled clock: wall time (epoch ms) at which it was started.", least=0)
    speed: float = setting(
        1.0, "Scaled clock: how many seconds pass at the site in one second.", least=0.001, most=100_000
    )


@dataclass(frozen=True, slots=True)
class Broker:
    """The MQTT broker."""

    mode: Literal["embedded", "external"] = setting(
        "external",
        "external: connect to a broker that runs by itself (production); embedded: `patrolgrid up` starts one.",
        choices=("embedded", "external"),
    )
    host: str = setting("127.0.0.1", "Host of the broker.")
    port: int = setting(1883, "Port of the broker; 8883 is usual with TLS.", least=1, most=65_535)
    protocol: str = setting("3.1.1", "MQTT version to speak.", choices=("3.1.1", "5"))
    username: str = setting(
        "", "User name of the node; empty: none. Its password: password_file or PATROLGRID_BROKER__PASSWORD."
    )
    password_file: Path | None = setting(
        None, "File that holds the password on its first line, readable by the node only."
    )
    tls: bool = setting(False, "Whether to speak TLS.")
    tls_ca: Path | None = setting(None, "Certificates of the authorities to trust; empty: the system's.")
    tls_cert: Path | None = setting(None, "The node's own certificate, where the broker asks for one.")
    tls_key: Path | None = setting(None, "Private key of tls_cert.")


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway: MQTT in, log out."""

    client_id: str = setting(
        "", "MQTT client id; its session outlives restarts. Empty: patrolgrid-gateway-SITE.", check="word"
    )
    shared_group: str = setting(
        "", "Group of a shared subscription, which spreads load over several gateways; empty: none.", check="word"
    )
    accept_unknown: bool = setting(False, "Whether to take observations of devices that are not in the places file.")
    max_payload_bytes: int = setting(
        262_144, "Longest payload that is decoded; longer ones are quarantined.", least=256, most=1_048_576
    )
    max_observations: int = setting(1_000, "Most observations in one message.", least=1, most=100_000)
    max_rows: int = setting(20_000, "Most observations in one record of the log.", least=1, most=1_000_000)
    receive_maximum: int = setting(
        4_000, "Most messages the broker sends without acknowledgement (MQTT 5).", least=1, most=65_535
    )
    keepalive_s: int = setting(
        30, "Seconds of silence after which broker and node ask for each other.", least=5, most=300
    )
    session_expiry_h: int = setting(
        168, "Hours for which the broker keeps messages while the node is away (MQTT 5).", least=0, most=100_000
    )
    tick_s: float = setting(
        1.0, "With no message for this long, the gateway writes down that time has passed.", least=0.05, most=60
    )
    clock_ahead_s: float = setting(
        120.0, "Observations further in the future than this are quarantined: clock.", least=0
    )
    backfill_days: float = setting(30.0, "Observations older than this are quarantined: clock.", least=0, most=36_500)
    repeat_window_s: float = setting(
        600.0, "For devices that do not number: exact repeats within this time are dropped.", least=1, most=86_400
    )


@dataclass(frozen=True, slots=True)
class Plates:
    """Number plates are hashed before anything is written."""

    key_file: Path | None = setting(
        None,
        "File with the secret key of the plate tokens; empty: plates.key in the site's folder, made at first start.",
    )


@dataclass(frozen=True, slots=True)
class LogSection:
    """The durable log between gateway and pipeline."""

    max_mb: int = setting(4_096, "Size above which the oldest processed records are removed, in MiB.", least=16)
    max_age_days: float = setting(14.0, "Age above which processed records are removed.", least=0.01)
    min_free_mb: int = setting(
        256, "Free disk space below which nothing is accepted (and nothing acknowledged), in MiB.", least=0
    )


@dataclass(frozen=True, slots=True)
class Kafka:
    """Kafka, for a city's worth: gateways write to it and workers read from it instead of one node's own log."""

    bootstrap: str = setting(
        "", "Brokers to begin with, as HOST:PORT, several with commas; empty: Kafka is not used.", check="addresses"
    )
    shards: int = setting(
        4,
        "How many shards the beats are divided among: partitions of the topics, and most workers that have work.",
        least=1,
        most=1_024,
    )
    replication: int = setting(
        0, "How many brokers keep each record; 0: three, or as many as there are.", least=0, most=15
    )
    retention_h: float = setting(168.0, "Hours for which Kafka keeps the site's records.", least=1, most=100_000)
    timeout_s: float = setting(10.0, "How long to wait for Kafka before trying again, in seconds.", least=1, most=300)
    username: str = setting(
        "", "User name at Kafka (SASL); empty: none. Its password: password_file or PATROLGRID_KAFKA__PASSWORD."
    )
    password_file: Path | None = setting(
        None, "File that holds the password on its first line, readable by the gateway and the workers only."
    )
    mechanism: str = setting(
        "SCRAM-SHA-512", "How the password is proven (SASL).", choices=("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    )
    tls: bool = setting(False, "Whether to speak TLS.")
    tls_ca: Path | None = setting(None, "Certificates of the authorities to trust; empty: the system's.")
    tls_cert: Path | None = setting(None, "The client's own certificate, where the brokers ask for one.")
    tls_key: Path | None = setting(None, "Private key of tls_cert.")


@dataclass(frozen=True, slots=True)
class Metrics:
    """What gateways and workers tell Prometheus and whoever asks whether they are well."""

    host: str = setting("127.0.0.1", "Address that /metrics, /healthz and /readyz are served on.")
    port: int = setting(
        0, "Port of them; 0: they are not served. Several processes of a machine need several.", least=0, most=65_535
    )


@dataclass(frozen=True, slots=True)
class Worker:
    """Workers, which take the site's records from Kafka."""

    checkpoint_s: float = setting(
        5.0,
        "How often state is saved to Kafka, in seconds: so much is worked through again after a crash.",
        least=0.2,
        most=300,
    )
    session_s: float = setting(
        6.0,
        "A worker not heard of for this long is taken for dead, and others take over its shards.",
        least=6,
        most=300,
    )


@dataclass(frozen=True, slots=True)
class PipelineSection:
    """Windows, watermarks, rules and hotspots."""

    window_s: int = setting(300, "Length of a window of event time, in seconds.", least=10, most=86_400)
    lateness_s: float = setting(
        30.0, "How late an observation may be and still be on time, in seconds.", least=0, most=86_400
    )
    grace_s: float = setting(
        60.0,
        "A window closes at the latest this long after its end, also when devices are silent.",
        least=0,
        most=86_400,
    )
    keep_windows: int = setting(4, "Closed windows that late observations still revise in place.", least=1, most=288)
    silent_s: float = setting(300.0, "A device is silent after this long without a word, in seconds.", least=1)
    alert_ttl_s: float = setting(
        14_400.0, "Alerts that have no end of their own, such as a stranger's car, expire after this.", least=60
    )
    flap_s: float = setting(300.0, "An alert that comes back within this time is the same alert.", least=0)
    hotspot_cell_m: float = setting(100.0, "Size of a hotspot cell, in metres.", least=10, most=5_000)
    hotspot_top: int = setting(10, "How many hotspots are shown.", least=1, most=1_000)


@dataclass(frozen=True, slots=True)
class Alerts:
    """How much people are told; docs/alerts.md has the whole story. What rules find is always told."""

    per_day: int = setting(
        20,
        "Alerts of models a day that the shifts can look into (about three officers); 0: as many as come. The "
        "threshold of a day is chosen from the fortnight before, and never lower than the models' own.",
        least=0,
        most=10_000,
    )
    group_m: float = setting(
        200.0,
        "Devices of a beat no further apart than this, in metres, at which a model finds the same at the same time, "
        "make one alert; 0: every device has its own.",
        least=0,
        most=5_000,
    )


@dataclass(frozen=True, slots=True)
class Store:
    """How long the node's own store keeps its results."""

    windows_days: float = setting(180.0, "Days that windows are kept.", least=0.01)
    gates_days: float = setting(30.0, "Days that passages of gates are kept; they carry plate tokens.", least=0.01)
    states_days: float = setting(180.0, "Days that changes of state are kept.", least=0.01)
    anomalies_days: float = setting(730.0, "Days that anomalies are kept.", least=0.01)
    alerts_days: float = setting(
        730.0, "Days that alerts are kept after their last change; open ones stay.", least=0.01
    )
    hotspots_days: float = setting(30.0, "Days that hotspot maps are kept; the newest stays.", least=0.01)
    health_days: float = setting(30.0, "Days that data quality is kept; the newest of each device stays.", least=0.01)
    incidents_days: float = setting(1_095.0, "Days that incidents are kept after they came in.", least=0.01)


@dataclass(frozen=True, slots=True)
class Training:
    """Training of the forest that judges a beat's people, vehicles and noise together (docs/context.md)."""

    enabled: bool = setting(True, "Whether the node trains it in the background; without one nothing is judged.")
    every_h: float = setting(24.0, "Hours between two trainings.", least=0.1, most=8_760)
    min_days: int = setting(10, "Days that the devices' baselines could judge before the first one.", least=4, most=366)
    days: float = setting(
        14.0, "How many of the newest days it is trained on; older ones show younger baselines.", least=4, most=366
    )


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where results go besides the store."""

    mqtt: bool = setting(True, "Whether alerts and hotspots are published over MQTT.")
    jsonl: Path | None = setting(None, "File to which every result is appended as a line of JSON; empty: none.")


@dataclass(frozen=True, slots=True)
class Influx:
    """InfluxDB, from which Grafana draws. `patrolgrid influx setup` prepares it."""

    url: str = setting("", "Address of InfluxDB, such as http://127.0.0.1:8086; empty: nothing is sent.")
    version: Literal["1", "2"] = setting(
        "2", "2 for InfluxDB 2.x (and what speaks its write API), 1 for InfluxDB 1.x.", choices=("1", "2")
    )
    bucket: str = setting("patrolgrid", "Bucket that results go to; for 1.x the database.")
    org: str = setting("patrolgrid", "Organization of the bucket (2.x).")
    retention: str = setting("", "Retention policy to write to (1.x); empty: the database's default.")
    username: str = setting("", "User that writes (1.x); empty: none. Its password stands where the token does.")
    token_file: Path | None = setting(None, "File that holds the writing token (1.x: password) on its first line.")
    read_username: str = setting("", "User that Grafana reads as (1.x); empty: none.")
    read_token_file: Path | None = setting(None, "File that holds Grafana's reading token (1.x: password).")
    gzip: bool = setting(False, "Whether to compress what is sent: worth it over a slow line.")
    batch_lines: int = setting(5_000, "Lines sent at once.", least=1, most=100_000)
    timeout_s: float = setting(20.0, "How long to wait for an answer, in seconds.", least=0.1, most=600)
    max_wait_s: float = setting(30.0, "Longest wait between two attempts, in seconds.", least=0.1, most=3_600)
    backlog_mb: int = setting(
        4_096, "Disk space for what waits while InfluxDB is away, in MiB; above it the oldest lines make room.", least=1
    )


@dataclass(frozen=True, slots=True)
class Grafana:
    """Grafana, for `patrolgrid grafana sync`."""

    url: str = setting("", "Address of Grafana, such as http://127.0.0.1:3000.")
    token_file: Path | None = setting(
        None, "File that holds a service account token with the role Admin on its first line."
    )
    influx_url: str = setting("", "InfluxDB's address as Grafana sees it; empty: url of [influx].")
    timeout_s: float = setting(10.0, "How long to wait for an answer, in seconds.", least=0.1, most=600)


@dataclass(frozen=True, slots=True)
class Board:
    """The live board."""

    enabled: bool = setting(True, "Whether `patrolgrid up` starts the board.")
    host: str = setting(
        "127.0.0.1", "Address the board listens on; put a proxy with sign-in before it to open it to others."
    )
    port: int = setting(8060, "Port of the board; a taken one is stepped around.", least=1, most=65_535)
    hosts: list[str] = setting(
        [], "Names by which browsers call the board, besides addresses and localhost: those of a proxy before it."
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections, and the secrets that came with them."""

    site: Site = field(default_factory=Site)
    data: Data = field(default_factory=Data)
    clock: Clock = field(default_factory=Clock)
    broker: Broker = field(default_factory=Broker)
    gateway: Gateway = field(default_factory=Gateway)
    plates: Plates = field(default_factory=Plates)
    log: LogSection = field(default_factory=LogSection)
    kafka: Kafka = field(default_factory=Kafka)
    pipeline: PipelineSection = field(default_factory=PipelineSection)
    alerts: Alerts = field(default_factory=Alerts)
    store: Store = field(default_factory=Store)
    training: Training = field(default_factory=Training)
    sinks: Sinks = field(default_factory=Sinks)
    influx: Influx = field(default_factory=Influx)
    grafana: Grafana = field(default_factory=Grafana)
    board: Board = field(default_factory=Board)
    metrics: Metrics = field(default_factory=Metrics)
    worker: Worker = field(default_factory=Worker)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Those of `SECRETS` that the environment gave; never written anywhere."""

    @property
    def site_dir(self) -> Path:
        """The site's folder."""
        return self.data.dir / self.site.id

    @property
    def places_file(self) -> Path:
        """The places file, set or by default."""
        return self.site.places or self.site_dir / "places.geojson"


SECTIONS: Final[dict[str, type]] = {
    "site": Site,
    "data": Data,
    "clock": Clock,
    "broker": Broker,
    "gateway": Gateway,
    "plates": Plates,
    "log": LogSection,
    "kafka": Kafka,
    "pipeline": PipelineSection,
    "alerts": Alerts,
    "store": Store,
    "training": Training,
    "sinks": Sinks,
    "influx": Influx,
    "grafana": Grafana,
    "board": Board,
    "metrics": Metrics,
    "worker": Worker,
}
"""Section name in the file → its class, in the order in which they are documented."""

SECRETS: Final[dict[str, str]] = {
    "broker.password": "broker.password_file",
    "kafka.password": "kafka.password_file",
    "influx.token": "influx.token_file",
    "influx.read_token": "influx.read_token_file",
    "grafana.token": "grafana.token_file",
}
"""Secret that only the environment may hold → key that names a file for it instead."""

SECRET_FILES: Final = (*SECRETS.values(), "broker.tls_key", "kafka.tls_key", "plates.key_file")
"""Keys that name files which only their owner should be able to read."""
