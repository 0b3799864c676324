"""What `patrolgrid status --json` says of a store."""

from console.commands.common import FoundSite
from console.commands.status import gather
from ingest.batch import Kind
from stream.results import SeriesKey
from stream.sinks.reader import StoreReader
from stream.sinks.store import StoreSink
from tests.stream import make_results as make


def test_a_level_and_a_state_of_one_name_are_two_series_with_their_own_windows(tmp_path):
    catalog = [SeriesKey("b1", "smoke-1", Kind.LEVEL, "smoke"), SeriesKey("b1", "smoke-1", Kind.STATE, "smoke")]
    sink = StoreSink(tmp_path / "store.db", "s1")
    sink.write([make.results(1, catalog=catalog, windows=[make.windows({"n": 60}, {"series": 1, "n": 1})])])
    sink.close()
    reader = StoreReader(tmp_path / "store.db")
    series = gather(FoundSite("s1", tmp_path), reader)["series"]
    reader.close()
    assert [(row["kind"], row["latest"]["n"]) for row in series] == [("level", 60), ("state", 1)]
