"""Bodies of cameras: whatever their encoding, boundary or length says, and whoever wants to hurt with them."""

import pytest

from ingest.codecs.bodies import parts_of, read_xml
from ingest.codecs.lenient import UnreadableError, text_of
from ingest.vocabulary import Reason

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\r\n--x\r\n--boundarx{}\xff\xd9"


def body(*parts, boundary="boundary", end=True, line=b"\r\n"):
    whole = b""
    for content_type, content in parts:
        whole += b"--" + boundary.encode() + line + b"Content-Type: " + content_type.encode() + line
        whole += b"Content-Length: 7" + line + line + content + line
    return whole + (b"--" + boundary.encode() + b"--" + line if end else b"")


XML, PICTURE = ("application/xml", b"<a><b>1</b></a>"), ("image/jpeg", JPEG)


def texts(payload, content_type=""):
    return [one.content.strip() for one in parts_of(payload, content_type)]


@pytest.mark.parametrize("header", ["multipart/form-data; boundary=boundary", 'multipart/mixed; boundary="boundary"'])
@pytest.mark.parametrize("parts", [(XML, PICTURE), (PICTURE, XML), (PICTURE, XML, PICTURE)])
@pytest.mark.parametrize("end", [True, False])
def test_pictures_are_passed_over_and_wrong_lengths_do_not_matter(header, parts, end):
    assert texts(body(*parts, end=end), header) == [XML[1]]


@pytest.mark.parametrize(
    "boundary", ["MIME_boundary", "---------------------------7e13971310878", "<frontier>", "a'b(c)+_,-./:=?"]
)
@pytest.mark.parametrize(
    "header",
    [
        "multipart/form-data; boundary={}",
        "",
        "multipart/mixed",
        "application/octet-stream",
        "multipart/mixed; boundary=other",
    ],
)
def test_any_boundary_is_taken_also_where_the_header_names_another(boundary, header):
    assert texts(body(XML, PICTURE, boundary=boundary), header.format(f'"{boundary}"')) == [XML[1]]


def test_lines_may_end_without_cr_and_something_may_stand_before_the_first_boundary():
    assert texts(body(XML, PICTURE, line=b"\n")) == [XML[1]]
    assert texts(b"\r\n\r\n" + body(XML), "multipart/mixed; boundary=boundary") == [XML[1]]
    assert texts(b"preamble\r\n" + body(XML), "multipart/mixed; boundary=boundary") == [XML[1]]
    assert texts(body(XML), "multipart/mixed; boundary=--boundary") == [XML[1]]


def test_a_picture_is_known_by_its_first_bytes_where_nothing_says_so():
    assert texts(body(("application/octet-stream", JPEG), XML)) == [XML[1]]
    assert texts(JPEG, "image/jpeg") == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (body(*[XML] * 100), Reason.SIZE),
        (body(("text/plain", b"x" * 300_000)), Reason.SIZE),
        (b"--boundary\r\n" + b"x" * 100_000, Reason.TYPE),
        (b"--boundary\r\n" + b"a: b\r\n" * 1000, Reason.TYPE),
    ],
)
def test_a_bomb_of_parts_or_headers_is_refused(payload, reason):
    with pytest.raises(UnreadableError) as refused:
        texts(payload, "multipart/form-data; boundary=boundary")
    assert refused.value.reason == reason


@pytest.mark.parametrize("declared", ["utf-8", "GB2312", "gbk", "GB18030", ""])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
@pytest.mark.parametrize("plate", ["京A12345", "蓝京A12345"])
def test_chinese_is_read_whatever_the_declaration_says(declared, encoding, plate):
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    text = f"{head}<a><channelName>东门 A&B <!-- x --></channelName><licensePlate>{plate}</licensePlate></a>"
    assert read_xml(text.encode(encoding))["licenseplate"] == plate


@pytest.mark.parametrize("plate", ["鲁A12345", "京A12345", "湘B12345"])
def test_gbk_that_could_be_utf8_is_told_by_its_declaration_or_by_a_plate(plate):
    assert text_of(plate.encode("gbk"), "gb2312") == plate
    assert text_of(plate.encode("gbk")) == plate
    assert text_of("Café".encode(), "utf-8") == "Café"


def test_xml_that_cameras_write_wrongly_is_mended():
    found = read_xml(
        b'\xef\xbb\xbf\r\n<?xml version="1.0" encoding="UTF-8"?><ns:A xmlns:ns="urn:x">'
        b"<ns:Name>R&D\x01 &amp; &#38; &no;</ns:Name>"
        b"<n/><List><E>1</E><E>2</E></List></ns:A>\0\0\r\n"
    )
    assert found == {"name": "R&D & & &no;", "n": "", "list": {"e": ["1", "2"]}}


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;&b;">]><a>&d;</a>',
        '<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        '<?xml version="1.0" encoding="GBK"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "<a>" * 100 + "</a>" * 100,
        "<a><b></a>",
        "",
        "no XML",
        "<a>\ud83d</a>",
    ],
)
def test_entities_depth_and_broken_xml_are_refused_without_quoting_it(text):
    with pytest.raises(UnreadableError) as refused:
        read_xml(text.encode("utf-8", "surrogatepass"))
    assert refused.value.reason in {Reason.XML, Reason.JSON}
    assert "passwd" not in refused.value.detail


@pytest.mark.parametrize("text", ["<a>" + "<b/>" * 50_000 + "</a>", "<a>" + "x" * 200_000 + "</a>"])
def test_xml_that_is_too_large_is_refused_before_it_is_read(text, monkeypatch):
    monkeypatch.setattr("ingest.codecs.bodies.fromstring", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(UnreadableError) as refused:
        read_xml(text.encode())
    assert refused.value.reason == Reason.SIZE


def test_prefixes_that_nothing_explains_are_left_out():
    text = b'<h:Alert xsi:schemaLocation="a b" version="2.0"><h:count>3</h:count><name>a: b</name></h:Alert>'
    assert read_xml(text) == {"count": "3", "name": "a: b"}
