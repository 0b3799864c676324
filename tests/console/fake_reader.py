"""A store that is not there: answers the board's questions with an invented night, and can be changed by hand."""

import math
import random
import time
from typing import Any

from stream.sinks.store.reader import StoreReader
from tests.console.fake_places import at, neighbourhood

Row = dict[str, Any]
MINUTE = 60_000
WINDOW = 5 * MINUTE
NIGHT = 1_795_460_340_000  # 2026-11-24 02:59 in Shanghai
KINDS = {"camera": ("person", "count"), "gate": ("gate", "gate"), "noise": ("noise", "level")}
KINDS |= {"smoke": ("smoke", "level"), "heat": ("temperature", "level"), "water": ("water", "level")}
KINDS |= {"door": ("door", "state"), "manhole": ("cover", "state"), "environment": ("temperature", "level")}


def usual(device: str, ts: int) -> float:
    """People expected at a camera in a window: busy days, quiet nights."""
    hour = ((ts / 3_600_000) + 8) % 24
    size = 12 + (sum(map(ord, device)) % 7) * 6
    return size * (0.06 + 0.5 * math.exp(-(((hour - 8.3) / 1.6) ** 2)) + 0.9 * math.exp(-(((hour - 18.5) / 2.6) ** 2)))


class FakeReader(StoreReader):
    """Answers without a store. Change `open_alerts` or `status` and call `touch`."""

    def __init__(self, now_ms: int = NIGHT) -> None:
        self.places, self.now, self.started, self.number = neighbourhood(), now_ms, time.time(), 1
        self.speed, self.running = 1.0, True
        self.open_alerts: dict[str, list[Row]] = {}
        self.status: Row = {}
        self.broken: Exception | None = None
        for row in invented_alerts(self, now_ms):
            self.open_alerts.setdefault(row["id"], []).append(row)

    def touch(self) -> None:
        self.number += 1

    def agents(self) -> list[Row]:
        return []

    def site_ms(self) -> int:
        return round(self.now + (time.time() - self.started) * 1000 * self.speed)

    def version(self) -> int:
        if self.broken:
            raise self.broken
        return self.number + (int(time.time()) if self.running else 0)

    def meta(self, key: str, default: Any = None) -> Any:
        passed = time.time() - self.started
        received = 1_284_311 + int(passed * 84)
        return {
            "now_ms": self.site_ms(),
            "watermark_ms": self.site_ms() - 31_000,
            "rates": {"observations_s": 83.7 + 6 * math.sin(passed), "messages_s": 41.2},
            "lag": {"records": 2, "seconds": 0.4},
            "counters": {
                "received": received,
                "stored": received - 3_107,
                "duplicates": 2_411,
                "late": 958,
                "windows": 31_204,
                "anomalies": 37,
                "alerts": 14,
            },
            "quarantined": {"clock": 212, "schema": 31, "topic": 4},
            "connected": True,
            "speed": self.speed,
            "wall_ms": int(time.time() * 1000),
            "uptime_s": 48_211 + passed,
        } | self.status

    def windows(
        self,
        device: str,
        metric: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 2000,
    ) -> list[Row]:
        place = self.places.devices.get(device)
        if place is None:
            return []
        now = self.site_ms()
        start = ((since_ms or now - 12 * 3_600_000) // WINDOW) * WINDOW
        return [self.window(place.id, place.type, ts, now) for ts in range(start, now, WINDOW)][-limit:]

    def window(self, device: str, kind: str, ts: int, now: int) -> Row:
        metric, name = KINDS[kind]
        rng = random.Random(f"{device}{ts}")
        row: Row = {"start": ts, "metric": metric, "kind": name, "n": 5, "status": "closed", "state": "normal"}
        row |= {"in": 0.0, "out": 0.0, "mean": None, "low": None, "high": None}
        row |= {"expected": None, "lower": None, "upper": None, "p": None}
        if ts + WINDOW > now:
            row["status"] = "open"
        if kind == "camera":
            mu = usual(device, ts)
            total = max(0.0, rng.gauss(mu, math.sqrt(mu + 0.03 * mu * mu)))
            if device == "camera-05" and ts >= NIGHT - 22 * MINUTE:
                total, row["state"] = mu * 6 + 34 + rng.random() * 9, "surge"
            if device == "camera-08" and ts >= NIGHT - 95 * MINUTE:
                total, row["state"] = 0.0, "dead"
            share = rng.betavariate(9, 8)
            spread = 2.1 * math.sqrt(mu + 0.05 * mu * mu)
            row |= {"in": float(round(total * share)), "out": float(round(total * (1 - share)))}
            row |= {"expected": mu, "lower": max(0.0, mu - spread), "upper": mu + spread + 1}
            row["p"] = 1.2e-9 if row["state"] == "surge" else 0.004 if row["state"] == "dead" else 0.4
        elif kind == "gate":
            row |= {"in": float(rng.randrange(4)), "out": float(rng.randrange(4))}
        elif kind in {"noise", "smoke", "heat", "water", "environment"}:
            base = {"noise": 46.0, "smoke": 0.3, "heat": 24.0, "water": 9.0, "environment": 11.0}[kind]
            mean = base * (1 + 0.05 * math.sin(ts / 9e6)) + rng.gauss(0, base * 0.02)
            if device == "smoke-01" and ts >= NIGHT - 9 * MINUTE:
                mean = 6.4 + rng.random()
            row |= {"mean": mean, "low": mean * 0.94, "high": mean * 1.09}
        return row

    def latest(self) -> list[Row]:
        now = self.site_ms()
        start = now // WINDOW * WINDOW
        return [
            {"beat": place.beat, "device": place.id, **self.window(place.id, place.type, start, now)}
            for place in self.places.devices.values()
        ]

    def alerts(self, *, open_only: bool = False, limit: int = 200, since_ms: int | None = None) -> list[Row]:
        rows = [history[-1] for history in self.open_alerts.values()]
        rows = [row for row in rows if not open_only or row["state"] in {"raised", "acknowledged"}]
        rows = [row for row in rows if since_ms is None or row["changed_ms"] >= since_ms]
        return sorted(rows, key=lambda row: -row["raised_ms"])[:limit]

    def ended_alone(self, since_ms: int, limit: int = 50) -> list[Row]:
        return []

    def alert(self, alert: str) -> Row | None:
        return self.open_alerts[alert][-1] if alert in self.open_alerts else None

    def alert_history(self, alert: str) -> list[Row]:
        return self.open_alerts.get(alert, [])

    def anomalies(self, limit: int = 200) -> list[Row]:
        return []

    def hotspots(self) -> Row | None:
        spots = [
            (30, -150, "station-square", "4 thefts from bicycles within 300 m in 10 days, mostly 22-02 h",
             "10天内300米范围发生4起自行车盗窃，多在22时至2时"),
            (-480, -130, "old-town", "2 burglaries in 72 h within 180 m of each other",
             "72小时内相距180米发生2起入室盗窃"),
            (-300, 480, "north-market", "3 disturbances reported this week, all after midnight",
             "本周3起扰序警情，均在零点后"),
            (600, -130, "mill-lanes", "noise alarms on three nights", "连续三晚噪声报警"),
            (350, 150, "river-gardens", "1 robbery 4 days ago, fading", "4天前1起抢夺，影响减弱"),
        ]  # fmt: skip
        cells = []
        for rank, (x, y, beat, en, zh) in enumerate(spots, 1):
            lon, lat = at(x, y)
            risk = [1.0, 0.81, 0.55, 0.38, 0.22][rank - 1]
            cells.append(
                {"cell": f"r{rank:03d}c{rank:03d}", "beat": beat, "lon": lon, "lat": lat, "risk": risk, "rank": rank,
                 "expected": risk * 0.42, "drivers": {"en": en, "zh-CN": zh}, "lead": f"r{rank:03d}c{rank:03d}",
                 "place": {"en": f"{en[-8:]} Lane", "zh-CN": "灯笼街"}, "spot": {
                     "lon": lon, "lat": lat, "hours": [20, 23], "amount": {"en": "0.4 thefts.", "zh-CN": "盗窃0.4起。"},
                     "sure": {"en": "Probably 0.2 to 0.8.", "zh-CN": "大致范围：0.2至0.8起。"}}}
            )  # fmt: skip
        return {"ts": self.now - 4 * MINUTE, "horizon_s": 86_400, "cell_m": 150.0, "cells": cells}

    def health(self) -> list[Row]:
        rows = []
        for place in self.places.devices.values():
            row = {"beat": place.beat, "device": place.id, "start": self.now // WINDOW * WINDOW - WINDOW}
            row |= {"received": 5, "late": 0, "missing": 0, "duplicate": 0, "stuck": False, "silent": False}
            row |= {"skew_s": 0.4, "quality": 0.99, "online": True}
            bad: dict[str, Row] = {
                "camera-08": {"stuck": True, "quality": 0.35},
                "noise-03": {"online": False, "silent": True, "received": 0, "quality": 0.0},
                "gate-04": {"skew_s": 131.0, "quality": 0.7},
                "camera-11": {"missing": 3, "received": 2, "late": 1, "quality": 0.5},
            }
            rows.append(row | bad.get(place.id, {}))
        return rows

    def incidents(self, limit: int = 200, since_ms: int | None = None) -> list[Row]:
        lon, lat = at(30, -150)
        row = {"category": "theft", "provenance": "reported", "text": "Bicycle taken", "lon": lon, "lat": lat}
        return [row | {"id": f"i{n}", "ts": self.now - 400 * n * MINUTE} for n in range(1, 6)]

    def states(self, device: str, limit: int = 100) -> list[Row]:
        place = self.places.devices.get(device)
        if place is None or place.type not in {"door", "manhole"}:
            return []
        shut, opened = "closed", "open"
        metric = KINDS[place.type][0]
        return [
            {"metric": metric, "ts": self.now - minutes * MINUTE, "value": value}
            for minutes, value in [(400, shut), (250, opened), (249, shut), (94, opened), (92, shut)]
        ] + ([{"metric": metric, "ts": self.now - 6 * MINUTE, "value": opened}] if device == "door-01" else [])

    def gates(self, device: str | None = None, limit: int = 100) -> list[Row]:
        place = self.places.devices.get(device or "")
        if place is None or place.type != "gate":
            return []
        return [
            {"ts": self.now - 7 * MINUTE * i, "direction": "in" if i % 2 else "out", "allowed": i != 1,
             "vehicle": "car" if i % 3 else "van", "plate": f"h1:k1:{i * 7919:08x}a1", "seq": 100 - i}
            for i in range(1, 9)
        ]  # fmt: skip


def make_alert(reader: FakeReader, device: str, kind: str, minutes: float, **fields: Any) -> Row:
    """One revision of an alert about a device, raised so many minutes ago."""
    place = reader.places.devices[device]
    beat = reader.places.beats[place.beat]
    raised = reader.site_ms() - round(minutes * MINUTE)
    row: Row = {"id": f"a-{kind}-{device}", "revision": 1, "site": "demo", "beat": place.beat, "device": device}
    row |= {"kind": kind, "state": "raised", "severity": "warning", "raised_ms": raised, "changed_ms": raised}
    row |= {"lon": place.lon, "lat": place.lat, "confidence": 0.96, "by": "", "note": "", "cause_ms": raised}
    row |= {"cause_seq": 1}
    row["place"] = {lang: f"{beat.name[lang]} · {place.name[lang]}" for lang in ("en", "zh-CN")}
    row |= {"text": {"en": "", "zh-CN": ""}, "advice": {"en": "", "zh-CN": ""}}
    return row | fields


def invented_alerts(reader: FakeReader, now_ms: int) -> list[Row]:
    """What a night at the station may look like."""
    smoke = make_alert(
        reader, "smoke-01", "smoke", 1.4, severity="critical", confidence=0.98,
        text={"en": "Smoke density 6.4 %/m, above the limit of 4.0 since 02:57.",
              "zh-CN": "烟雾浓度6.4%/m，自02:57起超过限值4.0。"},
        advice={"en": "Send the nearest patrol, call the fire brigade (119) if smoke is seen.",
                "zh-CN": "就近派员核查，见烟立即拨打119。"},
    )  # fmt: skip
    surge = make_alert(
        reader, "camera-05", "surge", 21, severity="critical", confidence=0.93,
        text={"en": "41 people in 5 minutes, expected 4; 1 in 830,000. Since 02:38.",
              "zh-CN": "5分钟内41人，预期4人，概率约83万分之一，自02:38起持续。"},
        advice={"en": "Look at the camera picture; send two officers if a crowd or a fight is seen.",
                "zh-CN": "查看监控画面，如发现聚集或打斗，派两名民警到场。"},
    )  # fmt: skip
    door = make_alert(
        reader, "door-01", "door_open", 4, severity="warning", confidence=0.99,
        text={"en": "Fire door open for 2 minutes; usual longest at this hour: 20 seconds.",
              "zh-CN": "消防门已开启2分钟，此时段通常最长20秒。"},
        advice={"en": "Ask the building's guard to check and close it.", "zh-CN": "通知楼宇保安核查并关闭。"},
    )  # fmt: skip
    car = make_alert(
        reader, "gate-03", "stranger_vehicle", 12, severity="warning", confidence=0.88,
        text={"en": "Vehicle not on the list, not seen for 28 days, drove in at 02:47.",
              "zh-CN": "未登记车辆于02:47驶入，近28天未出现过。"},
        advice={"en": "Keep an eye on its way out; check with the gate's guard.",
                "zh-CN": "关注驶离情况，与门岗核实。"},
    )  # fmt: skip
    dead = make_alert(
        reader, "camera-08", "dead", 84, severity="warning", confidence=0.71,
        text={"en": "No people for 95 minutes where 6 are usual: camera blocked or failed.",
              "zh-CN": "95分钟内未检测到人，通常约6人：摄像头可能被遮挡或故障。"},
        advice={"en": "Check the picture; report to maintenance.", "zh-CN": "查看画面，报修。"},
    )  # fmt: skip
    seen = dead | {"revision": 2, "state": "acknowledged", "by": "王磊 Wang Lei", "changed_ms": now_ms - 71 * MINUTE}
    over = make_alert(
        reader, "manhole-02", "cover_open", 190, severity="critical",
        text={"en": "Manhole cover lifted.", "zh-CN": "井盖被移动。"},
        advice={"en": "Secure the place.", "zh-CN": "到场警戒。"},
    )  # fmt: skip
    done = over | {
        "revision": 3,
        "state": "cleared",
        "by": "陈静",
        "note": "Water company at work",
        "changed_ms": now_ms - 160 * MINUTE,
    }
    return [smoke, surge, door, car, dead, seen, over, done]
