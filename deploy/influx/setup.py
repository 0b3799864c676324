"""Preparing InfluxDB: buckets or retention policies, downsampling, and two tokens that can do no more than they must.

What is kept: raw points for `RAW_DAYS`, five-minute values for `MIDDLE_DAYS`, daily ones for `LONG_DAYS`. In 2.x the
coarse buckets are filled by tasks, in 1.x by continuous queries; both run in the server, and `downsample` does the same
for the past. Everything here may be run as often as one likes: a setup makes what is missing and changes nothing else.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from msgspec.structs import replace
from urllib3.exceptions import HTTPError

from deploy.influx.downsampling import continuous_queries, days, flux, quoted, selects
from ingest.setup.extras import load
from stream.sinks.influx.address import Address

RAW_DAYS: Final = 30
MIDDLE_DAYS: Final = 180
LONG_DAYS: Final = 3650
_TIMEOUT_S: Final = 60
_DOMAIN: Final = "influxdb_client.domain"
"""influxdb-client's classes for requests; a module without types."""
_DAY_S: Final = 86_400
_POLICIES: Final = {"5m": "middle", "1d": "long"}
"""1.x: width of the coarse values → their retention policy. 2.x: a bucket whose name ends so."""


_T = TypeVar("_T")


class InfluxSetupError(RuntimeError):
    """InfluxDB cannot be prepared; the text says what to do."""


@dataclass(frozen=True, slots=True)
class SetupReport:
    """What a setup found or made. Tokens are there only where they were made now: a server never tells them again."""

    done: list[str]
    write_token: str = ""
    read_token: str = ""


def set_up(
    address: Address, admin_token: str, *, admin_user: str = "", zone: str = "UTC", check: bool = False
) -> SetupReport:
    """Prepare a server for an address, as its administrator.

    Parameters
    ----------
    address
        Bucket (or database), organization and version.
    admin_token
        2.x: an operator or all-access token; 1.x: the administrator's password, empty where the server asks for none.
    admin_user
        1.x: the administrator.
    zone
        The site's time zone: daily values are of its days.
    check
        Change nothing; say what would be done.

    Raises
    ------
    InfluxSetupError
        The server cannot be reached, refuses the token, or has no such organization.
    """
    return _server(address, admin_token, admin_user, zone, check=check).run()


def downsample(
    address: Address,
    admin_token: str,
    since_ms: int,
    until_ms: int,
    *,
    admin_user: str = "",
    zone: str = "UTC",
    on_day: Callable[[datetime], None] = lambda _: None,
) -> int:
    """Make the coarse values of the past, by whole days of the site; return how many days that were.

    `on_day` is called with each day that is done. Raises as `set_up` does, and where the coarse buckets (1.x: retention
    policies) are missing.
    """
    server, done = _server(address, admin_token, admin_user, zone), 0
    for day in days(since_ms, until_ms, zone):
        server.downsample(*day)
        on_day(day[0])
        done += 1
    return done


def _server(address: Address, admin_token: str, admin_user: str, zone: str, *, check: bool = False) -> "_One | _Two":
    if address.version == "1":
        return _One(replace(address, username=admin_user, token=admin_token, token_file=None), zone, check=check)
    return _Two(replace(address, token=admin_token, token_file=None), zone, check=check)


class _Two:
    """InfluxDB 2.x, through influxdb-client."""

    def __init__(self, address: Address, zone: str, *, check: bool) -> None:
        self._address, self._zone, self._check, self._done = address, zone, check, list[str]()
        self._client: Any = None

    def run(self) -> SetupReport:
        return self._with_client(self._run)

    def downsample(self, begin: datetime, end: datetime) -> None:
        bucket = self._address.bucket

        def fill() -> None:
            for every in _POLICIES:
                self._client.query_api().query(flux(bucket, f"{bucket}_{every}", every, self._zone, (begin, end)))

        self._with_client(fill)

    def _with_client(self, do: Callable[[], _T]) -> _T:
        address = self._address
        self._client = InfluxDBClient(address.url, address.token, org=address.org, timeout=_TIMEOUT_S * 1000)
        try:
            return do()
        except ApiException as error:
            hints = {
                401: "the token is wrong; use the operator's, or an all-access token",
                403: "the token may not do that",
            }
            raise InfluxSetupError(
                f"{self._address.url}: status {error.status}: {hints.get(error.status, error)}"
            ) from error
        except (HTTPError, OSError) as error:
            raise InfluxSetupError(f"{self._address.url}: cannot be reached: {error}") from error
        finally:
            self._client.close()

    def _run(self) -> SetupReport:
        address = self._address
        orgs = [org for org in self._client.organizations_api().find_organizations() if org.name == address.org]
        if not orgs:
            raise InfluxSetupError(f"{address.url}: there is no organization {address.org!r}; set influx.org to yours")
        self._org = orgs[0]
        raw = self._bucket(address.bucket, RAW_DAYS)
        coarse = [self._bucket(f"{address.bucket}_5m", MIDDLE_DAYS), self._bucket(f"{address.bucket}_1d", LONG_DAYS)]
        for every in _POLICIES:
            self._task(every, f"{address.bucket}_{every}")
        tokens = [
            self._token(f"patrolgrid writes {address.bucket}", "write", [raw]),
            self._token(f"patrolgrid reads {address.bucket}", "read", [raw, *coarse]),
        ]
        return SetupReport(self._done, *tokens)

    def _bucket(self, name: str, days: int) -> str:
        api = self._client.buckets_api()
        found = api.find_bucket_by_name(name)
        if found is not None:
            return str(found.id)
        self._done.append(f"bucket {name}, kept for {days} days")
        if self._check:
            return ""
        rule = load(_DOMAIN).BucketRetentionRules(type="expire", every_seconds=days * _DAY_S)
        return str(api.create_bucket(bucket_name=name, retention_rules=rule, org=self._org).id)

    def _task(self, every: str, target: str) -> None:
        name = f"patrolgrid {target}"
        api = self._client.tasks_api()
        if api.find_tasks(name=name):
            return
        self._done.append(f"task {name}, every {every}")
        if not self._check:
            api.create_task_every(name, flux(self._address.bucket, target, every, self._zone), every, self._org)

    def _token(self, description: str, action: str, buckets: list[str]) -> str:
        api = self._client.authorizations_api()
        if any(found.description == description for found in api.find_authorizations()):
            return ""
        self._done.append(f"token '{description}'")
        if self._check:
            return ""
        domain = load(_DOMAIN)
        permissions = [
            domain.Permission(
                action=action, resource=domain.PermissionResource(type="buckets", id=bucket, org_id=self._org.id)
            )
            for bucket in buckets
        ]
        made = api.create_authorization(
            authorization=domain.Authorization(org_id=self._org.id, permissions=permissions, description=description)
        )
        return str(made.token)


class _One:
    """InfluxDB 1.x, through InfluxQL."""

    def __init__(self, address: Address, zone: str, *, check: bool) -> None:
        self._address, self._zone, self._check, self._done = address, zone, check, list[str]()
        self._source = address.retention or "raw"
        self._pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT_S)
        self._headers = (
            urllib3.make_headers(basic_auth=f"{address.username}:{address.token}") if address.username else {}
        )

    def run(self) -> SetupReport:
        database = self._address.bucket
        if database not in {row[0] for row in self._ask("SHOW DATABASES")}:
            self._do(f"database {database}", f"CREATE DATABASE {quoted(database)}")
            if self._check:
                return SetupReport(self._done)
        policies = {row[0] for row in self._ask(f"SHOW RETENTION POLICIES ON {quoted(database)}")}
        for name, kept_days in (("raw", RAW_DAYS), ("middle", MIDDLE_DAYS), ("long", LONG_DAYS)):
            if name not in policies:
                default = " DEFAULT" if name == "raw" else ""
                statement = (
                    f"CREATE RETENTION POLICY {name} ON {quoted(database)} DURATION {kept_days}d REPLICATION 1{default}"
                )
                self._do(f"retention policy {name}, {kept_days} days", statement)
        queries = {row[0] for row in self._ask("SHOW CONTINUOUS QUERIES", series=database)}
        for name, statement in continuous_queries(database, self._source, _POLICIES, self._zone).items():
            if name not in queries:
                self._do(f"continuous query {name}", statement)
        return SetupReport(self._done, *self._users(database))

    def downsample(self, begin: datetime, end: datetime) -> None:
        database, (since, until) = self._address.bucket, (round(moment.timestamp()) for moment in (begin, end))
        where = f"time >= {since}s AND time < {until}s"
        for every, policy in _POLICIES.items():
            for select in selects(database, self._source, policy, every, self._zone, where=where).values():
                self._ask(select)

    def _users(self, database: str) -> tuple[str, str]:
        """Make the two users where the server knows users at all; return their passwords."""
        if not self._address.username:
            return "", ""  # a server without users has nobody to tell apart
        known = {row[0] for row in self._ask("SHOW USERS")}
        passwords = []
        for name, right in (("patrolgrid_write", "WRITE"), ("patrolgrid_read", "READ")):
            password = ""
            if name not in known:
                password = secrets.token_urlsafe(24)
                self._do(f"user {name}", f"CREATE USER {name} WITH PASSWORD '{password}'")
                self._do(f"right {right} for {name}", f"GRANT {right} ON {quoted(database)} TO {name}")
            passwords.append("" if self._check else password)
        return passwords[0], passwords[1]

    def _do(self, what: str, statement: str) -> None:
        self._done.append(what)
        if not self._check:
            self._ask(statement)

    def _ask(self, statement: str, series: str = "") -> list[list[Any]]:
        address = self._address
        try:
            answer = self._pool.request(
                "POST", f"{address.url.rstrip('/')}/query", fields={"q": statement}, headers=self._headers,
                encode_multipart=False,
            )  # fmt: skip
            document: Mapping[str, Any] = json.loads(answer.data or b"{}")
        except HTTPError as error:
            raise InfluxSetupError(f"{address.url}: cannot be reached: {error}") from error
        except ValueError as error:
            raise InfluxSetupError(f"{address.url}: does not answer as InfluxDB 1.x does: {error}") from error
        result = (document.get("results") or [{}])[0]
        wrong = document.get("error") or result.get("error")
        if answer.status >= 400 or wrong:
            hint = "; name the administrator with --admin-user" if answer.status == 401 else ""
            raise InfluxSetupError(f"{address.url}: status {answer.status}: {wrong}{hint}")
        found = [one for one in result.get("series", []) if not series or one.get("name") == series]
        return [row for one in found for row in one.get("values", [])]
