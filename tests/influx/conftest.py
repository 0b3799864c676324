import pytest

from tests.influx.servers import One, Two, running


@pytest.fixture(scope="session")
def one(tmp_path_factory):
    with running(One, tmp_path_factory.mktemp("influx1")) as server:
        yield server


@pytest.fixture(scope="session")
def two(tmp_path_factory):
    with running(Two, tmp_path_factory.mktemp("influx2")) as server:
        yield server


@pytest.fixture(params=["one", "two"])
def server(request):
    return request.getfixturevalue(request.param)
