"""Detection: the stages that look at observations and windows, and what state they have together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import Kind
from models.calendar import Calendar
from stream.config import PipelineConfig
from stream.detect.context_stage import Context
from stream.detect.counting import Counting
from stream.detect.findings import Findings
from stream.detect.late import HISTORY, Late
from stream.detect.leveling import Leveling
from stream.detect.rules_stage import Rules
from stream.detect.taught import Learnt
from stream.results import WindowRows
from stream.windows.catalog import Catalog
from stream.windows.quality import Quality


class Detection:
    """Rules, counting, leveling and the beats' context of a shard."""

    def __init__(self, config: PipelineConfig, catalog: Catalog, quality: Quality) -> None:
        site = config.site
        holidays = tuple(date.fromisoformat(day) for day in site.holidays)
        calendar = Calendar(site.timezone, site.country or None, holidays)
        findings = self.findings = Findings(catalog, quality)
        self.catalog = catalog
        self.rules = Rules(calendar, findings)
        self.counting = Counting(config.pipeline.window_s, calendar, findings)
        self.leveling = Leveling(config.pipeline.window_s, calendar, findings)
        self.context = Context(config.pipeline.window_s, calendar, findings)
        self.late = {Kind.COUNT: Late(), Kind.LEVEL: Late()}
        """What the baselines are still to learn, by kind."""
        self.learnt = Learnt(config.pipeline.window_s)
        """Which windows they have learnt."""

    def add_series(self, added: list[int]) -> None:
        """Give new series their models and rules."""
        size = len(self.catalog.series)
        self.rules.add_series(added, size)
        for kind, stage in ((Kind.COUNT, self.counting), (Kind.LEVEL, self.leveling)):
            mine = [index for index in added if self.catalog.series[index].kind == kind]
            stage.add_series(np.array(mine, dtype=np.int64), size)
        self.context.add_series(added)

    def learn_late(self) -> list[WindowRows]:
        """Let the baselines learn what came late, which raises nothing; return what they expect of it."""
        recalled: list[WindowRows] = []
        if self.late[Kind.COUNT].rows:
            counts = self._fresh(self.late[Kind.COUNT].take())
            self.counting.amend(**counts)
            if len(counts["series"]) >= HISTORY:
                recalled = self.counting.recall(counts["series"], counts["number"], counts["exposure"])
        if self.late[Kind.LEVEL].rows:
            levels = self._fresh(self.late[Kind.LEVEL].take())
            if len(levels["series"]):
                self.leveling.amend(**levels)
        return recalled

    def _fresh(self, late: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Leave out windows that history has taught already, and note the others as learnt."""
        fresh = ~self.learnt.from_history(late["series"], late["number"])
        kept = {name: values[fresh] for name, values in late.items()}
        self.learnt.late(kept["series"], kept["number"])
        return kept

    def teach(
        self,
        kind: Kind,
        series: NDArray[np.int64],
        number: NDArray[np.int64],
        value: NDArray[np.float64],
        exposure: NDArray[np.float64],
        recent: int,
    ) -> list[WindowRows]:
        """Let the baselines of a kind learn history; return what they expect from window number `recent` on."""
        if not len(series):
            return []
        stage = self.counting if kind == Kind.COUNT else self.leveling
        stage.amend(series, number, value, exposure)
        self.learnt.taught(series, number)
        lately = number >= recent
        if kind == Kind.COUNT and lately.any():
            return self.counting.recall(series[lately], number[lately], exposure[lately])
        return []

    def close(self, number: int, fields: Mapping[str, NDArray[Any]]) -> None:
        """Test a closed window and learn from it."""
        self.counting.close(number, fields)
        self.leveling.close(number, fields)
        self.context.close(number, fields)
        counted, measured = self.counting.series, self.leveling.series
        learnt = [counted[fields["exposure"][counted] > 0], measured[fields["n"][measured] > 0]]
        self.learnt.live(np.concatenate(learnt), number)

    def stuck_devices(self, devices: int) -> NDArray[np.bool_]:
        """Return which devices, shape (devices,), have a reading that does not change."""
        stuck = np.zeros(devices, dtype=np.bool_)
        series = np.flatnonzero(self.leveling.stuck)
        stuck[self.catalog.series_device[series]] = True
        return stuck

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state of all stages as arrays."""
        state: dict[str, NDArray[Any]] = {}
        for name, stage in self._stages().items():
            state |= {f"{name}/{key}": values for key, values in stage.arrays().items()}
        return state

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `arrays` gave. The catalogue must have been loaded before."""
        for name, stage in self._stages().items():
            prefix = f"{name}/"
            stage.load({key.removeprefix(prefix): v for key, v in arrays.items() if key.startswith(prefix)})
        self.add_series(list(range(len(self.catalog.series))))

    def _stages(self) -> dict[str, Rules | Counting | Leveling | Context | Late | Learnt]:
        stages: dict[str, Rules | Counting | Leveling | Context | Late | Learnt] = {
            "rules": self.rules,
            "counting": self.counting,
            "leveling": self.leveling,
            "context": self.context,
            "learnt": self.learnt,
        }
        return stages | {f"late_{kind.name.lower()}": waiting for kind, waiting in self.late.items()}
