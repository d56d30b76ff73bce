"""The rules of the law on marketing, per channel and country, with the dates between which they hold.

This is our reading of 22 November 2026, for a lawyer to check: it is no legal advice. A country that is not named, or
not known, falls under the rule for all others, which is the strictest of its channel. `until` is the first day on
which a rule no longer holds.
"""

from __future__ import annotations

from datetime import date

from hub.law.rules import AgeRule, ChannelRule

OPT_IN = frozenset({"consent"})
OPT_IN_OR_SOFT = frozenset({"consent", "soft opt-in"})
ANY_GROUND = frozenset({"consent", "soft opt-in", "contract", "legitimate interest"})

CHANNEL_RULES = (
    ChannelRule(
        ("email", "sms"),
        ("NL",),
        OPT_IN_OR_SOFT,
        since=date(2009, 10, 1),
        source="Telecommunicatiewet 11.7 (ePrivacy 2002/58, article 13): opt-in, for organisations too; customers' "
        "exception for own similar products",
    ),
    ChannelRule(
        ("email", "sms"),
        ("BE",),
        OPT_IN_OR_SOFT,
        since=date(2003, 5, 28),
        source="Wetboek van economisch recht XII.13, and the royal decree of 4 April 2003: opt-in; customers' "
        "exception for own similar products",
    ),
    ChannelRule(
        ("phone",),
        ("NL",),
        OPT_IN_OR_SOFT,
        since=date(2021, 7, 1),
        until=date(2026, 7, 1),
        source="Telecommunicatiewet 11.7: opt-in since 1 July 2021, with an exception for customers",
    ),
    ChannelRule(
        ("phone",),
        ("NL",),
        OPT_IN,
        since=date(2026, 7, 1),
        source="Telecommunicatiewet 11.7: the exception for customers ended on 1 July 2026; its exemptions are not "
        "ours to judge, so they are not used",
    ),
    ChannelRule(
        ("phone",),
        ("BE",),
        OPT_IN,
        register="bel-me-niet-meer",
        calling_code="+32",
        since=date(2015, 6, 1),
        source="Wetboek van economisch recht VI.110-115: who calls consults the Bel-me-niet-meer list",
    ),
    ChannelRule(("letter",), ("NL", "BE"), ANY_GROUND, source="GDPR 6(1) and 21(2): post asks for a ground, stated"),
    ChannelRule(("email", "sms", "phone", "letter"), (), OPT_IN, source="not checked for this country: opt-in only"),
    ChannelRule(("ads", "push"), (), OPT_IN, source="GDPR 6(1)(a), ePrivacy 2002/58 article 5(3): opt-in"),
)

AGE_RULES = (
    AgeRule(("NL",), 16, source="UAVG article 5 (GDPR article 8): under 16 no consent of one's own"),
    AgeRule(("BE",), 13, source="Law of 30 July 2018, article 7 (GDPR article 8): under 13 no consent of one's own"),
    AgeRule((), 16, source="GDPR article 8: 16 where a country has set no other age, or is not known"),
)
