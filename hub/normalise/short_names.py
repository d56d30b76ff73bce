"""The names by which people go: Kees for Cornelis, Els for Elisabeth. Dutch, Flemish and common foreign ones."""

from __future__ import annotations

import unicodedata

_FOLDED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})

_SHORT_FORMS = """
abraham: abram bram; adelheid: aaltje alie heidi; adriana: ad adrie ada jana janna jaantje; adrianus: ad adrie arie
adriaan janus; agatha: aag agaath; albert: ab appie bert; albertus: ab albert bart bert; aleida: alie leida;
alexander: alex lex sander xander; alexandra: alex sandra; alida: alie lida; alphonsus: fons alfons; andreas: andre
andries dries; andries: dries; angela: angelique; anna: an anja anke anneke annie anouk ans antje; annemarie: anne;
anthonius: anton toon; antonia: antoinette toos tonny toon ton; antonius: anton antoon teun toine ton tony toon;
arnold: nol; arnoldus: arnold arno nol; augustinus: guus stijn; bartholomeus: bart mees; benjamin: ben bennie;
bernadette: detta; bernard: ben bert; bernardus: ben bernard bernd bert; catharina: cato catrien ina karin katrien
kitty nina rina tine tineke toos trees trijn trijntje trudy kaat katja to; charlotte: lot lotte charlot; christiaan:
chris kris; christina: chris christien ina stien stientje tina; christoffel: chris stoffel; cornelia: corrie cor cora
lia neeltje nel nelly; cornelis: cees cor corneel kees neel nelis; daniel: daan dani dan; diederik: dick dirk; dirk:
dick; dorothea: dora door thea; eduard: ed eddy edward; elisabeth: bep beppie bets betsy beth betty bettie elise ella
els else elsje elske liesbet lies liesbeth liesje lijsbeth lisa lise lisette liz lily; emilia: emmy mil; emmanuel:
manu; everdina: dina; everhardus: evert; evert: eef; francisca: cisca fransje francien sisca francine; franciscus: cis
frank frans franciscus sus; frederika: freddy frederike rika riek; frederik: fred freddy freek frits rik; gabriel:
gaby; geertruida: geertje ger gertrude truda trudy truus; geertrui: truus; gerardus: geert ger gerard gerrit gert;
gerard: ger geert; gerrit: ger gert; gijsbert: gijs; gijsbertus: gijs gijsbert bert; godelieve: lieve; godfried:
fried; gregorius: goris joris; gustaaf: gust staf; helena: heleen helene leen leentje lena lenie; hendrik: driek
harrie harry hein heino henk hennie henny rik; hendrika: drika hennie henny henriette rika riek rieky; henricus:
harrie harry hein hendrik henk hennie rik; hermanus: herman manus; hermina: mien mina miep; hieronymus: jeroen;
hubertus: bert huub hubert huib; ignatius: ignace; isabella: bella isa isabel; jacoba: co coba coby; jacobus: co cobus
jaap jack jacob jacques jakob ko koos sjaak jim; jacques: sjaak; jacqueline: jackie lien; jan: jantje; jeroen: joen;
johan: jo joop hans; johanna: annie han hanna hanneke hannie jannie jo joanne joke jolanda jopie jeanne janneke jans
jantje; johannes: han hannes hans jan janus jo joan johan john johnny joop hansje jannes; jonathan: jon nathan; joris:
jo; josefina: fien fiene jo jos josefien josien; josefine: fien jo jos josien; josephus: jef jo joep jos jozef sjef;
jozef: jef jo jos sjef; julianus: juul; justinus: just; karel: charles sjarel; klara: claire; lambertus: bert lambert
lamert; laurens: lau laus rens; laurentius: laurens lau rens; leendert: leen; leonardus: lennard leen leo leonard
nardus; leonard: leo; lodewijk: lode louis wiek; lucas: luc luuk; ludovicus: lode louis luc ludo; magdalena: lena leen
leentje magda madeleine; marcellus: marcel; margaretha: gre greet greetje gretha griet grietje margot margreet
margriet marga rita meta; maria: maaike maartje marie marieke marijke marja marjan mia mieke miep mies mimi riet ria
rie mariette marike; marinus: rien rinus; martha: maat; martina: martine tina tineke; martinus: maarten martin tinus
marten tijn; mathilda: tilly; matheus: mathieu matthijs thijs theeuwes; mattheus: matthijs teeuw thijs; matthias:
thijs matthijs; matthijs: thijs; maximiliaan: max; melchior: mels; michael: mike michel maikel mich; michiel: chiel;
mohammed: mo moh mohamed muhammed mohamad; nicolaas: claas claes klaas nick nico niek niels; nicole: nicky; olivier:
olli; patricia: pat trees; paulina: lien paula; paulus: paul pauwel; petronella: nel nelly petra pietje nella; petrus:
peer peter piet pieter; pieter: piet; filip: flip; filippus: filip flip; quirinus: krijn; rebecca: becky; reinier:
rein; robert: bert bob rob robbie robin; roelof: roel; rudolf: dolf ruud rolf; samuel: sam sammy; sara: saar;
sebastiaan: bas seb bastiaan; simon: siem; stefanus: fanus stef stefan steven; stefan: stef; steven: stef; susanna:
sanne suus suze; suzanne: sanne suus suze; theodora: dora door thea; theodorus: dirk doris dorus theo; theresia: resi
thea thera trees; thomas: tom thom maas; timotheus: tim; tobias: tob; valentina: tina; victor: vic; vincent: vin cent;
vincentius: vincent cent; wilhelmina: helma mien mientje mina minnie wil willemien willemijn wilma willy; wilhelmus:
guillaume helmus wil willem willy wim; willem: pim wil willy wim; wouter: wout; zacharias: zach
"""
"""Formal names, each with its short forms."""


def folded(text: str) -> str:
    """Take away case and accents; ij is y, ph is f."""
    small = unicodedata.normalize("NFKD", text).casefold().translate(_FOLDED)
    plain = unicodedata.normalize("NFKD", small)
    letters = "".join(letter for letter in plain if unicodedata.category(letter) not in ("Mn", "Cf"))
    return letters.replace("ph", "f").replace("ij", "y")


def _formal_names() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for entry in " ".join(_SHORT_FORMS.split()).split(";"):
        formal, _, short = entry.partition(":")
        for name in short.split():
            found.setdefault(folded(name), set()).add(folded(formal.strip()))
    return {name: frozenset(formal) for name, formal in found.items()}


FORMAL_NAMES = _formal_names()
"""The names that a short form stands for, by its key."""
