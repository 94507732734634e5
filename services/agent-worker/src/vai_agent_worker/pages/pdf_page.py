"""Reads a PDF file as text, by pypdf."""

import io
from datetime import datetime
from typing import Any

from vai_agent_worker.pages.asked import Asked, Reading
from vai_agent_worker.pages.limits import TookTooLong, within

_SHARE_FOR_TEXT = 0.9


def read_pdf(raw: bytes, asked: Asked) -> Reading:
    """The text, page after page, within the limits. If it cannot be read, `refusal` says why."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

    if asked["truncated"]:
        return {"refusal": f"is a PDF file of more than {len(raw):,} bytes: raise max_bytes"}
    warnings: list[tuple[str, str]] = []
    pages: list[str] = []
    try:
        with within(asked["seconds"] * _SHARE_FOR_TEXT):
            reader = PdfReader(io.BytesIO(raw))
            if reader.is_encrypted and not reader.decrypt(""):
                return {"refusal": "is a PDF file with a password: fetch_page cannot open it"}
            told = _told(reader)
            count = len(reader.pages)
            told["page_count"] = count
            read = 0
            for page in reader.pages:
                pages.append(page.extract_text() or "")
                read += len(pages[-1])
                if read > asked["characters"]:
                    break
    except TookTooLong:
        if not any(pages):
            return {"refusal": f"is a PDF file that takes longer than {asked['seconds']:.0f} s to read"}
        warnings.append(("page_read_partly", f"Only the first {len(pages)} pages could be read in time"))
    except (FileNotDecryptedError, DependencyError):
        return {"refusal": "is a PDF file with a password: fetch_page cannot open it"}
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError) as error:
        if not any(pages):
            return {"refusal": f"is a PDF file that cannot be read ({type(error).__name__}: {str(error)[:200]})"}
        warnings.append(("page_read_partly", f"The PDF file is damaged after page {len(pages)}: {str(error)[:200]}"))
    text = "\n\n".join(page.strip() for page in pages if page.strip())
    if not text:
        warnings.append(("page_has_no_text", "The PDF file has no text: its pages are probably images"))
    cut = bool(warnings) and warnings[0][0] == "page_read_partly"
    return {"format": "pdf", "charset": None, "markdown": text, "text": text, "truncated": cut, "warnings": warnings,
            **told}  # fmt: skip


def _told(reader: Any) -> Reading:
    """The file's metadata, as far as it can be read."""
    try:
        about = reader.metadata
        title, author, made = about.title, about.author, about.creation_date
        language = reader.root_object.get("/Lang")
    except Exception:  # an error in the metadata does not matter for the text
        return {}
    return {
        "title": str(title).strip() or None if title else None,
        "author": str(author).strip() or None if author else None,
        "date": made.date().isoformat() if isinstance(made, datetime) else None,
        "language": str(language)[:35] if language else None,
    }
