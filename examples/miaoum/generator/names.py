"""What people, streets and towns are called in the Netherlands and Flanders."""

from __future__ import annotations


def listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def families(prefix: str, text: str) -> tuple[tuple[str, str], ...]:
    return tuple((prefix, surname) for surname in text.split())


FEMALE = listed("""
    Anna Emma Julia Sofie Lotte Sanne Eva Fleur Lieke Noor Iris Femke Marieke Annelies Ilse Hanneke Truus Ria Wilma
    Monique Petra Saskia Esther Nathalie Els Griet Katrijn Veerle Leen An Fatima Samira Aïcha Chloé Zoë Noëlle Renée
    Élise Daniëlle Michèle Anouk Floor Mieke Jantine Geertje Tineke Elif Yasmin Nadia Ingrid
""")
MALE = listed("""
    Jan Piet Kees Daan Sem Lucas Finn Thijs Bram Ruben Lars Niels Jeroen Martijn Bas Wouter Maarten Pieter Joris Hendrik
    Gerard Henk Willem Cor Theo Joost Tom Tim Koen Stijn Wim Luc Marc Dirk Jef René André Daniël Raphaël José Mohammed
    Youssef Mehmet Kevin Patrick Erik Bert Gijs Teun Ravi
""")
NEUTRAL = listed("Robin Sam Kim Jip Luca Charlie Noa Bo Sasha Lou")

SURNAMES: tuple[tuple[str, str], ...] = (
    *families(
        "",
        """
        Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer Koster Willems Kuipers Post Prins
        Huisman Peeters Janssens Maes Jacobs Mertens Willemsen Claes Goossens Wouters Dubois Lambert Özdemir Yılmaz
        Bouzid Amrani Müller Hermans Lemmens Martens Aerts Michiels Thijssen Gerritsen Kramer Scholten Veenstra Hoekstra
        Dijkstra Postma Zijlstra Wiersma Boersma Ramdin Singh Pinas Nguyen Kowalski Novák Schröder Geens Coppens Pauwels
        Segers Vandenberghe D'hondt
        """,
    ),
    *families("de", "Vries Jong Boer Groot Wit Haan Bruin Graaf Ruiter Koning Lange Leeuw Vos Wolf Zwart"),
    *families("van", "Dijk Leeuwen Dam Beek Vliet Puffelen Dongen Rooij Velzen Damme Gent Hout Kempen Loon"),
    *families("van der", "Valk Meer Linden Wal Heijden Laan Veen Horst Pol Steen Zee Broek"),
    *families("van den", "Berg Broek Bosch Heuvel Brink Eynde Akker Bossche"),
    *families("van de", "Ven Kamp Velde Walle Graaf Wiel"),
    *families("in het", "Veld Zonnetje Hout"),
    *families("in 't", "Veen Groen"),
    *families("'t", "Hart Wolkje Hoen"),
    *families("van 't", "Hoff Riet"),
    *families("ter", "Horst Braak"),
    *families("ten", "Brinke Have"),
    *families("el", "Idrissi Khatib"),
    ("", "Van Damme"),
    ("", "De Smet"),
    ("", "Van Der Broeck"),
    ("", "De Clercq"),
)

STREETS_NL = listed("""
    Dorpsstraat Kerkstraat Molenweg Schoolstraat Julianalaan Beukenlaan Eikenlaan Stationsweg Nieuwstraat Havenkade
    Oudegracht Wilhelminastraat Lindenhof Meidoornstraat Prinsengracht Brink Singel Marktplein Veldweg Rozenstraat
""")
STREETS_BE = listed("""
    Kerkstraat Stationsstraat Dorpsstraat Molenstraat Kapellestraat Steenweg Veldstraat Groenstraat Bruggesteenweg
    Lindelaan Processieweg Abdijlaan Hoogstraat Wijngaardstraat
""")

#: Town, first and last four digits of its postcodes, area code of its telephones (without the zero).
TOWNS_NL: tuple[tuple[str, int, int, str], ...] = (
    ("Amsterdam", 1011, 1098, "20"),
    ("Rotterdam", 3011, 3089, "10"),
    ("Den Haag", 2511, 2597, "70"),
    ("Utrecht", 3511, 3585, "30"),
    ("Eindhoven", 5611, 5658, "40"),
    ("Groningen", 9711, 9747, "50"),
    ("Haarlem", 2011, 2037, "23"),
    ("Arnhem", 6811, 6846, "26"),
    ("Nijmegen", 6511, 6546, "24"),
    ("Leiden", 2311, 2334, "71"),
    ("Zwolle", 8011, 8045, "38"),
    ("Breda", 4811, 4839, "76"),
    ("Maastricht", 6211, 6229, "43"),
    ("Apeldoorn", 7311, 7339, "55"),
    ("Hilversum", 1211, 1223, "35"),
    ("'s-Hertogenbosch", 5211, 5236, "73"),
)
TOWNS_BE: tuple[tuple[str, int, int, str], ...] = (
    ("Antwerpen", 2000, 2060, "3"),
    ("Gent", 9000, 9052, "9"),
    ("Leuven", 3000, 3018, "16"),
    ("Brugge", 8000, 8000, "50"),
    ("Mechelen", 2800, 2812, "15"),
    ("Hasselt", 3500, 3512, "11"),
    ("Kortrijk", 8500, 8511, "56"),
    ("Brussel", 1000, 1000, "2"),
)

MAILBOXES_NL = listed("gmail.com gmail.com hotmail.com ziggo.nl kpnmail.nl outlook.com xs4all.nl live.nl")
MAILBOXES_BE = listed("gmail.com gmail.com telenet.be skynet.be hotmail.com proximus.be")

COMPANY_KINDS = listed("""
    Dierenkliniek Kennel Manege Hondenschool Kattenpension Kinderboerderij Trimsalon Dierenpension
""")
