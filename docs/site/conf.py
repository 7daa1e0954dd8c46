"""The documentation as a site: what Sphinx is told (`make docs`). The pages are the repository's Markdown files, as they are.

The root of the sources is that of the repository, so that a link from a page to a file of the project is checked as well.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

import languages
import searching

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Stock Assistant"
root_doc = "README"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".*", "data", "dist", "**/node_modules"]
extensions = ["myst_parser"]
myst_heading_anchors = 4
smartquotes = False
suppress_warnings = ["toc.not_included"]  # the order of the pages is that of languages.py

html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
templates_path = ["templates"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_use_index = False
html_domain_indices = False
html_sidebars = {
    "**": ["sidebar/brand.html", "languages.html", "sidebar/search.html", "sidebar/scroll-start.html",
           "sidebar/navigation.html", "sidebar/scroll-end.html"]
}  # fmt: skip
html_additional_pages = {"index": "index.html"}  # who opens the folder is led to the first page
html_search_language = searching.Bilingual.lang


def setup(app: Sphinx) -> None:
    """Add what Sphinx lacks: two languages in one site, and a search that reads Chinese."""
    app.add_search_language(searching.Bilingual)
    app.connect("doctree-read", languages.join_lines)
    app.connect("html-page-context", languages.speak, priority=900)  # after the theme has made its navigation
