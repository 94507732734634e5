"""How Sphinx builds the guide. Pages are read as they stand in docs/; what a site needs besides is added here."""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from tools.guide.contents import HOME, tree  # noqa: E402
from tools.guide.links import BrokenLink, inside  # noqa: E402

project = "VAI"
version = (ROOT / "VERSION").read_text().strip()
language = "en"
root_doc = HOME
extensions = ["myst_parser", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}

# Anchors as forges make them, so that one link works in both places.
myst_heading_anchors = 6
highlight_language = "text"
# Examples leave things out with "…", which no highlighter knows.
suppress_warnings = ["misc.highlighting_failure"]
copybutton_exclude = ".linenos, .gp"

html_theme = "furo"
html_title = f"VAI {version}"
html_static_path = ["static"]
html_css_files = ["guide.css"]
html_show_sphinx = False
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
html_permalinks_icon = "#"
html_theme_options = {"navigation_with_keys": True}


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _as_a_page)


def _as_a_page(app: Any, name: str, source: list[str]) -> None:
    from sphinx.errors import SphinxWarning

    try:
        source[0] = inside(name, source[0]) + (f"\n{tree()}" if name == HOME else "")
    except BrokenLink as error:
        raise SphinxWarning(f"WARNING: {error}") from None
