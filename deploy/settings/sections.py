"""All sections of the settings file, in the order in which they are documented.

A section is a struct (`ingest.setup.settings.Section`). It stands beside the part that uses it and is passed to that
part as it is; here are those that only `deploy` and `console` use. A field's type says what is allowed, its default
what holds where nothing is written, and its docstring is its documentation: ``docs/settings.md`` and the example file
are made from them (``python docs/make_settings.py``).
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from ingest.days.patrol_settings import PatrolSettings
from ingest.days.site_calendar import CalendarSettings
from ingest.days.telling_settings import TellingSettings
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.log.kafka_address import KafkaAddress
from ingest.login import BrokerAddress, url_in_clear
from ingest.setup.settings import Port, Section, url_mistake
from stream.config import AlertSettings, PipelineSettings, Site
from stream.sinks.influx.address import Address
from stream.sinks.store.retention import Retention

PREFIX: Final = "PATROLGRID_"
"""Every environment variable of the project starts so; ``SECTION__KEY`` follows."""


class Data(Section, frozen=True, kw_only=True):
    """Where the site's files live."""

    dir: Path = Path("patrolgrid-data")
    """Folder that holds one folder a site: log, results, snapshots, quarantine."""


class ClockSettings(Section, frozen=True, kw_only=True):
    """Which time it is at the site."""

    mode: Literal["system", "scaled", "data"] = "system"
    """system: the wall clock; scaled: a demo's, which runs faster; data: the newest event time, for replays."""
    origin_ms: Annotated[int, Meta(ge=0)] = 0
    """Scaled clock: site time (epoch ms) that it showed when it was started."""
    started_ms: Annotated[int, Meta(ge=0)] = 0
    """Scaled clock: wall time (epoch ms) at which it was started."""
    speed: Annotated[float, Meta(ge=0.001, le=100_000)] = 1.0
    """Scaled clock: how many seconds pass at the site in one second."""


class Broker(BrokerAddress, frozen=True, kw_only=True):
    """The MQTT broker."""

    mode: Literal["embedded", "external"] = "external"
    """external: connect to a broker that runs by itself (production); embedded: `patrolgrid up` starts one."""


class PlateSettings(Section, frozen=True, kw_only=True):
    """Number plates are hashed before anything is written."""

    key_file: Path | None = None
    """File with the secret keys of the plate tokens, made at first start. It belongs outside the data folder, so that
    data and backups alone betray nobody; empty: in a folder beside it, called as data.dir and .keys."""
    seal_key_file: Path | None = None
    """File with the keys that open what edge agents have sealed, made by `patrolgrid plates keys`. It belongs outside
    the data folder, too; empty: seal.key beside key_file."""


class LogSettings(Section, frozen=True, kw_only=True):
    """The durable log between gateway and pipeline."""

    max_mb: Annotated[int, Meta(ge=16)] = 4_096
    """Size above which the oldest processed records are removed, in MiB."""
    max_age_days: Annotated[float, Meta(ge=0.01)] = 14.0
    """Age above which processed records are removed."""
    min_free_mb: Annotated[int, Meta(ge=0)] = 256
    """Free disk space below which nothing is accepted (and nothing acknowledged), in MiB."""


class Kafka(KafkaAddress, frozen=True, kw_only=True):
    """Kafka, for a city's worth: gateways write to it and workers read from it instead of one node's own log."""

    shards: Annotated[int, Meta(ge=1, le=1_024)] = 4
    """How many shards the beats are divided among: partitions of the topics, and most workers that have work."""
    replication: Annotated[int, Meta(ge=0, le=15)] = 0
    """How many brokers keep each record; 0: three, or as many as there are."""
    retention_h: Annotated[float, Meta(ge=1, le=100_000)] = 168.0
    """Hours for which Kafka keeps the site's records."""
    timeout_s: Annotated[float, Meta(ge=1, le=300)] = 10.0
    """How long to wait for Kafka before trying again, in seconds."""


class TrainingSettings(Section, frozen=True, kw_only=True):
    """Training of the forest that judges a beat's people, vehicles and noise together (docs/context.md)."""

    enabled: bool = True
    """Whether the node trains it in the background; without one nothing is judged."""
    every_h: Annotated[float, Meta(ge=0.1, le=8_760)] = 24.0
    """Hours between two trainings."""
    min_days: Annotated[int, Meta(ge=4, le=366)] = 10
    """Days that the devices' baselines could judge before the first one."""
    days: Annotated[float, Meta(ge=4, le=366)] = 14.0
    """How many of the newest days it is trained on; older ones show younger baselines."""


class SinkSettings(Section, frozen=True, kw_only=True):
    """Where results go besides the store."""

    mqtt: bool = True
    """Whether alerts and hotspots are published over MQTT."""
    jsonl: Path | None = None
    """File to which every result is appended as a line of JSON; empty: none."""


class DeliverSettings(Section, frozen=True, kw_only=True):
    """Delivery of alerts to chat groups, mail and other systems (docs/deliver.md)."""

    enabled: bool = True
    """Whether `patrolgrid up` starts it, where there is a channels file."""
    channels_file: Path | None = None
    """File of the channels, with their keys. It belongs outside the data folder; empty: channels.toml beside the plate
    keys."""
    hand_on_s: Annotated[float, Meta(ge=1, le=3_600)] = 30.0
    """How long a channel may take before the next one is told, too, in seconds."""
    exercise: Literal["auto", "yes", "no"] = "auto"
    """Whether messages say that they are an exercise; auto: where the site's clock is not the system's."""
    keep_days: Annotated[float, Meta(ge=1, le=3_660)] = 90.0
    """For how many days receipts are kept."""
    board_url: str = ""
    """Address by which phones reach the board, such as https://10.0.0.5:8060; messages then have a link to it."""

    def mistake(self) -> str:
        """Return what cannot be meant; see `ingest.setup.settings.Section.mistake`."""
        return url_mistake("board_url", self.board_url)


class EdgeSection(Section, frozen=True, kw_only=True):
    """An edge agent on this machine: what the station's own cameras and bridges say (docs/edge.md)."""

    file: Path | None = None
    """Its settings file; empty: none. Where there is one, `patrolgrid up` runs the agent, too."""


class GrafanaSettings(Section, frozen=True, kw_only=True):
    """Grafana, for `patrolgrid grafana sync`."""

    url: str = ""
    """Address of Grafana, such as http://127.0.0.1:3000."""
    token: str = ""
    token_file: Path | None = None
    """File that holds a service account token with the role Admin on its first line."""
    influx_url: str = ""
    """InfluxDB's address as Grafana sees it; empty: url of [influx]."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=600)] = 10.0
    """How long to wait for an answer, in seconds."""

    def mistake(self) -> str:
        """Return what cannot be meant; see `ingest.setup.settings.Section.mistake`."""
        return url_mistake("url", self.url) or url_mistake("influx_url", self.influx_url)

    def in_clear(self) -> bool:
        """Tell whether the token goes over a network without encryption."""
        return bool(self.token or self.token_file) and url_in_clear(self.url)


class BoardSettings(Section, frozen=True, kw_only=True):
    """The live board."""

    enabled: bool = True
    """Whether `patrolgrid up` starts the board."""
    host: str = "127.0.0.1"
    """Address the board listens on. Beyond this machine only with accounts (`patrolgrid people add`) and TLS."""
    port: Port = 8060
    """Port of the board; a taken one is stepped around."""
    hosts: tuple[str, ...] = ()
    """Names by which browsers call the board, besides addresses and localhost: that of the machine, of a proxy."""
    tls_cert: Path | None = None
    """Certificate of the board, with that of its authority behind it (`patrolgrid pki init`); empty: no TLS."""
    tls_key: Path | None = None
    """Private key of tls_cert."""
    fenced: bool = False
    """Whether something else keeps strangers from host, so that it may be beyond this machine without accounts and
    TLS: a container whose port is open to its own machine only, or a proxy with TLS and sign-in."""
    map_link: str = ""
    """Link by which the patrol page shows a place on the phone's own map, with {lat} and {lon} (WGS 84), such as
    geo:{lat},{lon} or the address of a map service, which then learns the place; empty: no such link."""
    broker_username: str = ""
    """Account at the broker by which what people say goes: `board` at a station's broker; empty: that of [broker]."""
    broker_password: str = ""
    broker_password_file: Path | None = None
    """File that holds that account's password on its first line."""
    command_key_file: Path | None = None
    """File with the key that commands are signed with, made at the first start; gateways on other machines need a copy.
    Empty: commands.key beside plates.key_file."""

    def mistake(self) -> str:
        """Return what cannot be meant; see `ingest.setup.settings.Section.mistake`."""
        if (self.tls_cert is None) != (self.tls_key is None):
            one, other = ("tls_cert", "tls_key") if self.tls_key is None else ("tls_key", "tls_cert")
            return f"{one} is set and {other} is not; expected both, or neither"
        begins = self.map_link.startswith(("geo:", "https://"))
        if self.map_link and not (begins and "{lat}" in self.map_link and "{lon}" in self.map_link):
            return f"map_link is {self.map_link!r}; expected geo: or https:// with {{lat}} and {{lon}}"
        return ""


class MetricsSettings(Section, frozen=True, kw_only=True):
    """What gateways and workers tell Prometheus and whoever asks whether they are well."""

    host: str = "127.0.0.1"
    """Address that /metrics, /healthz and /readyz are served on."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    """Port of them; 0: they are not served. Several processes of a machine need several."""


class WorkerSettings(Section, frozen=True, kw_only=True):
    """Workers, which take the site's records from Kafka."""

    checkpoint_s: Annotated[float, Meta(ge=0.2, le=300)] = 5.0
    """How often state is saved to Kafka, in seconds: so much is worked through again after a crash."""
    session_s: Annotated[float, Meta(ge=6, le=300)] = 6.0
    """A worker not heard of for this long is taken for dead, and others take over its shards."""


class Settings(Struct, frozen=True, kw_only=True):
    """All sections."""

    site: Site = Site()
    calendar: CalendarSettings = CalendarSettings()
    data: Data = Data()
    clock: ClockSettings = ClockSettings()
    broker: Broker = Broker()
    gateway: GatewaySettings = GatewaySettings()
    plates: PlateSettings = PlateSettings()
    log: LogSettings = LogSettings()
    kafka: Kafka = Kafka()
    pipeline: PipelineSettings = PipelineSettings()
    alerts: AlertSettings = AlertSettings()
    patrol: PatrolSettings = PatrolSettings()
    store: Retention = Retention()
    training: TrainingSettings = TrainingSettings()
    sinks: SinkSettings = SinkSettings()
    deliver: DeliverSettings = DeliverSettings()
    telling: TellingSettings = TellingSettings()
    edge: EdgeSection = EdgeSection()
    influx: Address = Address()
    grafana: GrafanaSettings = GrafanaSettings()
    board: BoardSettings = BoardSettings()
    metrics: MetricsSettings = MetricsSettings()
    worker: WorkerSettings = WorkerSettings()

    def in_clear(self) -> list[str]:
        """Return the sections whose secrets go over a network without encryption."""
        return [name for name in SECTIONS if getattr(self, name).in_clear()]

    @property
    def site_dir(self) -> Path:
        """The site's folder."""
        return self.data.dir / self.site.id

    @property
    def plate_key_file(self) -> Path:
        """The file of the plate keys, set or by default."""
        folder = self.data.dir
        return self.plates.key_file or folder.with_name(f"{folder.name}.keys") / self.site.id / "plates.key"

    @property
    def seal_key_file(self) -> Path:
        """The file of the keys that sealed plates are opened with, set or by default; it may not be there."""
        return self.plates.seal_key_file or self.plate_key_file.with_name("seal.key")

    @property
    def command_key_file(self) -> Path:
        """The file of the key that commands are signed with, set or by default."""
        return self.board.command_key_file or self.plate_key_file.with_name("commands.key")

    def people_login(self) -> BrokerAddress:
        """Return the broker with the account by which what people say goes: the board's own, where it has one."""
        board = self.board
        if not board.broker_username:
            return self.broker
        return replace(
            self.broker,
            username=board.broker_username,
            password=board.broker_password,
            password_file=board.broker_password_file,
        )

    @property
    def channels_file(self) -> Path:
        """The file of delivery's channels, set or by default; it may not be there."""
        return self.deliver.channels_file or self.plate_key_file.with_name("channels.toml")

    @property
    def places_file(self) -> Path:
        """The places file, set or by default."""
        return self.site.places or self.site_dir / "places.geojson"


SECTIONS: Final[dict[str, type[Section]]] = {
    name: type(getattr(Settings(), name)) for name in Settings.__struct_fields__
}
"""Section name in the file → its struct, in the order in which they are documented."""

SECRETS: Final = {f"{name}.{key}": f"{name}.{key}_file" for name, cls in SECTIONS.items() for key in cls.secrets()}
"""Secret that only the environment may hold → key that names a file for it instead."""

SECRET_FILES: Final = (
    *SECRETS.values(),
    *("broker.tls_key", "kafka.tls_key", "plates.key_file", "plates.seal_key_file"),
    *("board.tls_key", "board.command_key_file", "deliver.channels_file"),
)
"""Keys that name files which only their owner should be able to read."""
