"""Bytes come in; one parsed page goes out, with its address in canonical form and the profile of its platform.

Never fetches, and never decides what an article says.
"""

from searcher.html.page import BLOCKS, SILENT, Element, Page, inline_text, marks, paragraphs
from searcher.html.profiles import Profile, profile_of, profiles, use_profiles
from searcher.html.urls import canonical, host_of, pattern_of, same_site

__all__ = [
    "BLOCKS",
    "SILENT",
    "Element",
    "Page",
    "Profile",
    "canonical",
    "host_of",
    "inline_text",
    "marks",
    "paragraphs",
    "pattern_of",
    "profile_of",
    "profiles",
    "same_site",
    "use_profiles",
]
