"""Reads Markdown as a renderer does."""

from html.parser import HTMLParser

from markdown_it import MarkdownIt

_ZERO_WIDTH_SPACE = "\u200b"


def rendered(markdown: str) -> str:
    """Return the HTML that Markdown with tables and struck-out text comes to."""
    return str(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))


def shown(markdown: str) -> str:
    """Return what a reader sees of one paragraph, without the spaces that keep names from calling."""
    page = _Page()
    page.feed(rendered(markdown))
    return "".join(page.texts).replace(_ZERO_WIDTH_SPACE, "").strip("\n")


def cells(markdown: str) -> list[list[str]]:
    """Return the rows of a table's body as a reader sees them."""
    page = _Page()
    page.feed(rendered(markdown))
    return [[cell.replace(_ZERO_WIDTH_SPACE, "") for cell in row] for row in page.rows if row]


class _Page(HTMLParser):
    """Collects all text, and that of the cells of bodies of tables."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self._is_in_cell = False

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
            self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._is_in_cell = False

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._is_in_cell:
            self.rows[-1][-1] += data
