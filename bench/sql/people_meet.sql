-- One round among the records of components that tell different names: what each group says (`says`), and who meets whom.
-- Tables: node (record, root, person, given, surname, born, gender) of the components in which something may still join.

CREATE OR REPLACE TEMP TABLE says AS
SELECT *, CASE
    WHEN NOT ends_with(given, '.') AND born IS NOT NULL THEN 0
    WHEN NOT ends_with(given, '.') THEN 1
    WHEN given IS NOT NULL AND surname IS NOT NULL THEN 2
    WHEN given IS NOT NULL OR surname IS NOT NULL OR born IS NOT NULL THEN 3
    ELSE 4 END AS level
FROM (
    SELECT person,
        arg_min(given, record + CASE WHEN ends_with(given, '.') THEN 1099511627776 ELSE 0 END) FILTER (given IS NOT NULL) AS given,
        arg_min(surname, record) FILTER (surname IS NOT NULL) AS surname,
        arg_min(born, record) FILTER (born IS NOT NULL) AS born,
        arg_min(gender, record) FILTER (gender IS NOT NULL) AS gender
    FROM node GROUP BY person
);

CREATE OR REPLACE TEMP TABLE spoken AS
SELECT DISTINCT
    value, rank, root, person, level,
    CASE WHEN node.given IS NULL OR ends_with(node.given, '.') THEN says.given ELSE node.given END AS given,
    coalesce(node.surname, says.surname) AS surname,
    coalesce(node.born, says.born) AS born,
    coalesce(node.gender, says.gender) AS gender
FROM node JOIN says USING (person) JOIN held USING (record) SEMI JOIN shared USING (value);

CREATE OR REPLACE TEMP TABLE met AS
SELECT DISTINCT
    one.root, one.rank, one.person AS low, other.person AS high, one.level AS low_level, other.level AS high_level,
    one.given AS low_given, other.given AS high_given, one.surname AS low_surname, other.surname AS high_surname,
    one.born AS low_born, other.born AS high_born, one.gender AS low_gender, other.gender AS high_gender
FROM spoken AS one JOIN spoken AS other ON one.value = other.value AND one.person < other.person;
