"""Hotspot maps, series of incidents, and the backtest of forecasts."""

import numpy as np
import pytest
from msgspec import structs

from models.backtests.hotspot_backtest import IncidentFile, hotspots
from models.backtests.hotspot_baselines import baselines
from models.backtests.hotspot_scores import ceiling, compare, difference, expects, hit_rates, score
from models.hotspots import mixing
from models.hotspots.forecast import Forecast
from models.hotspots.grid import Grid, distance_m
from models.hotspots.kernels import KERNELS, TAUS
from models.hotspots.mixing import Fit, History
from models.hotspots.near_repeats import NearRepeats

BOUNDS = (121.40, 31.20, 121.44, 31.23)
NOW = 1_795_363_200_000
HOUR = 3_600_000
DAY = 24 * HOUR


def test_cells_have_names_centres_and_edges():
    grid = Grid(BOUNDS, 100.0)
    lon, lat = grid.centres()
    assert (grid.cell_of(lon, lat) == np.arange(grid.cells)).all()
    assert grid.cell_ids()[0] == "r000c000"
    assert grid.cell_ids()[grid.columns + 2] == "r001c002"
    assert grid.cell_of([121.39, 121.42, np.nan], [31.21, 31.5, 31.21]).tolist() == [-1, -1, -1]
    assert grid.cell_of(121.40, 31.20) == 0
    side = distance_m(lon[1], lat[1], lon[0], lat[0])
    assert side == pytest.approx(100.0, rel=0.01)


@pytest.mark.parametrize("bounds", [(1, 2, 0, 3), (0, 0, 400, 1), (0, 0, 90, 80)])
def test_bad_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match=r"bounds|cells"):
        Grid(bounds, 10.0)


def test_risk_rises_where_something_happened_and_fades():
    grid = Forecast(BOUNDS, 100.0)
    assert grid.risk(NOW).max() == 0
    assert grid.add(121.42, 31.215, NOW, 1.0, 0) == 1
    here = int(grid.cell_of(121.42, 31.215))
    assert grid.risk(NOW + HOUR).argmax() in {here, here - 1, here + 1}
    soon, later = grid.expected(NOW + HOUR, NOW + 25 * HOUR).sum(), grid.expected(NOW + 60 * DAY, NOW + 61 * DAY).sum()
    assert 0 < later < soon
    assert grid.add([0.0, 121.42], [0.0, 31.21], NOW, [1.0, np.nan], 0) == 0


def test_order_and_batches_do_not_matter():
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(121.40, 121.44, 200), rng.uniform(31.20, 31.23, 200)
    ts = NOW + rng.integers(0, 400 * 24 * HOUR, 200)
    one, two = Forecast(BOUNDS, 200.0), Forecast(BOUNDS, 200.0)
    one.add(lon, lat, ts, 1.0, 0)
    for at in rng.permutation(200):
        two.add(lon[at], lat[at], ts[at], 1.0, 0)
    end = NOW + 400 * 24 * HOUR
    np.testing.assert_allclose(one.intensity(end), two.intensity(end), rtol=1e-9)


def test_expected_is_the_rate_of_a_steady_process():
    rng = np.random.default_rng(2)
    grid = Forecast(BOUNDS, 200.0)
    days = 400
    ts = np.sort(NOW + rng.integers(0, days * 24 * HOUR, 3 * days))
    grid.add(rng.uniform(121.41, 121.43, len(ts)), rng.uniform(31.21, 31.22, len(ts)), ts, 1.0, 0)
    assert grid.expected(NOW + days * DAY, NOW + (days + 1) * DAY).sum() == pytest.approx(3.0, rel=0.35)


def test_drivers_and_recent_counts_explain_a_cell():
    grid = Forecast(BOUNDS, 100.0, drivers=3)
    grid.add([121.42] * 4, [31.215] * 4, [NOW, NOW + 1, NOW + 2, NOW - 80 * HOUR], 1.0, [1, 1, 1, 2])
    cell = grid.cell_of(121.42, 31.215)
    shares = grid.drivers([cell], NOW + HOUR)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0, 1] > shares[0, 2] > 0 == shares[0, 0]
    assert grid.recent_counts([cell], NOW + HOUR).tolist() == [[0, 3, 0]]


def memory(fit: Fit) -> np.ndarray:
    """Share of each forgetting time."""
    return np.array(fit.share[:KERNELS]).reshape(len(TAUS), -1).sum(axis=1)


def test_the_mix_finds_out_which_city_it_is_in():
    rng = np.random.default_rng(3)
    grid = Forecast(BOUNDS, 200.0)
    day = np.repeat(np.arange(280), 1)
    ts = NOW + day * DAY + HOUR
    zeros = np.zeros(len(day), dtype=np.int64)
    places = rng.uniform(121.402, 121.438, 400), rng.uniform(31.202, 31.228, 400)
    # Where things happen moves every week: a long memory is of no use. Or it never moves.
    moving, fixed = day // 7, rng.integers(0, 4, len(day))
    short, long = (
        memory(grid.fit(History(places[0][at], places[1][at], ts, np.ones(len(at)), zeros), NOW + 280 * DAY))
        for at in (moving, fixed)
    )
    assert short[:2].sum() > 0.5
    assert long[-2:].sum() > 0.3
    assert long[:2].sum() < 0.1


@pytest.mark.parametrize("what", ["steady", "a gap in the data", "reporting that doubled"])
def test_a_short_history_says_where_apart_from_how_many(what):
    rng = np.random.default_rng(50)
    day = rng.uniform(0, 600, 900)
    if what == "a gap in the data":
        day = day[(day < 250) | (day > 480)]
    elif what == "reporting that doubled":
        day = np.append(day, rng.uniform(450, 600, 225))
    grid, now = Forecast(BOUNDS, 250.0), NOW + 600 * DAY
    true = np.exp(1.5 * rng.normal(size=grid.cells))
    true /= true.sum()
    row, column = np.divmod(rng.choice(grid.cells, len(day), p=true), grid.columns)
    lon = grid.bounds[0] + (column + rng.random(len(day))) * grid.lon_step
    lat = grid.bounds[1] + (row + rng.random(len(day))) * grid.lat_step
    grid.add(lon, lat, NOW + (np.sort(day) * DAY).astype(np.int64), 1.0, 0)
    fit = grid.fit(grid.history(), now)
    assert memory(fit)[:4].sum() < 0.12 * memory(fit).sum()
    grid.take(fit)
    expected = grid.expected(now, now + DAY)
    best = np.argsort(-expected)[: grid.cells // 10]
    # As sharp as it is right.
    assert expected[best].sum() / expected.sum() == pytest.approx(true[best].sum(), abs=0.09)


def test_a_history_that_ended_before_it_could_be_looked_back_on_changes_nothing():
    grid, rng = Forecast(BOUNDS, 500.0), np.random.default_rng(3)
    grid.add(rng.uniform(121.41, 121.43, 150), 31.21, NOW + rng.integers(0, 30 * DAY, 150), 1.0, 0)
    fit = grid.fit(grid.history(), NOW + 200 * DAY)
    assert (fit.share, fit.power, fit.members) == (mixing.USUAL.tolist(), 1.0, [])


def test_a_fit_travels_as_bytes_and_is_checked(monkeypatch):
    monkeypatch.setattr(mixing, "_LEAST_FOR_TREES", 300)
    monkeypatch.setattr(mixing, "_GROWN", ((True, 2, 20), (False, 3, 60)))
    rng = np.random.default_rng(5)
    days = 200
    ts = np.sort(NOW + rng.integers(0, days * DAY, 450))
    lon, lat = rng.normal(121.42, 0.004, 450), rng.normal(31.215, 0.003, 450)
    grid = Forecast(BOUNDS, 500.0)
    grid.add(lon, lat, ts, 1.0, 0)
    before = grid.expected(NOW + days * DAY, NOW + (days + 1) * DAY)
    fit = grid.fit(grid.history(), NOW + days * DAY)
    assert fit == grid.fit(grid.history(), NOW + days * DAY)
    assert Fit.decode(fit.encode()) == fit
    assert grid.fitted_ms == 0
    grid.take(fit)
    after = grid.expected(NOW + days * DAY, NOW + (days + 1) * DAY)
    assert grid.fitted_ms == NOW + days * DAY
    assert (before != after).any()
    assert after.sum() == pytest.approx(before.sum(), rel=0.3)
    again = Forecast(BOUNDS, 500.0)
    again.restore(grid.capture())
    np.testing.assert_array_equal(again.expected(NOW + days * DAY, NOW + (days + 1) * DAY), after)
    for bad in (b"", b"\x80", structs.replace(fit, share=[1.0]).encode(), structs.replace(fit, scale=-1.0).encode()):
        with pytest.raises(ValueError, match=r"."):
            Fit.decode(bad)


def test_a_fit_without_a_power_keeps_nothing_of_the_fit_before_it():
    grid, plain = Forecast(BOUNDS, 250.0), Forecast(BOUNDS, 250.0)
    for one in (grid, plain):
        one.add([121.41, 121.43], [31.21, 31.22], NOW, 1.0, 0)
    found = plain.fit(plain.history(), NOW + DAY)
    grid.take(structs.replace(found, power=1.3))
    sharper = grid.expected(NOW + DAY, NOW + 2 * DAY)
    for one in (grid, plain):
        one.take(found)
    np.testing.assert_array_equal(grid.expected(NOW + DAY, NOW + 2 * DAY), plain.expected(NOW + DAY, NOW + 2 * DAY))
    assert (sharper != plain.expected(NOW + DAY, NOW + 2 * DAY)).any()


def test_an_incident_of_later_changes_no_fit_of_earlier():
    rng = np.random.default_rng(6)
    ts = np.sort(NOW + rng.integers(0, 300 * DAY, 300))
    whole = History(
        rng.uniform(121.41, 121.43, 300), rng.uniform(31.21, 31.22, 300), ts, np.ones(300), np.zeros(300, int)
    )
    grid, until = Forecast(BOUNDS, 500.0), NOW + 200 * DAY
    assert grid.fit(whole, until) == grid.fit(whole.where(ts < until), until)


def test_what_lay_beside_the_grid_teaches_a_fit_nothing():
    rng = np.random.default_rng(8)
    grid, now = Forecast(BOUNDS, 500.0), NOW + 200 * DAY
    ts = np.sort(NOW + rng.integers(0, 200 * DAY, 300))
    lon, lat = rng.uniform(121.41, 121.43, 300), rng.uniform(31.21, 31.22, 300)
    outside = rng.random(300) < 0.3
    all_of_it = History(np.where(outside, 120.0, lon), lat, ts, np.ones(300), np.zeros(300, dtype=np.int64))
    found, inside = (grid.fit(one, now) for one in (all_of_it, all_of_it.where(~outside)))
    np.testing.assert_allclose(found.share, inside.share)


def test_hours_and_kinds_of_day_follow_what_happened_nearby():
    grid = Forecast(BOUNDS, 200.0)
    monday = NOW - NOW % DAY - ((NOW // DAY + 3) % 7) * DAY
    nights = monday + np.arange(100) * DAY + 22 * HOUR
    grid.add(121.41, 31.21, nights, 1.0, 0)
    cell = int(grid.cell_of(121.41, 31.21))
    begin = monday + 105 * DAY
    by_hour = grid.by_hour([cell], begin, begin + 28 * DAY)
    assert by_hour.argmax() == 22
    assert by_hour.sum() == pytest.approx(grid.expected(begin, begin + 28 * DAY)[cell])
    night, noon = (grid.expected(begin + hour * HOUR, begin + (hour + 1) * HOUR)[cell] for hour in (22, 12))
    assert night > 3 * noon
    low, high = grid.spread(begin, begin + DAY)
    assert (low <= grid.expected(begin, begin + DAY)).all()
    assert (grid.expected(begin, begin + DAY) <= high).all()
    place = grid.spread(begin, begin + DAY, [[cell, cell + 1]])
    assert (low[cell] + low[cell + 1], high[cell] + high[cell + 1]) != (place[0][0], place[1][0])


def test_without_a_history_it_says_so_and_sensors_raise_the_risk_for_a_day():
    grid = Forecast(BOUNDS, 200.0)
    assert grid.knows() == "prior"
    assert 0 < grid.expected(NOW, NOW + DAY).sum() < 1
    assert grid.excite(121.42, 31.215, NOW, 0.5, 0)
    assert not grid.excite(0.0, 0.0, NOW, 0.5, 0)
    assert grid.knows() == "sensors"
    cell = int(grid.cell_of(121.42, 31.215))
    assert grid.risk(NOW + HOUR).argmax() == cell
    fresh, stale = (grid.intensity(NOW + after)[cell] for after in (HOUR, 7 * DAY))
    assert fresh > 3 * stale
    grid.add(121.42, 31.215, NOW, 1.0, 0)
    assert grid.knows() == "young"


def test_other_cells_keep_what_is_known_where_it_was():
    grid = Forecast(BOUNDS, 100.0)
    grid.add([121.42] * 30, [31.215] * 30, NOW + np.arange(30) * HOUR, 1.0, 0)
    grid.excite(121.41, 31.21, NOW + DAY, 0.5, 1)
    wider = Forecast((121.38, 31.19, 121.46, 31.24), 150.0)
    wider.take_over(grid)
    assert wider.intensity(NOW + 2 * DAY).argmax() == wider.cell_of(121.42, 31.215)
    lon, lat = wider.centres()
    noticed = wider.maps.live(NOW + 2 * DAY).argmax()
    assert distance_m(lon[noticed], lat[noticed], 121.41, 31.21) < 200
    assert wider.history().ts_ms.tolist() == grid.history().ts_ms.tolist()


def test_three_in_three_days_and_three_streets_are_a_series():
    series = NearRepeats()
    assert series.add("burglary", 121.4, 31.2, NOW) is None
    assert series.add("burglary", 121.4, 31.2011, NOW + 20 * HOUR) is None
    assert series.add("theft", 121.4, 31.2, NOW + 21 * HOUR) is None
    assert series.add("burglary", 121.4, 31.25, NOW + 22 * HOUR) is None
    found = series.add("burglary", 121.4, 31.2005, NOW + 40 * HOUR)
    assert found is not None
    assert found.count == 3
    assert (found.lon, found.lat) == pytest.approx((121.4, (31.2 + 31.2011 + 31.2005) / 3))
    again = series.add("burglary", 121.4, 31.2, NOW + 50 * HOUR)
    assert again is not None
    assert again.count == 4
    assert series.add("burglary", 121.4, 31.2, NOW + 200 * HOUR) is None


def small_city(days: int = 60, count: int = 300) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(4)
    ts = NOW - NOW % DAY + np.sort(rng.integers(0, days * DAY, count))
    lon, lat = rng.normal(121.42, 0.004, count), rng.normal(31.215, 0.003, count)
    return ts, lon, lat


def test_forecasts_and_baselines_know_nothing_of_the_future():
    ts, lon, lat = small_city()
    start = NOW - NOW % DAY
    rng = np.random.default_rng(5)
    points = (rng.uniform(121.40, 121.44, 400), rng.uniform(31.20, 31.23, 400))
    upto = ts < start + 45 * DAY
    file = IncidentFile(ts, lon, lat, points, start + 30 * DAY)
    before = IncidentFile(ts[upto], lon[upto], lat[upto], points, start + 30 * DAY)
    whole, part = hotspots(file), hotspots(before)
    days = len(part.day_ms)
    assert (whole.risk[:days] == part.risk).all()
    assert whole.fit == part.fit
    rates = hit_rates(whole.risk, whole.hits)
    assert rates[0.1] > 0.2
    assert whole.hits.sum() + whole.outside == (ts >= start + 30 * DAY).sum()
    for (name, one), other in zip(baselines(file).items(), baselines(before).values(), strict=True):
        assert one.shape == whole.risk.shape
        np.testing.assert_array_equal(one[:days], other, err_msg=name)


def test_scores_of_one_who_knows_and_one_who_does_not():
    rng = np.random.default_rng(7)
    rate = rng.gamma(0.5, 0.1, 400)
    hits = rng.poisson(rate, (140, 400)).astype(np.int32)
    knows = np.tile(rate, (140, 1)).astype(np.float32)
    guesses = rng.random((140, 400)).astype(np.float32)
    told = compare(knows, guesses, hits)
    assert told["0.1"]["difference"] == "better"
    assert compare(guesses, knows, hits)["0.1"]["difference"] == "worse"
    assert compare(knows, knows, hits)["0.1"] == {"by": 0.0, "low": 0.0, "high": 0.0, "difference": "none"}
    assert abs(expects(knows, 0.1) - hit_rates(knows, hits)[0.1]) < 0.03
    assert abs(ceiling(hits.sum(axis=0))[0.1] - hit_rates(knows, hits)[0.1]) < 0.04
    assert score(hits.astype(np.float32), hits)["pei"]["0.05"] == 1.0
    days = np.ones(14, dtype=np.int64)
    assert difference(days, 0 * days, 2 * days) == (0.5, 0.5, 0.5)


def test_no_forecast_day_and_no_domain_are_told():
    one = np.array([121.42]), np.array([31.21])
    with pytest.raises(ValueError, match="no incident lies on or after"):
        IncidentFile(np.array([NOW]), *one, one, NOW + 10 * 24 * HOUR)
    with pytest.raises(ValueError, match="no usable point"):
        IncidentFile(np.array([NOW]), *one, (np.array([np.nan]), np.array([1.0])), NOW)
