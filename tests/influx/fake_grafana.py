"""An HTTP server that behaves as Grafana does, as far as we use it: as its API is documented, and as 9.4 was seen to.

What 9.4 does, and later ones do not: `old`.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_of_nobody"  # noqa: S105 - of a server that lives as long as a test
READER = "glsa_reader"
UNKNOWN_DATASOURCE = {"message": "Data source not found"}


class FakeGrafana:
    """What it holds can be looked at and changed by a test, as by somebody at its pages."""

    def __init__(self, *, old: bool = False) -> None:
        self.old = old
        self.version = "9.4.7" if old else "11.6.0"
        self.datasources: dict[str, dict[str, Any]] = {}
        self.folders: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.writes = 0
        self.before_save = lambda _uid: None
        """Called before a dashboard is saved: somebody else may be quicker."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def _serve(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size) or b"null")
                status, answer = fake.answer(self.command, self.path, body, self.headers.get("Authorization", ""))
                data = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names http.server looks for

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(  # noqa: C901, PLR0911, PLR0912 - one branch a call of the API
        self, method: str, path: str, body: Any, authorization: str
    ) -> tuple[int, Any]:
        if path == "/api/health":
            return 200, {"database": "ok", "version": self.version}
        if authorization not in {f"Bearer {TOKEN}", f"Bearer {READER}"}:
            return 401, {"message": "Invalid API key"}
        if method != "GET":
            if authorization == f"Bearer {READER}":
                return 403, {"message": "You'll need additional permissions to perform this action."}
            self.writes += 1
        parts = path.removeprefix("/api/").split("/")
        match method, *parts:
            case "GET", "datasources", "uid", uid:
                return (200, self.datasources[uid]) if uid in self.datasources else (404, UNKNOWN_DATASOURCE)
            case "POST", "datasources":
                names = {one["name"] for one in self.datasources.values()}
                if body["uid"] in self.datasources or body["name"] in names:
                    return 409, {"message": "data source with the same name already exists"}
                return self._keep_datasource(body)
            case "PUT", "datasources", "uid", uid:
                return self._keep_datasource(body) if uid in self.datasources else (404, UNKNOWN_DATASOURCE)
            case "GET", "folders", uid:
                return (200, self.folders[uid]) if uid in self.folders else (404, {"message": "folder not found"})
            case "POST", "folders":
                if body["uid"] in self.folders:
                    return 412, {"message": "a folder with that uid already exists"}
                if slug(body["title"]) in {slug(one["title"]) for one in self.folders.values()}:
                    return 409, {
                        "message": "a folder or dashboard in the general folder with the same name already exists"
                    }
                self.folders[body["uid"]] = body | {"id": len(self.folders) + 1, "version": 1}
                return 200, self.folders[body["uid"]]
            case "PUT", "folders", uid:
                folder = self.folders[uid]
                if body.get("version") != folder["version"] and not body.get("overwrite"):
                    return 412, {"message": "the folder has been changed by someone else"}
                folder |= {"title": body["title"], "version": folder["version"] + 1}
                return 200, folder
            case "GET", "dashboards", "uid", uid:
                return (
                    (200, self.dashboards[uid]) if uid in self.dashboards else (404, {"message": "Dashboard not found"})
                )
            case "POST", "dashboards", "db":
                return self._save_dashboard(body)
            case method, "v1", "provisioning", "alert-rules", *rest:
                return self._rule(method, rest[0] if rest else body["uid"], body)
        return 404, {"message": f"Not found: {method} {path}"}

    def _keep_datasource(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.datasources.get(body["uid"], {}).get("readOnly"):
            return 403, {"message": "Cannot update read-only data source"}
        kept = {key: value for key, value in body.items() if key != "secureJsonData"}
        fields = dict.fromkeys(body.get("secureJsonData", {}), True)
        self.datasources[body["uid"]] = kept | {"id": 1, "orgId": 1, "readOnly": False, "secureJsonFields": fields}
        return 200, {"id": 1, "message": "Datasource added"}

    def _save_dashboard(self, body: dict[str, Any]) -> tuple[int, Any]:
        dashboard = body["dashboard"]
        uid = dashboard["uid"]
        self.before_save(uid)
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found", "status": "not-found"}
        there = self.dashboards.get(uid)
        if there is not None and there["meta"].get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        for other, one in self.dashboards.items():
            same = one["dashboard"]["title"] == dashboard["title"] and one["meta"]["folderUid"] == body["folderUid"]
            if same and other != uid:
                return 412, {"status": "name-exists", "message": "A dashboard with the same name already exists"}
        version = there["dashboard"]["version"] if there else 0
        if there is not None and dashboard["version"] != version and not body.get("overwrite"):
            return 412, {"status": "version-mismatch", "message": "The dashboard has been changed by someone else"}
        saved = dashboard | {"id": len(self.dashboards) + 1, "version": version + 1}
        self.dashboards[uid] = {"dashboard": saved, "meta": {"folderUid": body["folderUid"], "provisioned": False}}
        return 200, {"uid": uid, "version": version + 1, "status": "success"}

    def _rule(self, method: str, uid: str, body: Any) -> tuple[int, Any]:
        there = self.rules.get(uid)
        if method == "GET" and there is None:
            return (500, {"message": "could not find alert rule"}) if self.old else (404, None)
        if there is not None and method == "GET":
            return 200, {key: value for key, value in there.items() if not self.old or key != "isPaused"}
        if method == "DELETE":
            self.rules.pop(uid, None)
            return 204, None
        refused = {
            (409, "conflict: alert rule with that uid exists"): method == "POST" and there is not None,
            (404, "alert rule not found"): method == "PUT" and there is None,
            (409, "cannot change provenance from 'file' to ''"): (there or {}).get("provenance") == "file",
            (400, "folder does not exist"): body["folderUID"] not in self.folders,
        }
        for (status, message), refuses in refused.items():
            if refuses:
                return status, {"message": message}
        self.rules[uid] = body | {"id": 1, "updated": "2026-11-23T08:00:00Z", "provenance": ""}
        return (201 if method == "POST" else 200), self.rules[uid]


def slug(title: str) -> str:
    """Return what Grafana 9.4 tells folders apart by: what is left of a title in ASCII."""
    found = re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")
    return found or title
