-- What seven systems know about the people: each record shows its person as of the moment it was made, with the slips of
-- whoever typed it. Variables: persons, seed, crowd.

-- One slip of the keyboard in a name or an address: two letters change places, one is lost, doubled or another.
CREATE MACRO slip_at(text, k, salt, p) AS CASE (dice(k, salt) % 4)::INT
    WHEN 0 THEN text[:p - 1] || text[p + 1] || text[p] || text[p + 2:]
    WHEN 1 THEN text[:p - 1] || text[p + 1:]
    WHEN 2 THEN text[:p] || text[p] || text[p + 1:]
    ELSE text[:p - 1] || choice(k, salt + 2, ['e', 'a', 'i', 'o', 'n', 'r', 's', 't']) || text[p + 1:] END;
CREATE MACRO slip(text, k, salt) AS
    CASE WHEN length(text) < 4 THEN text ELSE slip_at(text, k, salt, 2 + (dice(k, salt + 1) % (length(text) - 2))::INT) END;
CREATE MACRO mistyped(text, k, salt, share) AS CASE WHEN chance(k, salt) < share THEN slip(text, k, salt + 1) ELSE text END;
-- A slip in a number: two digits change places, or one is another.
CREATE MACRO misdialled_at(number, k, salt, p) AS CASE
    WHEN dice(k, salt) % 2 = 0 THEN number[:p - 1] || number[p + 1] || number[p] || number[p + 2:]
    ELSE number[:p - 1] || ((number[p]::INT + 1 + (dice(k, salt + 1) % 9)::INT) % 10) || number[p + 1:] END;
CREATE MACRO misdialled(number, k, salt, share) AS
    CASE WHEN chance(k, salt) < share THEN misdialled_at(number, k, salt + 1, 3 + (dice(k, salt + 3) % 6)::INT) ELSE number END;
CREATE MACRO misdated(day, k, salt, share) AS CASE
    WHEN chance(k, salt) >= share THEN day
    WHEN dice(k, salt + 1) % 3 = 0 AND day(day) <= 12 THEN make_date(year(day), day(day), month(day))
    WHEN dice(k, salt + 1) % 3 = 1 THEN day + INTERVAL 1 YEAR
    ELSE day + CASE WHEN day(day) > 10 THEN -10 ELSE 10 END END::DATE;
CREATE MACRO cased(text, k, salt) AS CASE
    WHEN chance(k, salt) < 0.02 THEN upper(text) WHEN chance(k, salt) < 0.05 THEN lower(text)
    WHEN chance(k, salt) < 0.06 THEN ' ' || text || ' ' WHEN chance(k, salt) < 0.30 THEN strip_accents(text) ELSE text END;
-- A first name as people give it: in full, the name they go by, or an initial.
CREATE MACRO called(name, k, salt, nicknames, initials) AS CASE
    WHEN chance(k, salt) < nicknames THEN coalesce(choice(k, salt + 1, element_at(getvariable('nicknames'), name)[1]), name)
    WHEN chance(k, salt) > 1 - initials THEN name[1] || '.'
    ELSE name END;
-- The occasions on which a system took down somebody's data.
CREATE TEMP TABLE occasion AS
SELECT system, person, copy, 10 * (4 * person + copy) + number AS k, moment
FROM (
    SELECT 'crm' AS system, 1 AS number, person, copy FROM person, (VALUES (0, 0.94), (1, 0.06)) AS draws(copy, share)
    WHERE chance(3 * person + copy, 300) < share
    UNION ALL
    SELECT 'shop', 2, person, copy FROM person, (VALUES (0, 0.56), (1, 0.04)) AS draws(copy, share)
    WHERE chance(3 * person + copy, 301) < share
    UNION ALL
    SELECT 'checkout', 3, person, copy FROM person, (VALUES (0, 0.15), (1, 0.05), (2, 0.02)) AS draws(copy, share)
    WHERE chance(3 * person + copy, 302) < share
    UNION ALL SELECT 'till', 4, person, 0 FROM person WHERE chance(person, 303) < 0.25
    UNION ALL SELECT 'erp', 5, person, 0 FROM person WHERE chance(3 * person, 301) < 0.56 AND chance(person, 304) < 0.14
    UNION ALL SELECT 'newsletter', 6, person, 0 FROM person WHERE chance(person, 305) < 0.12
    UNION ALL SELECT 'web', 7, person, 0 FROM person WHERE chance(person, 306) < 0.13
), LATERAL (SELECT before_as_of(10 * (4 * person + copy) + number, 307, 1095) AS moment);

-- What was true at that moment.
CREATE TEMP TABLE known AS
SELECT
    system, k, moment, person, copy, belgian, female, birth_date, landline, place, role,
    first_name,
    CASE WHEN bears THEN home_prefix ELSE born_prefix END AS prefix,
    CASE WHEN bears THEN home_surname ELSE born_surname END AS surname,
    CASE WHEN shares_mailbox AND chance(k, 310) < 0.5 THEN home_email
        WHEN readdressed_at IS NOT NULL AND moment < readdressed_at THEN other_email
        WHEN readdressed_at IS NULL AND chance(person, 311) < 0.10 AND chance(k, 312) < 0.20 THEN other_email
        ELSE email END AS email,
    CASE WHEN renumbered_at IS NOT NULL AND moment < renumbered_at THEN mobile_of(former_mobile, belgian) ELSE mobile_of(mobile, belgian) END AS mobile
FROM (
    SELECT occasion.*, person.* EXCLUDE (person, place),
        bears_home_name <> (renamed_at IS NOT NULL AND moment < renamed_at) AS bears,
        CASE WHEN moved_at IS NOT NULL AND moment < moved_at THEN former_place ELSE place END AS place
    FROM occasion JOIN person USING (person)
);

CREATE TEMP TABLE crm AS
SELECT
    k AS id,
    CASE WHEN chance(k, 320) < 0.01 THEN choice(k, 321, ['onbekend', '.', '-', NULL])
        ELSE cased(mistyped(called(first_name, k, 322, 0.10, 0.08), k, 324, 0.025), k, 328) END AS first_name,
    nullif(prefix, '') AS prefix,
    cased(mistyped(surname, k, 330, 0.03), k, 334) AS last_name,
    CASE WHEN chance(k, 335) < 0.12 THEN NULL WHEN female <> (chance(k, 336) < 0.01) THEN 'F' ELSE 'M' END AS gender,
    CASE WHEN chance(k, 337) < 0.22 THEN NULL WHEN chance(k, 337) < 0.23 THEN '01-01-1900'
        ELSE strftime(misdated(birth_date, k, 338, 0.02), '%d-%m-%Y') END AS birth_date,
    CASE WHEN chance(k, 341) < 0.07 THEN NULL
        WHEN chance(k, 341) < 0.08 THEN choice(k, 342, ['geen', 'n.v.t.', 'onbekend', 'geen@geen.nl', 'test@test.nl', '-'])
        WHEN chance(k, 341) < 0.09 THEN choice(k, 342, ['info', 'administratie', 'contact']) || '@'
            || choice(k, 343, getvariable('stems')) || (dice(k, 344) % greatest(getvariable('persons') // 200, 3)) || '.example.com'
        ELSE noisy_email(mistyped(email, k, 345, 0.012), k, 349) END AS email,
    CASE
        WHEN chance(k, 350) < getvariable('crowd') THEN noisy_phone('207000000', k, 351)
        WHEN chance(k, 350) < 0.06 THEN NULL
        WHEN chance(k, 350) < 0.075 THEN choice(k, 352, ['0000000000', '0612345', 'geen', '0612345678', '-'])
        WHEN landline IS NOT NULL AND dice(k, 353) % 10 < 2 THEN noisy_phone(misdialled(landline_of(landline), k, 354, 0.01), k, 358)
        ELSE phone_written(misdialled(mobile, k, 354, 0.01), belgian, k, 358) END AS phone,
    CASE WHEN chance(k, 359) < 0.05 THEN NULL ELSE place_of(place, belgian) END AS address,
    belgian, k, person, moment AS updated_at
FROM known WHERE system = 'crm';

CREATE TEMP TABLE shop AS
SELECT
    k AS id,
    cased(mistyped(called(first_name, k, 362, 0.18, 0.06), k, 364, 0.02), k, 368) AS first_name,
    cased(mistyped(full_surname(prefix, surname), k, 370, 0.02), k, 374) AS last_name,
    CASE WHEN chance(k, 375) < 0.70 THEN NULL ELSE strftime(misdated(birth_date, k, 376, 0.01), '%Y-%m-%d') END AS birth_date,
    noisy_email(mistyped(CASE WHEN copy = 1 AND chance(k, 379) < 0.6 THEN replace(email, '@', '.x@') ELSE email END, k, 380, 0.006), k, 384) AS email,
    CASE WHEN chance(k, 385) < 0.10 THEN NULL
        ELSE phone_written(misdialled(mobile, k, 386, 0.008), belgian, k, 390) END AS mobile,
    CASE WHEN chance(k, 391) < 0.10 THEN NULL ELSE place_of(place, belgian) END AS address,
    belgian, k, copy, person, moment AS updated_at
FROM known WHERE system = 'shop';

CREATE TEMP TABLE checkout AS
SELECT
    'G' || k AS order_no,
    cased(mistyped(called(first_name, k, 402, 0.15, 0.12), k, 404, 0.025), k, 408) AS first_name,
    cased(mistyped(full_surname(prefix, surname), k, 410, 0.025), k, 414) AS last_name,
    noisy_email(mistyped(email, k, 420, 0.010), k, 424) AS email,
    CASE WHEN chance(k, 425) < 0.15 THEN NULL
        ELSE phone_written(misdialled(mobile, k, 426, 0.01), belgian, k, 430) END AS phone,
    place_of(place, belgian) AS address,
    belgian, k, person, moment AS ordered_at
FROM known WHERE system = 'checkout';

CREATE TEMP TABLE till AS
SELECT
    'L' || lpad(person::VARCHAR, 9, '0') AS card_no,
    CASE WHEN chance(k, 440) < 0.08 THEN NULL
        ELSE cased(mistyped(called(first_name, k, 442, 0.12, 0.15), k, 444, 0.03), k, 448) END AS first_name,
    nullif(prefix, '') AS prefix,
    cased(mistyped(surname, k, 450, 0.03), k, 454) AS last_name,
    CASE WHEN chance(k, 455) < 0.35 THEN NULL ELSE strftime(misdated(birth_date, k, 456, 0.02), '%d-%m-%Y') END AS birth_date,
    CASE WHEN chance(k, 459) < 0.25 THEN NULL ELSE noisy_email(mistyped(email, k, 460, 0.018), k, 464) END AS email,
    CASE WHEN chance(k, 465) < 0.20 THEN NULL
        WHEN landline IS NOT NULL AND dice(k, 466) % 10 < 2 THEN noisy_phone(landline_of(landline), k, 470)
        ELSE phone_written(misdialled(mobile, k, 467, 0.015), belgian, k, 470) END AS phone,
    CASE WHEN chance(k, 471) < 0.30 THEN NULL ELSE place_of(place, belgian) END AS address,
    belgian, k, person, moment AS issued_at
FROM known WHERE system = 'till';

-- Two thirds of the card holders told their card's number to the CRM.
ALTER TABLE crm ADD COLUMN card_no VARCHAR;
UPDATE crm SET card_no = till.card_no FROM till WHERE till.person = crm.person AND chance(crm.k, 480) < 0.65;

CREATE TEMP TABLE erp AS
SELECT
    'D' || lpad(known.k::VARCHAR, 9, '0') AS debtor_no,
    shop.id::VARCHAR AS customer_no,
    upper(mistyped(known.first_name[1] || '. ' || full_surname(prefix, surname), known.k, 490, 0.02)) AS name,
    CASE WHEN landline IS NOT NULL AND chance(known.k, 495) < 0.7 THEN noisy_phone(landline_of(landline), known.k, 496) END AS phone,
    place_of(known.place, known.belgian) AS address,
    known.belgian, known.k, known.person, known.moment AS changed_at
FROM known JOIN shop ON shop.person = known.person AND known.system = 'erp' AND shop.copy = 0;

CREATE TEMP TABLE newsletter AS
SELECT
    k AS subscriber,
    noisy_email(mistyped(email, k, 500, 0.006), k, 504) AS email,
    CASE WHEN chance(k, 505) < 0.6 THEN cased(called(first_name, k, 506, 0.2, 0.02), k, 508) END AS first_name,
    k, person, moment AS subscribed_at
FROM known WHERE system = 'newsletter';

-- A browser that somebody logged in with, or clicked a mail in (the mail's link carries the hash of its address).
CREATE TEMP TABLE web AS
SELECT
    'v' || known.k AS visitor,
    CASE WHEN chance(known.k, 510) < 0.7 THEN shop.id::VARCHAR END AS customer_no,
    CASE WHEN shop.id IS NULL OR chance(known.k, 510) >= 0.7 THEN sha256(known.email) END AS email_hash,
    known.k, known.person, known.moment AS seen_at
FROM known LEFT JOIN shop ON shop.person = known.person AND shop.copy = 0
WHERE system = 'web';
