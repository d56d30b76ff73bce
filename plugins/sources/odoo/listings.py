"""What is read from Odoo: for each resource its model and fields, and the app that brings it.

A field may lead into the record that it points at: `country_id.code` becomes the column `country_id_code`. Where it
leads to several records, the column holds a JSON list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["text", "integer", "number", "boolean", "date", "moment", "list"]


@dataclass(frozen=True)
class Listing:
    """One resource.

    `about` tells in which columns a record says what it is about, where that may be any model. `written_with` is the
    record that is stamped when this one is written: Odoo adds a subscription without stamping it.
    """

    model: str
    app: str
    fields: Mapping[str, Kind]
    where: tuple[Any, ...] = ()
    about: tuple[str, str] | None = None
    written_with: str = ""


def _fields(**names: str) -> dict[str, Kind]:
    """List fields by their kind, with those that every record has."""
    fields: dict[str, Kind] = {"id": "integer", "create_date": "moment", "write_date": "moment"}
    for kind in get_args(Kind):
        fields |= dict.fromkeys(names.get(kind, "").split(), kind)
    return fields


LISTINGS: Mapping[str, Listing] = {
    "contacts": Listing(
        "res.partner",
        "Contacts",
        _fields(
            text="name type email phone street street2 zip city country_id.code state_id.name lang function vat "
            "company_registry ref parent_id.name industry_id.name user_id.name",
            integer="parent_id commercial_partner_id",
            boolean="active is_company partner_share employee parent_id.is_company",
            list="category_id.name",
        ),
    ),
    "leads": Listing(
        "crm.lead",
        "CRM",
        _fields(
            text="name type contact_name partner_name email_from phone street zip city country_id.code function "
            "stage_id.name won_status team_id.name source_id.name medium_id.name campaign_id.name lost_reason_id.name "
            "lang_id.code",
            integer="partner_id",
            number="expected_revenue probability",
            boolean="active partner_id.is_company",
            date="date_deadline",
            moment="date_closed",
            list="tag_ids.name",
        ),
    ),
    "notes": Listing(
        "mail.message",
        "Discuss",
        _fields(
            text="model message_type subject preview email_from subtype_id.name message_id",
            integer="res_id author_id parent_id",
            boolean="is_internal subtype_id.internal author_id.partner_share",
            moment="date",
        ),
        (("model", "in", ["res.partner", "crm.lead"]), ("message_type", "in", ["comment", "email", "email_outgoing"])),
        about=("model", "res_id"),
    ),
    "activities": Listing(
        "mail.activity",
        "Discuss",
        _fields(
            text="res_model activity_type_id.name activity_type_id.category summary note feedback user_id.name",
            integer="res_id",
            boolean="active",
            date="date_deadline date_done",
        ),
        (("res_model", "in", ["res.partner", "crm.lead"]),),
        about=("res_model", "res_id"),
    ),
    "products": Listing(
        "product.product",
        "Sales",
        _fields(
            text="name display_name default_code barcode type categ_id.name categ_id.complete_name",
            integer="product_tmpl_id",
            number="lst_price",
            boolean="active sale_ok",
        ),
    ),
    "orders": Listing(
        "sale.order",
        "Sales",
        _fields(
            text="name state invoice_status client_order_ref origin currency_id.name team_id.name source_id.name "
            "partner_id.type",
            integer="partner_id partner_id.parent_id partner_invoice_id partner_shipping_id opportunity_id",
            number="amount_untaxed amount_tax amount_total",
            moment="date_order",
        ),
    ),
    "order_lines": Listing(
        "sale.order.line",
        "Sales",
        _fields(
            text="name state display_type",
            integer="order_id product_id",
            number="product_uom_qty qty_delivered qty_invoiced price_unit discount price_subtotal price_total",
            boolean="is_downpayment",
            moment="order_id.date_order",
        ),
    ),
    "invoices": Listing(
        "account.move",
        "Invoicing",
        _fields(
            text="name state payment_state move_type invoice_origin ref currency_id.name partner_id.type",
            integer="partner_id partner_id.parent_id commercial_partner_id reversed_entry_id",
            number="amount_untaxed amount_total amount_residual",
            date="invoice_date invoice_date_due",
            list="invoice_line_ids.sale_line_ids.order_id",
        ),
        (("move_type", "in", ["out_invoice", "out_refund", "out_receipt"]),),
    ),
    "invoice_lines": Listing(
        "account.move.line",
        "Invoicing",
        _fields(
            text="name display_type parent_state",
            integer="move_id product_id partner_id",
            number="quantity price_unit discount price_subtotal price_total",
            list="sale_line_ids",
        ),
        (
            ("move_id.move_type", "in", ["out_invoice", "out_refund", "out_receipt"]),
            ("display_type", "in", ["product", "line_section", "line_note"]),
        ),
    ),
    "events": Listing(
        "event.event",
        "Events",
        _fields(
            text="name stage_id.name address_id.name address_id.city country_id.code event_type_id.name date_tz",
            boolean="active",
            moment="date_begin date_end",
            list="tag_ids.name",
        ),
    ),
    "registrations": Listing(
        "event.registration",
        "Events",
        _fields(
            text="name email phone company_name state event_ticket_id.name",
            integer="event_id partner_id sale_order_id",
            boolean="active",
            moment="date_closed",
        ),
    ),
    "surveys": Listing(
        "survey.survey",
        "Surveys",
        _fields(text="title survey_type", boolean="active certification"),
    ),
    "answers": Listing(
        "survey.user_input.line",
        "Surveys",
        _fields(
            text="answer_type value_char_box value_text_box suggested_answer_id.value matrix_row_id.value "
            "survey_id.title question_id.title question_id.question_type user_input_id.email user_input_id.state",
            integer="user_input_id user_input_id.partner_id survey_id question_id value_scale question_id.scale_min "
            "question_id.scale_max",
            number="value_numerical_box answer_score",
            boolean="skipped user_input_id.test_entry",
            date="value_date",
            moment="value_datetime user_input_id.end_datetime",
        ),
    ),
    "blacklist": Listing(
        "mail.blacklist",
        "Discuss",
        _fields(text="email opt_out_reason_id.name", boolean="active"),
    ),
    "subscriptions": Listing(
        "mailing.subscription",
        "Email Marketing",
        _fields(
            text="contact_id.name contact_id.email list_id.name opt_out_reason_id.name",
            integer="contact_id list_id",
            boolean="opt_out",
            moment="opt_out_datetime contact_id.write_date",
        ),
        written_with="contact_id",
    ),
}
