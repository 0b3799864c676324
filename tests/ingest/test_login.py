"""Where a broker is and who a client is to it: secrets stay secret, and files that cannot be used are named."""

import ssl

import pytest

from ingest.login import BrokerAddress, Login


def test_the_password_comes_from_the_environment_or_the_first_line_of_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text("from-file \nsecond line\n", encoding="utf-8")
    assert Login().secret() == ""
    assert Login(password_file=file).secret() == "from-file"
    given = {"password": "from-environment", "password_file": file}
    assert Login(**given).secret() == "from-environment"
    with pytest.raises(ValueError, match=r"password_file: .*nowhere cannot be read"):
        Login(password_file=tmp_path / "nowhere").secret()


def test_a_password_is_not_printed():
    broker = BrokerAddress(host="10.0.0.5", username="cam", password="hush")  # noqa: S106 - of nothing
    assert "hush" not in f"{broker!r} {broker}"
    assert str(broker) == "10.0.0.5:1883"
    assert "username='cam'" in repr(broker)


def test_tls_checks_the_broker_and_names_a_missing_file(tmp_path):
    assert Login().tls_context() is None
    context = Login(tls=True).tls_context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pem"):
        Login(tls=True, tls_ca=tmp_path / "nowhere.pem").tls_context()
