"""A search without a server that reads English and Chinese, which is cut into pairs of characters, by index and query alike."""

from __future__ import annotations

import re

from sphinx.search.en import SearchEnglish

HAN = "\u3400-\u9fff"
"""The characters that are taken for Chinese, as a range of a regular expression."""


class Bilingual(SearchEnglish):
    """English words by their stem, as Sphinx does it, and of a run of Chinese characters each two that stand together.

    No dictionary is needed, and none is wrong about the words of the market: a word of three characters is two pairs that a
    page has to hold.
    """

    lang = "en+zh"
    js_splitter_code = """
function splitQuery(query) {
  const runs = query.match(/[HAN]+|(?:(?![HAN])[\\p{Letter}\\p{Number}_])+/gu) || [];
  return runs.flatMap((run) => (/[HAN]/.test(run) && run.length > 2 ? pairs(run) : [run]));
}
function pairs(run) { return Array.from({ length: run.length - 1 }, (_, at) => run.slice(at, at + 2)); }
""".replace("HAN", HAN)
    words = re.compile(rf"[{HAN}]+|(?:(?![{HAN}])\w)+")

    def split(self, input: str) -> list[str]:  # noqa: A002 - Sphinx calls it so
        """Cut a text into what is searched for."""
        return [part for run in self.words.findall(input) for part in self._parts(run)]

    def _parts(self, run: str) -> list[str]:
        if not re.match(f"[{HAN}]", run) or len(run) < 3:
            return [run]
        return [run[at : at + 2] for at in range(len(run) - 1)]
