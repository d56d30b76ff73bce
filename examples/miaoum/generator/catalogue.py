"""What the shop sells: for cats, dogs, rodents and birds, kibble in packs of several sizes among it."""

from __future__ import annotations

from dataclasses import dataclass

BRANDS = {"cat": "Minoes", "dog": "Trouw", "rodent": "Knabbel", "bird": "Fluit"}
DUTCH = {"cat": "kat", "dog": "hond", "rodent": "knaagdier", "bird": "vogel"}
#: category, Dutch name, pack sizes with their price in cents
RANGE: tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...] = (
    ("kibble", "brokken", (("S", 899), ("M", 2195), ("XL", 5495))),
    ("wet food", "natvoer", (("S", 649), ("M", 1499))),
    ("snack", "snacks", (("S", 349),)),
    ("toy", "speelgoed", (("", 795),)),
    ("care", "verzorging", (("", 1250),)),
    ("bedding", "mand en bodembedekking", (("M", 1895), ("XL", 3995))),
)


@dataclass(frozen=True)
class Product:
    """One article; prices in cents."""

    sku: str
    name: str
    category: str
    species: str
    pack_size: str
    price: int


def make_catalogue() -> list[Product]:
    products = []
    for species, brand in BRANDS.items():
        for category, dutch, packs in RANGE:
            for pack, price in packs:
                sku = "-".join(part for part in (DUTCH[species][:3].upper(), category[:3].upper(), pack) if part)
                name = f"{brand} {dutch} {DUTCH[species]} {pack}".strip()
                products.append(Product(sku, name, category, species, pack, price))
    return products
