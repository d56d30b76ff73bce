-- The people of the second identity world: other families, colleagues at work, other names. Variables: persons, seed, belgians.
--
-- Blocks of twenty: three students in one house; a mother or father and a grown child; a couple with one surname; a
-- grandfather (who now and then lives in), his son's family and a grandson who may be named after him; two who live alone;
-- two colleagues; an unmarried couple; two sisters or brothers who live together.

SET VARIABLE more_names = regexp_split_to_array('Jean-Pierre Anne-Marie Jan-Willem Marie-Claire Pieter-Jan Eva-Maria Ann-Sofie Karel-Jan Carlijn Merel
    Jolijn Maartje Doutzen Wietske Ilona Agnieszka Katarzyna Małgorzata Joanna Magdalena Paweł Krzysztof Tomasz Łukasz Hatice Emine Zeynep Elif
    Meryem Hüseyin İbrahim Mustafa Yusuf Hamza Imane Nadia Soukaina Abdelkader Redouan Anouar Priya Rahul Ming Wei Thi Linh Chantal Ghislain
    Benoît Thérèse Véronique Françoise Geneviève Grégory Jérôme Cédric Björn Søren Jürgen Günther Heike Ute Dolores Joaquín Esperanza', '\s+');
SET VARIABLE more_surnames = regexp_split_to_array('Lemmens Thijssen Cuypers Verstraete Vandenberghe Deconinck Dewit Desmet Vanhoutte Claeys Lambrechts
    Dubois Lambert Dupont Leclercq Renard Kowalska Nowak Wiśniewski Wójcik Kamińska Yıldız Demir Şahin Çelik Aydın Bouzidi Haddou Amrani
    Benali Chen Wang Tran Pham Singh Sharma García Fernández Schmidt Müller Weiß Fischer Hoekstra-Bakker Smits-Peeters Jong-Visser', '\s+');

CREATE MACRO family_name(i) AS CASE
    WHEN chance(i, 604) < 0.35 THEN choice(i, 605, getvariable('more_surnames'))
    WHEN chance(i, 604) < 0.55 THEN choice(i, 605, getvariable('common_surnames'))
    ELSE choice(i, 606, getvariable('stems')) || choice(i, 607, ['veen', 'haar', 'mans', 'sma', 'kens', 'link', 'stra', 'houwer', 'wegen', 'poort', 'loo', 'rade',
        'enga', 'meulen', 'bosch', 'weerd', 'drecht', 'kerke']) END;
CREATE MACRO family_prefix(i) AS choice(i, 608, ['', '', '', '', '', 'van', 'van de', 'van der', 'de', 'den', 'van ''t', 'op den', 'in ''t', 'te']);

CREATE TEMP TABLE person AS
WITH placed AS (
    SELECT
        i AS person,
        (i - i % 20 + CASE WHEN i % 20 = 7 AND chance(i, 609) < 0.05 THEN 8
            ELSE [0, 0, 0, 3, 3, 5, 5, 7, 8, 8, 8, 8, 12, 13, 14, 15, 16, 16, 18, 18][1 + i % 20] END)::BIGINT AS home,
        ['student', 'student', 'student', 'head', 'child', 'head', 'partner', 'grandfather', 'father', 'partner', 'child', 'grandson',
            'single', 'single', 'colleague', 'colleague', 'head', 'lover', 'head', 'sibling'][1 + i % 20] AS role,
        -- Whose surname one bears.
        (i - i % 20 + [0, 1, 2, 3, 3, 5, 5, 8, 8, 9, 8, 8, 12, 13, 14, 15, 16, 17, 18, 18][1 + i % 20])::BIGINT AS line
    FROM range(getvariable('persons')) AS numbers(i)
),
gendered AS (
    SELECT *,
        chance(home, 600) < getvariable('belgians') * 2 AS belgian,
        CASE WHEN role IN ('grandfather', 'father', 'grandson') THEN false WHEN role = 'partner' THEN chance(person, 601) < 0.96
            ELSE chance(person, 601) < 0.5 END AS female
    FROM placed
)
SELECT
    person, home, role, belgian, female, line,
    CASE
        WHEN role = 'grandfather' OR role = 'grandson' AND chance(home, 602) < 0.25 THEN popular(person - person % 20, 603, getvariable('men'))
        WHEN chance(person, 602) < 0.30 THEN choice(person, 603, getvariable('more_names'))
        WHEN female THEN choice(person, 603, getvariable('women'))
        ELSE choice(person, 603, getvariable('men')) END AS first_name,
    family_prefix(line) AS prefix,
    family_name(line) AS surname,
    CASE WHEN chance(person, 620) < 0.04 AND role <> 'student' THEN before_as_of(person, 621, 900) END AS divorced_at,
    family_prefix(person + 9000001) AS former_prefix,
    family_name(person + 9000001) AS former_surname,
    CASE role
        WHEN 'student' THEN DATE '2000-01-01' + (dice(person, 622) % 2900)::INT
        WHEN 'child' THEN DATE '1985-01-01' + (dice(person, 622) % 8000)::INT
        WHEN 'grandson' THEN DATE '1998-01-01' + (dice(person, 622) % 4000)::INT
        WHEN 'father' THEN DATE '1962-01-01' + (dice(person, 622) % 4000)::INT
        WHEN 'grandfather' THEN DATE '1936-01-01' + (dice(person, 622) % 4000)::INT
        ELSE DATE '1950-01-01' + (dice(person, 622) % 15000)::INT END AS birth_date,
    CASE WHEN role = 'student' THEN CASE WHEN chance(person, 630) < 0.35 THEN before_as_of(person, 631, 1000) END
        WHEN chance(home, 630) < 0.07 THEN before_as_of(home, 631, 1000) END AS moved_at,
    home AS place,
    CASE WHEN role = 'student' THEN getvariable('persons') + person
        WHEN chance(home, 632) < 0.2 THEN (home + 20) % getvariable('persons') ELSE getvariable('persons') + home END AS former_place,
    CASE WHEN role IN ('child', 'grandson') AND chance(person, 640) < 0.08 THEN 2 * home
        WHEN role = 'sibling' AND chance(person, 640) < 0.06 THEN 2 * home
        WHEN chance(person, 641) < 0.01 THEN 2 * ((person + 7) % getvariable('persons')) + 1
        ELSE 2 * person END AS mobile,
    2 * person + 1 AS former_mobile,
    CASE WHEN chance(person, 642) < 0.06 OR chance(person + getvariable('persons') - 7, 641) < 0.01 OR chance(person - 7, 641) < 0.01
        THEN before_as_of(person, 643, 1000) END AS renumbered_at,
    CASE WHEN chance(home, 644) < 0.25 OR role = 'student' AND chance(home, 644) < 0.5 THEN home END AS landline,
    CASE WHEN chance(person, 645) < 0.03 THEN before_as_of(person, 646, 1000) END AS readdressed_at,
    role IN ('head', 'father', 'partner', 'lover') AND chance(home, 647) < 0.04 AS shares_mailbox,
    CASE WHEN role = 'colleague' THEN person // 20 END AS firm,
    dice(person, 648) % 10 AS mail_style
FROM gendered;

CREATE MACRO mailbox_of(first_name, surname, n, style) AS CASE style % 5
    WHEN 0 THEN letters(first_name)[1:3] || letters(surname)[1:4] || '.' || n % 97 || 'x' || n
    WHEN 1 THEN letters(surname) || '-' || letters(first_name)[1] || n
    WHEN 2 THEN letters(first_name) || '.' || letters(surname) || '.' || n
    WHEN 3 THEN 'k' || n || letters(surname)
    ELSE n || '.' || letters(first_name) END
    || '@' || ['kpost.example.nl', 'tele.example.be', 'inbox.example.com', 'wolk.example.org', 'zonmail.example.nl'][1 + (style + n) % 5];

ALTER TABLE person ADD COLUMN email VARCHAR;
ALTER TABLE person ADD COLUMN other_email VARCHAR;
ALTER TABLE person ADD COLUMN shared_email VARCHAR;
UPDATE person SET
    email = mailbox_of(first_name, surname, person, mail_style::INT),
    other_email = CASE WHEN firm IS NOT NULL THEN letters(first_name) || '.' || letters(surname) || '@bedrijf' || firm || '.example.com'
        ELSE mailbox_of(first_name, surname, 9 * person + 4, (mail_style + 1)::INT) END,
    shared_email = CASE WHEN firm IS NOT NULL
        THEN choice(firm, 650, ['verkoop', 'bestellingen', 'team', 'receptie', 'winkel']) || '@bedrijf' || firm || '.example.com'
        ELSE letters(surname) || '.thuis' || home || '@kpost.example.nl' END;
