"""A running Grafana, through grafana-api: the few calls that `deploy.grafana.sync` needs, and errors for people.

grafana-api has no calls for alert rules and none for data sources by uid; those go through its session, which has the
token and the error types.
"""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, urlsplit

from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace
from requests import RequestException

from deploy.grafana.panels import Json

_HINTS: Final = {
    401: "the token is wrong or was revoked; make one for a service account with the role Admin",
    403: "the token lacks a permission; its service account needs the role Admin",
    409: "Grafana has another thing of that name or uid",
    412: "somebody else changed it meanwhile, or another dashboard in the folder has the title",
}
OLDEST: Final = (9, 4)
"""Version of Grafana: the oldest in which the dashboards were looked at."""
_RULES: Final = "/v1/provisioning/alert-rules"
_SHOWN: Final = {"X-Disable-Provenance": "true"}
"""With this header people can still edit the rule in Grafana."""


class GrafanaError(RuntimeError):
    """Grafana did not do what it was asked; the text says what, why, and what helps."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Grafana:
    """One Grafana.

    Parameters
    ----------
    url
        Its address, with the path it is served under.
    token
        A service account's token.
    timeout_s
        How long to wait for an answer.

    Raises
    ------
    GrafanaError
        The address is none; by every method: Grafana cannot be reached, or refuses.
    """

    def __init__(self, url: str, token: str, *, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise GrafanaError(f"grafana.url is {url!r}, expected an address such as http://127.0.0.1:3000")
        path = parts.path.strip("/")
        self.url = url
        self._face: Any = GrafanaFace(
            auth=token,
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=parts.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=timeout_s,
        )

    def close(self) -> None:
        """Release connections."""
        self._face.api.s.close()

    def check_version(self) -> None:
        """Raise `GrafanaError` where Grafana says that it is older than `OLDEST`; it may keep that to itself."""
        said = str(self._ask("health", "GET", "/health").get("version") or "")
        found = re.match(r"(\d{1,4})\.(\d{1,4})", said)
        if found is not None and (int(found[1]), int(found[2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise GrafanaError(f"Grafana at {self.url} has version {said}, expected {oldest} or newer")

    def datasource(self, uid: str) -> Json | None:
        """Return a data source, None where there is none."""
        return self._find("data source", "GET", f"/datasources/uid/{quote(uid)}")

    def put_datasource(self, document: Json, *, new: bool) -> None:
        """Make or replace a data source."""
        if new:
            self._call("data source", self._face.datasource.create_datasource, document)
        else:
            self._ask("data source", "PUT", f"/datasources/uid/{quote(document['uid'])}", document)

    def folder(self, uid: str) -> Json | None:
        """Return a folder, None where there is none."""
        return self._find("folder", "GET", f"/folders/{quote(uid)}")

    def put_folder(self, uid: str, title: str, *, version: int | None) -> None:
        """Make a folder, or rename the one of that version."""
        if version is None:
            self._call("folder", self._face.folder.create_folder, title, uid)
        else:
            self._call("folder", self._face.folder.update_folder, uid, title, version)

    def dashboard(self, uid: str) -> Json | None:
        """Return ``{"dashboard": …, "meta": …}``, None where there is none."""
        return self._find("dashboard", "GET", f"/dashboards/uid/{quote(uid)}")

    def put_dashboard(self, document: Json, folder: str, version: int) -> None:
        """Save a dashboard over the version given (0: a new one). A version that moved on is status 412."""
        body = {
            "dashboard": {**document, "id": None, "version": version},
            "folderUid": folder,
            "overwrite": False,
            "message": "patrolgrid grafana sync",
        }
        self._call(f"dashboard {document['title']}", self._face.dashboard.update_dashboard, body)

    def rule(self, uid: str) -> Json | None:
        """Return an alert rule, None where there is none: Grafana 9 says 500 then, later ones an empty 404."""
        return self._find("alert rule", "GET", f"{_RULES}/{quote(uid)}", missing=(404, 500))

    def put_rule(self, document: Json, *, new: bool) -> None:
        """Make or replace an alert rule."""
        path = _RULES + ("" if new else f"/{quote(document['uid'])}")
        self._ask(f"alert rule {document['title']}", "POST" if new else "PUT", path, document, _SHOWN)

    def delete_rule(self, uid: str) -> None:
        """Take an alert rule away."""
        api = self._face.api

        def ask() -> Json:
            # Not through grafana-api, which wants JSON as an answer: Grafana gives none.
            answer = api.s.delete(f"{api.url}{_RULES}/{quote(uid)}", auth=api.auth, headers=_SHOWN, timeout=api.timeout)
            if answer.status_code >= 400:
                raise GrafanaException(answer.status_code, answer.text, answer.text)
            return {}

        self._call(f"alert rule {uid}", ask)

    def _find(self, what: str, method: str, path: str, missing: tuple[int, ...] = (404,)) -> Json | None:
        try:
            return self._ask(what, method, path)
        except GrafanaError as error:
            if error.status in missing:
                return None
            raise

    def _ask(
        self, what: str, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None
    ) -> Json:
        return self._call(what, getattr(self._face.api, method), path, json=body, headers=headers)

    def _call(self, what: str, function: Callable[..., Json], *arguments: object, **named: object) -> Json:
        try:
            return function(*arguments, **named)
        except GrafanaException as error:
            hint = f"; {_HINTS[error.status_code]}" if error.status_code in _HINTS else ""
            reason = (
                error.response.get("message", error.response) if isinstance(error.response, dict) else error.response
            )
            raise GrafanaError(
                f"Grafana at {self.url}: {what}: status {error.status_code}: {str(reason)[:300]}{hint}",
                int(error.status_code),
            ) from error
        except (RequestException, ValueError) as error:
            # ValueError: a page that is not JSON, as a proxy or another program answers.
            raise GrafanaError(f"Grafana at {self.url} cannot be reached, or is no Grafana: {error}") from error
