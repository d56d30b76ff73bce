-- The people of the first identity world: who lives with whom, what they are called, and how they can be reached, over time.
-- Every value is a function of (number, salt, seed) through hash(). Variables: persons, seed, belgians.
--
-- People come in blocks of sixteen: three live alone, six are couples, three are parents with a child, four are parents
-- with two children. Numbers and addresses are given out one to one, so that a large world has no more accidents than
-- a small one.

CREATE TEMP TABLE person AS
WITH housed AS (
    SELECT
        i AS person,
        (i - i % 16 + [0, 1, 2, 3, 3, 5, 5, 7, 7, 9, 9, 9, 12, 12, 12, 12][1 + i % 16])::BIGINT AS home,
        ['single', 'single', 'single', 'head', 'partner', 'head', 'partner', 'head', 'partner', 'head', 'partner', 'child',
            'head', 'partner', 'child', 'child'][1 + i % 16] AS role
    FROM range(getvariable('persons')) AS numbers(i)
),
gendered AS (
    SELECT *,
        chance(home, 200) < getvariable('belgians') AS belgian,
        CASE role WHEN 'head' THEN chance(home, 201) < 0.12 WHEN 'partner' THEN chance(home, 201) >= 0.10
            ELSE chance(person, 202) < 0.53 END AS female
    FROM housed
)
SELECT
    person, home, role, belgian, female,
    CASE WHEN female THEN popular(person, 203, getvariable('women')) ELSE popular(person, 203, getvariable('men')) END AS first_name,
    prefix_of(CASE WHEN role = 'child' THEN home ELSE person END) AS born_prefix,
    surname_of(CASE WHEN role = 'child' THEN home ELSE person END) AS born_surname,
    prefix_of(home) AS home_prefix,
    surname_of(home) AS home_surname,
    -- A third of the partners bear the other's name; one in ten takes it or drops it within the years that the systems know.
    role = 'partner' AND chance(person, 220) < 0.35 AS bears_home_name,
    CASE WHEN role = 'partner' AND chance(person, 221) < 0.10 THEN before_as_of(person, 222, 1000) END AS renamed_at,
    CASE role
        WHEN 'child' THEN DATE '1988-01-01' + (dice(CASE WHEN chance(home, 223) < 0.10 THEN home ELSE person END, 224) % 8000)::INT
        WHEN 'partner' THEN DATE '1938-01-01' + (dice(home, 225) % 22000)::INT + (dice(person, 226) % 2500)::INT - 900
        ELSE DATE '1938-01-01' + (dice(home, 225) % 22000)::INT END AS birth_date,
    CASE WHEN role = 'child' AND chance(person, 230) < 0.12 THEN before_as_of(person, 231, 1000)
        WHEN chance(home, 230) < 0.08 THEN before_as_of(home, 231, 1000) END AS moved_at,
    -- Where they went: children to a place of their own. Where they came from: now and then others live there today.
    CASE WHEN role = 'child' AND chance(person, 230) < 0.12 THEN 2 * getvariable('persons') + person ELSE home END AS place,
    CASE WHEN role = 'child' AND chance(person, 230) < 0.12 THEN home
        WHEN chance(home, 232) < 0.3 THEN (home + 16) % getvariable('persons')
        ELSE getvariable('persons') + home END AS former_place,
    -- Numbers: two of one's own (now and before); some have a parent's or partner's; some have one that was another's before.
    CASE WHEN role = 'child' AND chance(person, 240) < 0.20 THEN 2 * home
        WHEN role = 'partner' AND chance(person, 240) < 0.03 THEN 2 * home
        WHEN chance(person, 241) < 0.015 THEN 2 * ((person + 5) % getvariable('persons')) + 1
        ELSE 2 * person END AS mobile,
    2 * person + 1 AS former_mobile,
    CASE WHEN chance(person, 242) < 0.05 OR chance(person + getvariable('persons') - 5, 241) < 0.015 OR chance(person - 5, 241) < 0.015
        THEN before_as_of(person, 243, 1000) END AS renumbered_at,
    CASE WHEN chance(home, 244) < 0.35 THEN home END AS landline,
    CASE WHEN chance(person, 245) < 0.03 THEN before_as_of(person, 246, 1000) END AS readdressed_at,
    role IN ('head', 'partner') AND chance(home, 247) < 0.05 AS shares_mailbox,
    dice(person, 248) % 10 AS mail_style
FROM gendered;

ALTER TABLE person ADD COLUMN email VARCHAR;
ALTER TABLE person ADD COLUMN other_email VARCHAR;
ALTER TABLE person ADD COLUMN home_email VARCHAR;
UPDATE person SET
    email = address_of(first_name, born_surname, person, mail_style::INT),
    other_email = address_of(first_name, born_surname, 7 * person + 3, (mail_style + 2)::INT % 10) ,
    home_email = 'fam.' || letters(home_surname) || home || '@post.example.nl';
