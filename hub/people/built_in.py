"""The traits that every project has; one that a project defines under the same name goes before it."""

from __future__ import annotations

from collections.abc import Mapping

from hub.project.traits import Trait

NOT_COUNTING = ("cancelled", "refunded", "test")
"""The states of orders that count for nothing."""
_COUNTING = f"status is null or status not in {NOT_COUNTING}"

BUILT_IN: Mapping[str, Trait] = {
    name: Trait.model_validate(trait)
    for name, trait in {
        "age": {"is": "age(birth_date)", "summary": "Whole years on the as-of day."},
        "order_count": {
            "of": "sales_order",
            "count": True,
            "where": _COUNTING,
            "summary": "Orders, without cancelled, refunded and test ones; so are all traits on orders here.",
        },
        "spent_lifetime": {"of": "sales_order", "sum": "total", "where": _COUNTING, "summary": "Total of all orders."},
        "first_order_at": {"of": "sales_order", "minimum": "ordered_at", "where": _COUNTING, "summary": "First order."},
        "last_order_at": {"of": "sales_order", "maximum": "ordered_at", "where": _COUNTING, "summary": "Last order."},
        "orders_365d": {
            "of": "sales_order",
            "count": True,
            "where": _COUNTING,
            "within": "365 days",
            "summary": "Orders at most 365 days ago.",
        },
        "own_order_interval": {
            "of": "sales_order",
            "median_interval": True,
            "where": _COUNTING,
            "summary": "The customer's own habit: median days between the days of orders.",
        },
        "days_since_last_order": {"is": "days_since(last_order_at)", "summary": "Calendar days since the last order."},
        "life_cycle": {
            "is": "case when order_count = 0 then 'prospect'"
            " when days_since_last_order > 365 or days_since_last_order > 2 * own_order_interval then 'inactive'"
            " when order_count = 1 and days_since_last_order <= 90 then 'new'"
            " when orders_365d >= 3 then 'loyal' else 'active' end",
            "summary": "prospect, new, active, loyal or inactive (R31).",
        },
    }.items()
}
SCORES: Mapping[str, str] = {
    "recency_score": "last_order_at",
    "frequency_score": "order_count",
    "monetary_score": "spent_lifetime",
}
"""Quintiles among people with orders, 1 to 5, by the trait that each ranks; equal people get equal scores."""

RFM = "rfm"
"""The three scores as one text: 545."""
