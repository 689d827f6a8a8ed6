"""An article's text comes in; who said what in which role goes out, with presiders and attendees kept apart.

Explains each statement by the rule that found it. Never merges people on a name alone beyond one article.
"""

from searcher.speakers.attribution import attribute, attribution

__all__ = ["attribute", "attribution"]
