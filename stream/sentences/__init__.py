"""Sentences, made where somebody reads them: the catalogue of every language, and what results carry instead of text.

A result carries a `Why`: a code and its numbers. `stream.sentences.catalogue.Sentences` makes the text, in the reader's
language and the site's time zone. One ``.ftl`` file (Fluent, https://projectfluent.org) is one language; a file that is
added is a language that is added. Nothing here needs numpy, so that the edge agent's base install has its texts too.
"""

from stream.sentences.why import OUTSIDE, Why, literal, numbers_of

__all__ = ["OUTSIDE", "Why", "literal", "numbers_of"]
