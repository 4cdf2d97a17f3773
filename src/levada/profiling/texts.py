"""Texts: how many are blank or go beyond ASCII, and the tokens in them, in any language."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported, so no checker sees them.)

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada.artifacts.summaries import TextProfile
from levada.profiling.accumulators import Extent
from levada.profiling.arrays import arrow_of, numpy_of
from levada.profiling.distinct import count_each, rank
from levada.profiling.order import Ordered, lengths_of

if TYPE_CHECKING:
    import pyarrow as pa

TOKENS = 20
SEPARATORS = r"[^\pL\pM\pN_]+"
"""What stands between tokens: anything but letters, marks, numbers and the underscore (Unicode categories, by RE2)."""
UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}])"
"""Characters of scripts written without spaces: each is a token."""


@dataclass
class TextCounts:
    """Values that hold nothing but white space, and those with a character beyond ASCII."""

    blank: int = 0
    non_ascii: int = 0

    def add(self, values: pa.Array, lengths: Any, counts: Any = None) -> None:
        """Take in values with their lengths in characters and how often each comes (once, if not given)."""
        import numpy as np
        import pyarrow.compute as pc

        wide = numpy_of(pc.binary_length(values)) != lengths
        blank = numpy_of(pc.utf8_is_space(values))
        if counts is None:
            self.non_ascii += int(np.count_nonzero(wide))
            self.blank += int(np.count_nonzero(blank))
        else:
            self.non_ascii += int(counts[wide].sum())
            self.blank += int(counts[blank].sum())

    def merge(self, other: TextCounts) -> None:
        self.blank += other.blank
        self.non_ascii += other.non_ascii

    def finish(self, empty: int, total: int, texts: pa.Array | None, counts: Any) -> TextProfile:
        """Return the profile of `total` values, with tokens of those in `texts`, each of which comes `counts` times."""
        if texts is None or not len(texts):
            return TextProfile(empty, self.blank, self.non_ascii, 0)
        sampled = int(counts.sum())
        words, owners, weights = tokens_of(texts, counts)
        tokens, per_text = count_tokens(words, owners, weights, len(texts))
        scale = total / sampled
        numbers, places = _grouped(per_text, counts)
        extent = Extent(sampled, int(numbers[0]), int(numbers[-1]), int((numbers * places).sum()))
        return TextProfile(
            empty,
            self.blank,
            self.non_ascii,
            sampled,
            lengths_of(Ordered(numbers, places, scale), extent),
            len(tokens[0]),
            tuple((token, round(count * scale)) for token, count in rank(*tokens, TOKENS)),
        )


def tokens_of(texts: pa.Array, counts: Any) -> tuple[pa.Array, Any, Any]:
    """Return all tokens of texts in lower case, the place of the text that each is in, and how often that comes."""
    import numpy as np
    import pyarrow.compute as pc

    lower = pc.utf8_lower(texts)
    if pc.any(pc.match_substring_regex(lower, UNSPACED)).as_py():
        lower = pc.replace_substring_regex(lower, UNSPACED, r" \1 ")
    lists = pc.split_pattern_regex(lower, SEPARATORS)
    words = lists.flatten()
    owners = numpy_of(pc.list_parent_indices(lists))
    # Nothing stands before a separator at the start, or behind one at the end.
    real = numpy_of(pc.binary_length(words)) > 0
    if not real.all():
        words, owners = words.take(arrow_of(np.flatnonzero(real))), owners[real]
    return words, owners, counts[owners]


def count_tokens(words: pa.Array, owners: Any, weights: Any, texts: int) -> tuple[tuple[pa.Array, Any], Any]:
    """Return the different tokens with their counts, and the number of tokens in each text."""
    import numpy as np

    coded = words.dictionary_encode()
    counts = np.bincount(numpy_of(coded.indices), weights, len(coded.dictionary)).astype(np.int64)
    return (coded.dictionary, counts), np.bincount(owners, minlength=texts)


def _grouped(numbers: Any, counts: Any) -> tuple[Any, Any]:
    """Return the different small numbers, rising, with the sums of their counts."""
    import numpy as np

    sums = np.bincount(numbers, counts).astype(np.int64)
    used = np.flatnonzero(sums)
    return used, sums[used]


def counted_texts(parts: list[pa.Array]) -> tuple[pa.Array | None, Any]:
    """Return the different texts of a sample with how often each was drawn."""
    import pyarrow as pa

    return count_each(pa.concat_arrays(parts)) if parts else (None, None)
