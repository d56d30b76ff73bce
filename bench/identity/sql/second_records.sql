-- What seven systems know about the people of the second world: scanned forms that are misread, names written by ear, fields
-- filled in the wrong way round, prefixes left out, offices that share a mailbox and a number. Variables: persons, seed, crowd.

-- A scanner misreads one letter or pair of letters, where the text has any of those it confuses.
CREATE MACRO misread(text, k, salt) AS CASE (dice(k, salt) % 8)::INT
    WHEN 0 THEN regexp_replace(text, 'rn|ni', 'm') WHEN 1 THEN regexp_replace(text, 'm', 'rn') WHEN 2 THEN regexp_replace(text, 'e', 'c')
    WHEN 3 THEN regexp_replace(text, 'l', 'i') WHEN 4 THEN regexp_replace(text, 'h', 'b') WHEN 5 THEN regexp_replace(text, 'u', 'v')
    WHEN 6 THEN regexp_replace(text, 'o', '0') ELSE regexp_replace(text, 'a', 'o') END;
-- Somebody on the telephone writes what he hears.
CREATE MACRO by_ear(text, k, salt) AS CASE (dice(k, salt) % 9)::INT
    WHEN 0 THEN regexp_replace(text, 'ij', 'y') WHEN 1 THEN regexp_replace(text, 'ck', 'k') WHEN 2 THEN regexp_replace(text, 'th', 't')
    WHEN 3 THEN regexp_replace(text, 'ei', 'ij') WHEN 4 THEN regexp_replace(text, 'au', 'ou') WHEN 5 THEN regexp_replace(text, 'z', 's')
    WHEN 6 THEN regexp_replace(text, '([^a-z]|^)v', '\1f') WHEN 7 THEN replace(replace(replace(text, 'ss', 's'), 'nn', 'n'), 'tt', 't') ELSE regexp_replace(text, 'c', 'k') END;
CREATE MACRO taken_down(text, k, salt, by_scan, by_phone) AS CASE
    WHEN chance(k, salt) < by_scan THEN misread(text, k, salt + 1)
    WHEN chance(k, salt) > 1 - by_phone THEN by_ear(text, k, salt + 1)
    ELSE text END;
-- People with two names use the first, the last, or the initials.
CREATE MACRO goes_by(name, k, salt) AS CASE
    WHEN contains(name, '-') AND chance(k, salt) < 0.3 THEN replace(name, '-', ' ')
    WHEN contains(name, '-') AND chance(k, salt) < 0.5 THEN split_part(name, '-', 1)
    WHEN contains(name, '-') AND chance(k, salt) > 0.9 THEN name[1] || '.' || split_part(name, '-', 2)[1] || '.'
    WHEN chance(k, salt) < 0.08 THEN coalesce(choice(k, salt + 1, element_at(getvariable('nicknames'), name)[1]), name)
    WHEN chance(k, salt) > 0.93 THEN name[1]
    ELSE name END;
CREATE MACRO with_prefix(prefix, surname, k, salt) AS CASE
    WHEN prefix = '' THEN surname
    WHEN chance(k, salt) < 0.12 THEN surname
    WHEN chance(k, salt) < 0.16 THEN upper(prefix[1]) || replace(prefix, ' ', '')[2:] || lower(surname)
    WHEN chance(k, salt) < 0.22 THEN surname || ', ' || prefix
    WHEN chance(k, salt) < 0.30 THEN upper(prefix[1]) || prefix[2:] || ' ' || surname
    ELSE prefix || ' ' || surname END;
CREATE MACRO misheard_number(number, k, salt, share) AS CASE
    WHEN chance(k, salt) < share / 3 THEN number[:8]
    WHEN chance(k, salt) < share THEN number[:4] || translate(number[5:5], '1760385924', '7106583294') || number[6:]
    ELSE number END;
CREATE MACRO some_day(day, k, salt) AS CASE
    WHEN chance(k, salt) < 0.015 AND day(day) <= 12 THEN make_date(year(day), day(day), month(day))
    WHEN chance(k, salt) < 0.025 THEN make_date(year(day), 1, 1)
    WHEN chance(k, salt) < 0.035 THEN day + CASE WHEN day(day) % 10 < 5 THEN 3 ELSE -3 END
    ELSE day END::DATE;

CREATE TEMP TABLE occasion AS
SELECT system, person, copy, 10 * (4 * person + copy) + number AS k, before_as_of(10 * (4 * person + copy) + number, 707, 1095) AS moment
FROM (
    SELECT 'crm' AS system, 1 AS number, person, copy FROM person, (VALUES (0, 0.58), (1, 0.03)) AS draws(copy, share)
    WHERE chance(3 * person + copy, 700) < share
    UNION ALL
    SELECT 'shop', 2, person, copy FROM person, (VALUES (0, 0.80), (1, 0.07)) AS draws(copy, share)
    WHERE chance(3 * person + copy, 701) < share
    UNION ALL
    SELECT 'checkout', 3, person, copy FROM person, (VALUES (0, 0.20), (1, 0.08), (2, 0.04)) AS draws(copy, share)
    WHERE chance(3 * person + copy, 702) < share
    UNION ALL SELECT 'till', 4, person, 0 FROM person WHERE chance(person, 703) < 0.12
    UNION ALL SELECT 'erp', 5, person, 0 FROM person WHERE chance(3 * person, 701) < 0.80 AND chance(person, 704) < 0.20
    UNION ALL SELECT 'newsletter', 6, person, 0 FROM person WHERE chance(person, 705) < 0.14
    UNION ALL SELECT 'web', 7, person, 0 FROM person WHERE chance(person, 706) < 0.16
);

CREATE TEMP TABLE known AS
SELECT
    system, k, moment, person, copy, belgian, female, birth_date, landline, role, firm, first_name,
    CASE WHEN divorced_at IS NOT NULL AND moment < divorced_at THEN former_prefix ELSE prefix END AS prefix,
    CASE WHEN divorced_at IS NOT NULL AND moment < divorced_at THEN former_surname ELSE surname END AS surname,
    CASE WHEN moved_at IS NOT NULL AND moment < moved_at THEN former_place ELSE place END AS place,
    CASE WHEN shares_mailbox AND chance(k, 710) < 0.5 THEN shared_email
        WHEN firm IS NOT NULL AND chance(k, 710) < 0.20 THEN shared_email
        WHEN firm IS NOT NULL AND chance(k, 710) < 0.35 THEN other_email
        WHEN readdressed_at IS NOT NULL AND moment < readdressed_at THEN other_email
        WHEN readdressed_at IS NULL AND chance(person, 711) < 0.08 AND chance(k, 712) < 0.25 THEN other_email
        ELSE email END AS email,
    CASE WHEN firm IS NOT NULL AND chance(k, 713) < 0.2 THEN landline_of(3000000 + firm)
        WHEN renumbered_at IS NOT NULL AND moment < renumbered_at THEN mobile_of(former_mobile, belgian)
        ELSE mobile_of(mobile, belgian) END AS mobile
FROM occasion JOIN person USING (person);

CREATE TEMP TABLE crm AS
SELECT
    k AS id,
    CASE WHEN chance(k, 720) < 0.008 THEN choice(k, 721, ['?', 'dhr', 'klant', NULL])
        ELSE taken_down(goes_by(first_name, k, 722), k, 724, 0.005, 0.05) END AS first_name,
    CASE WHEN chance(k, 727) < 0.10 THEN NULL ELSE nullif(prefix, '') END AS prefix,
    taken_down(surname, k, 730, 0.005, 0.06) AS last_name,
    CASE WHEN chance(k, 735) < 0.30 THEN NULL WHEN female <> (chance(k, 736) < 0.015) THEN 'F' ELSE 'M' END AS gender,
    CASE WHEN chance(k, 737) < 0.25 THEN NULL ELSE strftime(some_day(birth_date, k, 738), '%d-%m-%Y') END AS birth_date,
    CASE WHEN chance(k, 741) < 0.09 THEN NULL
        WHEN chance(k, 741) < 0.10 THEN choice(k, 742, ['x@x.nl', 'nomail@nomail.com', 'wil niet', '0'])
        ELSE noisy_email(taken_down(email, k, 745, 0.002, 0.008), k, 749) END AS email,
    CASE WHEN chance(k, 750) < getvariable('crowd') THEN noisy_phone('207000000', k, 751)
        WHEN chance(k, 750) < 0.07 THEN NULL
        WHEN chance(k, 750) < 0.08 THEN choice(k, 752, ['0611111111', 'onbekend', '1'])
        WHEN landline IS NOT NULL AND dice(k, 753) % 10 < 2 THEN noisy_phone(landline_of(landline), k, 758)
        ELSE phone_written(misheard_number(mobile, k, 754, 0.015), belgian, k, 758) END AS phone,
    CASE WHEN chance(k, 759) < 0.06 THEN NULL ELSE place_of(place, belgian) END AS address,
    belgian, k, person, moment AS updated_at
FROM known WHERE system = 'crm';

CREATE TEMP TABLE shop AS
SELECT
    k AS id,
    CASE WHEN chance(k, 760) < 0.012 THEN with_prefix(prefix, surname, k, 761) ELSE goes_by(first_name, k, 762) END AS first_name,
    CASE WHEN chance(k, 760) < 0.012 THEN first_name ELSE with_prefix(prefix, surname, k, 761) END AS last_name,
    CASE WHEN chance(k, 775) < 0.60 THEN NULL ELSE strftime(some_day(birth_date, k, 776), '%Y-%m-%d') END AS birth_date,
    noisy_email(CASE WHEN chance(k, 780) < 0.004 THEN regexp_replace(email, '\.(nl|com|be)$', '.con') ELSE email END, k, 784) AS email,
    CASE WHEN chance(k, 785) < 0.08 THEN NULL
        ELSE phone_written(misheard_number(mobile, k, 786, 0.006), belgian, k, 790) END AS mobile,
    CASE WHEN chance(k, 791) < 0.12 THEN NULL ELSE place_of(place, belgian) END AS address,
    belgian, k, copy, person, moment AS updated_at
FROM known WHERE system = 'shop';

CREATE TEMP TABLE checkout AS
SELECT
    'G' || k AS order_no,
    CASE WHEN chance(k, 800) < 0.02 THEN with_prefix(prefix, surname, k, 801) ELSE goes_by(first_name, k, 802) END AS first_name,
    CASE WHEN chance(k, 800) < 0.02 THEN first_name ELSE with_prefix(prefix, surname, k, 801) END AS last_name,
    noisy_email(CASE WHEN chance(k, 820) < 0.008 THEN misread(email, k, 821) ELSE email END, k, 824) AS email,
    CASE WHEN chance(k, 825) < 0.12 THEN NULL
        ELSE phone_written(misheard_number(mobile, k, 826, 0.008), belgian, k, 830) END AS phone,
    place_of(CASE WHEN firm IS NOT NULL AND chance(k, 831) < 0.4 THEN 8 * getvariable('persons') + firm ELSE place END, belgian) AS address,
    belgian, k, person, moment AS ordered_at
FROM known WHERE system = 'checkout';

CREATE TEMP TABLE till AS
SELECT
    'L' || lpad(person::VARCHAR, 9, '0') AS card_no,
    taken_down(goes_by(first_name, k, 842), k, 844, 0.06, 0) AS first_name,
    nullif(prefix, '') AS prefix,
    taken_down(surname, k, 850, 0.06, 0) AS last_name,
    CASE WHEN chance(k, 855) < 0.20 THEN NULL ELSE strftime(some_day(birth_date, k, 856), '%d-%m-%Y') END AS birth_date,
    CASE WHEN chance(k, 859) < 0.20 THEN NULL ELSE noisy_email(taken_down(email, k, 860, 0.03, 0), k, 864) END AS email,
    CASE WHEN chance(k, 865) < 0.20 THEN NULL ELSE phone_written(misheard_number(mobile, k, 867, 0.02), belgian, k, 870) END AS phone,
    CASE WHEN chance(k, 871) < 0.10 THEN NULL ELSE place_of(place, belgian) END AS address,
    belgian, k, person, moment AS issued_at
FROM known WHERE system = 'till';

ALTER TABLE crm ADD COLUMN card_no VARCHAR;
UPDATE crm SET card_no = till.card_no FROM till WHERE till.person = crm.person AND chance(crm.k, 880) < 0.5;

-- An old system: capitals without accents, cut off after eighteen letters.
CREATE TEMP TABLE erp AS
SELECT
    'D' || lpad(known.k::VARCHAR, 9, '0') AS debtor_no,
    shop.id::VARCHAR AS customer_no,
    strip_accents(upper(known.first_name[1] || '. ' || full_surname(prefix, surname)))[:18] AS name,
    CASE WHEN landline IS NOT NULL AND chance(known.k, 895) < 0.6 THEN noisy_phone(landline_of(landline), known.k, 896) END AS phone,
    place_of(known.place, known.belgian) AS address,
    known.belgian, known.k, known.person, known.moment AS changed_at
FROM known JOIN shop ON shop.person = known.person AND known.system = 'erp' AND shop.copy = 0;

CREATE TEMP TABLE newsletter AS
SELECT
    k AS subscriber, noisy_email(email, k, 904) AS email, CASE WHEN chance(k, 905) < 0.5 THEN goes_by(first_name, k, 906) END AS first_name,
    k, person, moment AS subscribed_at
FROM known WHERE system = 'newsletter';

CREATE TEMP TABLE web AS
SELECT
    'v' || known.k AS visitor,
    CASE WHEN chance(known.k, 910) < 0.75 THEN shop.id::VARCHAR END AS customer_no,
    CASE WHEN shop.id IS NULL OR chance(known.k, 910) >= 0.75 THEN sha256(known.email) END AS email_hash,
    known.k, known.person, known.moment AS seen_at
FROM known LEFT JOIN shop ON shop.person = known.person AND shop.copy = 0
WHERE system = 'web';
