"""What the context forest finds, and how often it is wrong, on weeks of simulated sites.

``python -m benchmarks.context_quality --sites 12 --json docs/img/context.json``

Every site lives four weeks, is trained on the last two, and lives two more: once with nothing unusual, once with
mixtures in which every device moves by 0.8 or 1.2 standard deviations for three quarters of an hour. A mixture is
found by the forest if an episode begins in it, and by the devices if any device of the beat is in alarm in it. Beside
it an isolation forest on the plain sums, the time and the day, at the threshold that gives it the same false alarms.
"""

import argparse
import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context_life import A_DAY, CALENDAR, WINDOW_S, Mixture, Neighbourhoods, site_of
from models.context import beat_forest as context
from models.context.beat_forest import BeatForest, Episodes, Recent
from models.context.forest_training import BeatHistory, grow, train

BEATS = 6
LEARNT = 14
"""Days trained on, as the node has it."""
LASTS = 9
"""Windows of a mixture."""
KINDS = {
    "few people, many vehicles": (-1.0, 1.0, 0.0),
    "many people, few vehicles": (1.0, -1.0, 0.0),
    "a crowd without vehicles, loud": (1.0, -1.0, 1.0),
    "more of everything": (1.0, 1.0, 1.0),
    "more people alone": (1.0, 0.0, 0.0),
    "(nothing)": (0.0, 0.0, 0.0),
}
SIZES = (0.8, 1.2)


def planned(sites: int, first_day: int, days: int, seed: int) -> list[tuple[str, float, bool, Mixture]]:
    """One mixture a beat and day, by night or by day: (kind, size, by night, mixture)."""
    rng = np.random.default_rng(seed)
    names = list(KINDS)
    found = []
    for day in range(first_day, first_day + days):
        for beat in range(sites * BEATS):
            kind, size = names[rng.integers(len(names))], SIZES[rng.integers(len(SIZES))]
            night = bool(rng.integers(2))
            hour = rng.integers(0, 5) if night else rng.integers(8, 21)
            first = day * A_DAY + int(hour) * 12
            people, vehicles, noise = KINDS[kind]
            shift = (size * people, size * vehicles, size * noise)
            found.append((kind, size, night, Mixture(beat, first, first + LASTS, shift)))
    return found


def spans(before: BeatHistory, history: BeatHistory) -> Iterator[tuple[int, np.ndarray]]:
    """Window number and sums of the span, with the hour before as a run-up."""
    recent = Recent(WINDOW_S, history.sums.shape[-1])
    for start, window in zip(before.start_ms[-12:].tolist(), before.sums[-12:], strict=True):
        recent.push(start, window)
    for start, window in zip(history.start_ms.tolist(), history.sums, strict=True):
        yield start, recent.push(start, window)


def surprises(forest: BeatForest, before: BeatHistory, history: BeatHistory) -> np.ndarray:
    places = np.arange(BEATS)
    return np.array([forest.judge(places, at, span, CALENDAR).surprise for at, span in spans(before, history)])


def raw_features(before: BeatHistory, history: BeatHistory) -> np.ndarray:
    """Plain sums of the last half hour, and the time: (windows, beats, features)."""
    rows = []
    for at, span in spans(before, history):
        day_class, second = CALENDAR.local(at)
        turn = float(second) * 2 * np.pi / 86_400
        seen = span[context.OBSERVED]
        noise = seen[2] / np.maximum(span[context.DEVICES, 2], 1)
        time_of = np.tile([np.sin(turn), np.cos(turn), float(day_class)], (BEATS, 1))
        rows.append(np.column_stack([np.log1p(seen[0]), np.log1p(seen[1]), noise, time_of]))
    return np.array(rows)


def beginnings(surprise: np.ndarray, alarmed: np.ndarray) -> np.ndarray:
    """Where an episode begins, (windows, beats)."""
    episodes, out = Episodes(surprise.shape[1]), np.zeros(surprise.shape, dtype=bool)
    for row, (seen, device) in enumerate(zip(surprise, alarmed, strict=True)):
        within = episodes.onset_ms > 0
        episodes.step(row + 1, seen, device)
        out[row] = (episodes.onset_ms > 0) & ~within
    return out


def run(sites: int, seed: int, learn: int = 28, days: int = 14) -> dict[str, Any]:
    began = time.perf_counter()
    lives = Neighbourhoods(sites, seed)
    past = lives.live(learn)
    plan = planned(sites, learn, days, seed)
    quiet = copy.deepcopy(lives).live(days)
    mixed = lives.live(days, [mixture for *_, mixture in plan])
    simulated_s = time.perf_counter() - began
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("quiet", "mixed", "raw quiet", "raw mixed")}
    train_s = []
    newest = slice(-LEARNT * A_DAY, None)
    past = BeatHistory(past.beats, past.start_ms[newest], past.sums[newest], past.alarmed[newest])
    for site in range(sites):
        old, new, other = (site_of(history, site) for history in (past, quiet, mixed))
        began = time.process_time()
        forest = train(old, CALENDAR, WINDOW_S, seed=seed + site)
        train_s.append(time.process_time() - began)
        columns["quiet"].append(surprises(forest, old, new))
        columns["mixed"].append(surprises(forest, old, other))
        run_up = BeatHistory(old.beats, old.start_ms[:12], old.sums[:12], old.alarmed[:12])
        plain = grow(raw_features(run_up, old)[~old.alarmed], seed=seed + site)
        for name, history in (("raw quiet", new), ("raw mixed", other)):
            x = raw_features(old, history)
            columns[name].append(plain.score(x.reshape(-1, x.shape[-1])).reshape(x.shape[:2]))
    scores = {name: np.concatenate(parts, axis=1) for name, parts in columns.items()}
    weeks = sites * BEATS * days / 7
    wrong = beginnings(scores["quiet"], quiet.alarmed).sum() / weeks
    limit = same_false(scores["raw quiet"], quiet.alarmed, wrong * weeks)
    found = {
        "forest": beginnings(scores["mixed"], mixed.alarmed),
        "raw forest": beginnings(np.where(scores["raw mixed"] >= limit, 9.0, 0.0), mixed.alarmed),
    }
    ordinary = scores["quiet"][~quiet.alarmed]
    return {
        "beat_weeks": weeks,
        "false_a_beat_week": wrong,
        "devices_false_a_beat_week": runs(quiet.alarmed) / weeks,
        "share_of_windows": {str(p): float((10.0**-ordinary <= p).mean()) for p in (0.1, 0.01, 1e-3, 5e-4)},
        "train_s": float(np.median(train_s)),
        "simulated_s": simulated_s,
        "found": tally(plan, found, mixed.alarmed, learn),
    }


def same_false(score: np.ndarray, alarmed: np.ndarray, wanted: float) -> float:
    """The lowest threshold with at most so many false episodes."""
    for limit in np.quantile(score, 1 - np.geomspace(1e-2, 1e-6, 60)):
        if beginnings(np.where(score >= limit, 9.0, 0.0), alarmed).sum() <= wanted:
            return float(limit)
    return float(score.max())


def runs(alarmed: np.ndarray) -> int:
    return int((alarmed[1:] & ~alarmed[:-1]).sum())


def tally(
    plan: list[tuple[str, float, bool, Mixture]], found: dict[str, np.ndarray], alarmed: np.ndarray, learn: int
) -> list[dict[str, Any]]:
    groups: dict[tuple[str, float, bool], list[Mixture]] = {}
    for kind, size, night, mixture in plan:
        groups.setdefault((kind, 0.0 if kind == "(nothing)" else size, night), []).append(mixture)
    table = []
    for (kind, size, night), mixtures in sorted(groups.items()):
        hits: dict[str, list[bool]] = {name: [] for name in (*found, "devices", "only the forest")}
        delay = []
        for mixture in mixtures:
            rows = slice(mixture.first - learn * A_DAY, mixture.last - learn * A_DAY + 2)
            device = bool(alarmed[rows, mixture.beat].any())
            for name, begun in found.items():
                hits[name].append(bool(begun[rows, mixture.beat].any()))
            hits["devices"].append(device)
            hits["only the forest"].append(hits["forest"][-1] and not device)
            if hits["forest"][-1]:
                delay.append((int(np.argmax(found["forest"][rows, mixture.beat])) + 1) * WINDOW_S / 60)
        row: dict[str, Any] = {"kind": kind, "size": size, "night": night, "n": len(mixtures)}
        row |= {name: float(np.mean(values)) for name, values in hits.items()}
        table.append(row | {"delay_min": float(np.median(delay)) if delay else None})
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sites", type=int, default=12, help="sites of six beats each (default 12)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args()
    out = run(options.sites, options.seed)
    for name, value in out.items():
        if name != "found":
            print(f"{name}: {value}")
    print("| mixture | σ | when | n | devices | forest | only the forest | raw forest | delay, min |\n|" + "---|" * 9)
    for row in out["found"]:
        shares = " | ".join(f"{row[name]:.2f}" for name in ("devices", "forest", "only the forest", "raw forest"))
        when = "night" if row["night"] else "day"
        print(f"| {row['kind']} | {row['size']:g} | {when} | {row['n']} | {shares} | {row['delay_min']} |")
    if options.json:
        options.json.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
