"""The discounts of the small Shopify: codes are unique in any case, and a new one must be complete and begin."""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]
_NEEDED = ("code", "context", "customerGets", "startsAt", "title")


class Discounts:
    """Codes with what they give, by their ids."""

    def __init__(self) -> None:
        self.given: dict[str, Item] = {}
        self.ended: set[str] = set()

    def find(self, code: str) -> str | None:
        return next((id_ for id_, given in self.given.items() if given["code"].lower() == code.lower()), None)

    def create(self, info: Any, basicCodeDiscount: Item) -> Item:
        for name in _NEEDED:
            if not basicCodeDiscount.get(name):
                return refused(f"{name} can't be blank", "BLANK")
        if self.find(basicCodeDiscount["code"]) is not None:
            return refused("Code must be unique. Please try a different code.", "TAKEN")
        return self.kept(f"gid://shopify/DiscountCodeNode/{len(self.given) + 1}", basicCodeDiscount)

    def update(self, info: Any, id: str, basicCodeDiscount: Item) -> Item:
        if id not in self.given:
            return refused("Discount does not exist", "INVALID")
        return self.kept(id, {**self.given[id], **basicCodeDiscount})

    def deactivate(self, info: Any, id: str) -> Item:
        if id not in self.given:
            return refused("Discount does not exist", "INVALID")
        self.ended.add(id)
        return {"codeDiscountNode": self.node(id), "userErrors": []}

    def by_code(self, info: Any, code: str) -> Item | None:
        found = self.find(code)
        return self.node(found) if found is not None else None

    def kept(self, id_: str, given: Item) -> Item:
        share = given["customerGets"]["value"].get("percentage")
        if share is not None and not 0 < share <= 1:
            return refused("Value must be between 0.0 and 1.0", "VALUE_OUTSIDE_RANGE")
        if given.get("endsAt") and given["endsAt"] <= given["startsAt"]:
            return refused("Ends at needs to be after starts at", "INVALID")
        self.given[id_] = given
        self.ended.discard(id_)
        return {"codeDiscountNode": self.node(id_), "userErrors": []}

    def node(self, id_: str) -> Item:
        given = self.given[id_]
        named = given["context"].get("customers")
        customers = [{"id": one} for one in (named or {}).get("add", ())]
        whose = {"__typename": "DiscountCustomers", "customers": customers}
        context = whose if named else {"__typename": "DiscountBuyerAll", "all": "ALL"}
        discount = {"__typename": "DiscountCodeBasic", "title": given["title"], "context": context}
        return {"__typename": "DiscountCodeNode", "id": id_, "codeDiscount": discount}

    def resolvers(self) -> Item:
        return {
            "discountCodeBasicCreate": self.create,
            "discountCodeBasicUpdate": self.update,
            "discountCodeDeactivate": self.deactivate,
            "codeDiscountNodeByCode": self.by_code,
        }


def refused(message: str, code: str) -> Item:
    return {"codeDiscountNode": None, "userErrors": [{"message": message, "code": code}]}
