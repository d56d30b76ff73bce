-- What people are called and where numbers, places and addresses come from, for both identity worlds.
-- Variables: persons, seed.

SET VARIABLE women = regexp_split_to_array('Maria Johanna Anna Emma Julia Mila Sophie Zoë Sara Nora Elisabeth Tess Noor Eva Liv Cornelia Lotte
    Fleur Maud Roos Femke Sanne Lisa Wilhelmina Iris Marieke Ingrid Petra Monique Yvonne Fatima Aylin Chantal Esther Daniëlle
    Catharina Geertje Hanneke Jolanda Saskia Margaretha Hendrika Petronella Adriana Christina Charlotte Josephine Isabella
    Suzanne Jacqueline Angelique Patricia Natasja Mirjam Astrid Marjolein Annemieke Ellen Karin Linda Manon Sabine Nathalie
    Els Greet Lieve Hilde Ann Katrien Veerle Griet An Leen Ilse Tine Sofie Elke Kim Joke Naomi Yasmina Amina Khadija Samira
    Noa Elin Yara Lynn Jasmijn Evi Fenna Milou Vera Nina Hannah Amber Isa Lauren Loïs Lieke Elise Emily Olivia Luna Nova
    Philippine Bernadette Geraldine Renée Désirée Mariëtte Wendy Priscilla Xandra Ottilie Hermina Trijntje Aafke Sietske Tjitske', '\s+');
SET VARIABLE men = regexp_split_to_array('Johannes Jan Daan Sem Lucas Levi Finn Noah Luuk Bram Milan Jesse Thijs Cornelis Tim Lars Ruben Sven Piet Kees
    Hendrik Willem Johan Mohammed Ömer Rik Stijn Joost Maarten Pieter Dirk Gerrit Koen Niels Wouter Jeroen Bas Antonius Jacobus
    Theodorus Franciscus Alexander Robert Michael Thomas Nicolaas Daniel Sebastiaan Benjamin Martinus Leonardus Gerardus
    Petrus Adrianus Marinus Lambertus Wilhelmus Rudolf Frederik Albert Maximiliaan Matthijs Christiaan Jonathan Ahmed Youssef
    Mehmet Karim Rachid Bilal Luc Marc Dirk Wim Filip Geert Tom Kristof Bart Wannes Jef Guido Eddy Ivo Hugo Arthur Jules
    Mats Boaz Floris Olivier Pepijn Quinten Rens Siebe Teun Ties Vince Xavi Mauro Dex Jort Hidde Gijs Jurre Sjoerd Wiebe
    Douwe Feike Tjeerd Ruud Hessel Onno Reinier Evert Barend Arie Teunis Klaas Harm Egbert Jelle Sybren', '\s+');
SET VARIABLE common_surnames = regexp_split_to_array('Jansen Vries Jong Berg Bakker Dijk Visser Smit Meijer Boer Mulder Groot Bos Vos Peters Hendriks
    Leeuwen Dekker Brouwer Wit Dijkstra Smits Graaf Meer Kok Jacobs Haan Vermeulen Heuvel Veen Broek Bruijn Heijden Schouten
    Beek Willems Vliet Ven Hoekstra Maas Verhoeven Koster Dam Prins Blom Huisman Peeters Kuipers Veldhuis Kuijpers Postma
    Martens Gerritsen Özdemir Janssens Maes Mertens Claes Goossens Wouters Yılmaz Mohamed Nguyen Kaya Öztürk', '\s+');
SET VARIABLE stems = regexp_split_to_array('Hoog Laag Oude Nieuw Groen Zwart Kamp Wester Ooster Noorder Zuider Brink Esch Hage Linden Eiken Berken Beuken
    Molen Brug Water Zand Klei Veld Heide Bosch Duin Dijk Meers Polder Kerk Klooster Kapel Toren Burg Hof Stal Koorn Rogge Gerst
    Haver Schaap Koe Paard Vogel Duif Zwaan Valk Arend Raven Snoek Zalm Goud Zilver IJzer Koper Steen Mergel Rook Vuur', '\s+');
SET VARIABLE endings = regexp_split_to_array('kamp huis man stra ma inga sma veld horst wijk dam burg beek hof akker laar donk ink ing meijer boom
    berg broek hout zaal kerk man dijk brug goed hoeve winkel molen schot raad sen mans bergh aert', '\s+');
SET VARIABLE streets = regexp_split_to_array('Dorps Kerk Molen School Stations Beuken Eiken Linden Nieuw Hoofd Julia Wilhelmina Emma Oranje Prins Bloem
    Rozen Tulpen Merel Leeuwerik Parallel Industrie Haven Markt Vijver Park Zonne Berg Dijk Veld', '\s+');
SET VARIABLE ways = ['straat', 'weg', 'laan', 'plein', 'dreef', 'hof', 'pad', 'singel', 'kade'];
SET VARIABLE cities = regexp_split_to_array('Amsterdam Rotterdam Utrecht Eindhoven Groningen Tilburg Almere Breda Nijmegen Haarlem Arnhem Zwolle
    Leiden Delft Enschede Apeldoorn Amersfoort Zoetermeer Leeuwarden Dordrecht', '\s+');
SET VARIABLE belgian_cities = regexp_split_to_array('Antwerpen Gent Brugge Leuven Mechelen Hasselt Kortrijk Aalst', '\s+');
SET VARIABLE nicknames = MAP {
    'Johannes': ['Jan', 'Hans', 'Joop'], 'Cornelis': ['Kees', 'Cees'], 'Hendrik': ['Henk', 'Rik'], 'Willem': ['Wim'], 'Antonius': ['Ton', 'Toon'],
    'Jacobus': ['Jaap', 'Co'], 'Theodorus': ['Theo'], 'Franciscus': ['Frans'], 'Alexander': ['Alex', 'Sander', 'Lex'], 'Robert': ['Rob'],
    'Michael': ['Mike'], 'Thomas': ['Tom'], 'Nicolaas': ['Nico', 'Klaas'], 'Daniel': ['Daan'], 'Sebastiaan': ['Bas'], 'Benjamin': ['Ben'],
    'Martinus': ['Martin', 'Tinus'], 'Leonardus': ['Leo'], 'Gerardus': ['Gerard'], 'Petrus': ['Peter', 'Piet'], 'Adrianus': ['Ad', 'Arjan'],
    'Marinus': ['Rinus'], 'Lambertus': ['Bert'], 'Wilhelmus': ['Wim', 'Willy'], 'Rudolf': ['Ruud'], 'Frederik': ['Fred', 'Frits'],
    'Albert': ['Ab', 'Bert'], 'Maximiliaan': ['Max'], 'Matthijs': ['Thijs'], 'Christiaan': ['Chris'], 'Mohammed': ['Mo'], 'Pieter': ['Piet'],
    'Maria': ['Ria', 'Marie', 'Mia'], 'Johanna': ['Jo', 'Hanna', 'Annie'], 'Elisabeth': ['Els', 'Betty', 'Lies'], 'Cornelia': ['Corrie', 'Cor'],
    'Wilhelmina': ['Mina', 'Willy'], 'Catharina': ['Toos', 'Rina', 'Cato'], 'Margaretha': ['Marga', 'Greet'], 'Hendrika': ['Rika', 'Riek'],
    'Petronella': ['Nel', 'Nelly'], 'Adriana': ['Jana'], 'Christina': ['Tina', 'Chris'], 'Charlotte': ['Lotte'], 'Josephine': ['Fien'],
    'Isabella': ['Isa', 'Bella'], 'Suzanne': ['Suus'], 'Jacqueline': ['Jacky'], 'Angelique': ['Angel'], 'Patricia': ['Pat'], 'Hanneke': ['Han']};

-- Popular values are drawn more often: the square of a chance piles up at the head of the list.
CREATE MACRO popular(i, salt, options) AS options[1 + floor(len(options) * chance(i, salt) * chance(i, salt))::INT];
CREATE MACRO surname_of(i) AS CASE
    WHEN chance(i, 204) < 0.35 THEN popular(i, 205, getvariable('common_surnames'))
    ELSE choice(i, 206, getvariable('stems')) || choice(i, 207, getvariable('endings')) END;
CREATE MACRO prefix_of(i) AS choice(i, 208, ['', '', '', '', '', '', '', 'de', 'van', 'van der', 'van den', 'ter', 'van de']);
CREATE MACRO letters(text) AS lower(regexp_replace(strip_accents(replace(text, 'ı', 'i')), '[^A-Za-z]', '', 'g'));
CREATE MACRO spread(n, range) AS (n * 48271393 + 7919 * getvariable('seed')) % range;
-- Nine digits after the country code.
CREATE MACRO mobile_of(n, belgian) AS CASE
    WHEN belgian THEN '4' || (spread(n, 50000000) // 10000000 + 5) || lpad((spread(n, 50000000) % 10000000)::VARCHAR, 7, '0')
    ELSE '6' || (spread(n, 50000000) // 10000000 + 1) || lpad((spread(n, 50000000) % 10000000)::VARCHAR, 7, '0') END;
CREATE MACRO landline_of(n) AS
    ['10', '20', '30', '40', '50', '70'][1 + n % 6] || (2000000 + spread(n // 6, 6000000))::VARCHAR;
CREATE MACRO place_of(n, belgian) AS {
    street: popular(n, 211, getvariable('streets')) || choice(n, 212, getvariable('ways')),
    house_number: (1 + floor(220 * chance(n, 213) * chance(n, 213)))::INT::VARCHAR,
    postcode: (1000 + dice(n, 214) % 8999)::VARCHAR
        || CASE WHEN belgian THEN '' ELSE chr(65 + (dice(n, 215) % 5)::INT) || chr(71 + (dice(n, 216) % 20)::INT) END,
    city: CASE WHEN belgian THEN choice(n, 217, getvariable('belgian_cities')) ELSE popular(n, 217, getvariable('cities')) END};

CREATE MACRO address_of(first_name, surname, person, style) AS CASE style % 5
    WHEN 0 THEN letters(first_name) || '.' || letters(surname) || person
    WHEN 1 THEN letters(first_name)[1] || '.' || letters(surname) || person
    WHEN 2 THEN letters(surname) || person || letters(first_name)
    WHEN 3 THEN letters(first_name) || '_' || person
    ELSE letters(first_name) || letters(surname)[1:3] || person END
    || '@' || ['mail.example.nl', 'post.example.nl', 'kabel.example.net', 'mail.example.com', 'web.example.org', 'thuis.example.be',
        'brief.example.com'][1 + (style * 3 + person) % 7];

CREATE MACRO phone_written(number, belgian, k, salt) AS CASE
    WHEN NOT belgian OR number[1] <> '4' THEN noisy_phone(number, k, salt)
    WHEN dice(k, salt) % 3 = 0 THEN '0032' || number
    ELSE '+32 ' || number[1:3] || ' ' || number[4:5] || ' ' || number[6:7] || ' ' || number[8:9] END;
CREATE MACRO full_surname(prefix, surname) AS ltrim(prefix || ' ' || surname);

-- The next day: one row in a hundred changes (a new number, a new address to write to, a new address to live at), one
-- guest order and one browser in a hundred is new.
CREATE MACRO changes(k) AS chance(k, 900) < 0.01;
CREATE MACRO next_day(k) AS to_timestamp(1793491200 + 3600 + k % 80000);
CREATE MACRO new_email(email, k) AS CASE WHEN dice(k, 901) % 10 BETWEEN 4 AND 6 THEN 'nieuw.' || lower(trim(email)) ELSE email END;
CREATE MACRO new_home(address, k, person, belgian) AS
    CASE WHEN dice(k, 901) % 10 >= 7 THEN place_of(5 * getvariable('persons') + person, belgian) ELSE address END;
