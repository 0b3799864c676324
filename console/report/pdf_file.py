"""A page as a PDF, by WeasyPrint: it lays out HTML and CSS for paper without a browser."""

from pathlib import Path

from console.errors import CommandError
from ingest.files import replace_file
from ingest.setup.extras import load

_APT = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk"


def pdf_of(page: str) -> bytes:
    """Return a page as a PDF.

    Raises `CommandError` where the system's libraries for text are not there, and tells which; `MissingExtraError`
    without the extra ``report``.
    """
    try:
        weasyprint = load("weasyprint")
    except OSError as error:
        raise CommandError(f"a PDF needs libraries of the system: apt-get install {_APT} ({error})") from error
    nothing = weasyprint.URLFetcher(allowed_protocols=())  # all that a page needs is in it
    found: bytes = weasyprint.HTML(string=page, url_fetcher=nothing).write_pdf()
    return found


def write_pdf(page: str, path: Path) -> None:
    """Write a page as a PDF; raises as `pdf_of` does, and OSError."""
    replace_file(path, pdf_of(page))
