/*
 * The masking functions as SQL: pgfleet's own, with the names and meanings that PostgreSQL Anonymizer
 * gave them. Their bodies are bound when they are made, so nothing of the tenant's is called in the
 * place of anything. What they need as a secret is a setting of the session: no catalogue, and so no
 * file, ever has it.
 */
import { escapeIdentifier as name, escapeLiteral as literal } from 'pg';
import { fakeData } from './fake-data.ts';

/** The session's setting with the salt of hashes and pseudonyms. */
export const SALT_SETTING = 'pgfleet.masking_salt';

const SALT = `current_setting('${SALT_SETTING}')`;

type Definition = readonly [signature: string, returns: string, body: string];

/** The statements that make the functions in a schema that is there. */
export function createMaskingFunctions(schema: string): readonly string[] {
  const s = name(schema);
  return [
    ...foundations(s),
    ...fakes(s),
    ...pseudonyms(s),
    ...randoms(s),
    ...transformations(s),
  ].map(
    ([signature, returns, body]) =>
      `CREATE FUNCTION ${s}.${signature} RETURNS ${returns} LANGUAGE sql VOLATILE ${bodyOf(signature, body)}`,
  );
}

/** What the others are made of; no rule can call them. */
function foundations(s: string): Definition[] {
  const number = `('x' || substr(encode(sha256(convert_to(coalesce(salt, ${SALT}) || seed, 'UTF8')),
    'hex'), 1, 8))::bit(32)::int8`;
  return [
    ['"pick"(list text[])', 'text', 'list[1 + floor(random() * cardinality(list))::int4]'],
    ['"number_of"(seed text, salt text)', 'int8', number],
    [
      '"chosen"(list text[], seed text, salt text)',
      'text',
      `list[1 + mod(${s}."number_of"(seed, salt), cardinality(list))::int4]`,
    ],
    [
      '"digits"(n int4)',
      'text',
      `(SELECT string_agg(floor(random() * 10)::int4::text, '') FROM generate_series(1, n))`,
    ],
    [
      '"as_iban"(account text)',
      'text',
      `'DE' || lpad((98 - mod((account || '131400')::numeric, 97))::text, 2, '0') || account`,
    ],
    [
      '"as_card"(payload text)',
      'text',
      `payload || (SELECT mod(10 - mod(sum(CASE
          WHEN mod(i, 2) = 0 THEN substr(payload, i, 1)::int4
          WHEN substr(payload, i, 1)::int4 > 4 THEN 2 * substr(payload, i, 1)::int4 - 9
          ELSE 2 * substr(payload, i, 1)::int4 END), 10), 10)::text
        FROM generate_series(1, length(payload)) AS i)`,
    ],
    [
      '"words"(n int4)',
      'text',
      `(SELECT string_agg(${s}."pick"(${list('words')}), ' ') FROM generate_series(1, n))`,
    ],
  ];
}

function fakes(s: string): Definition[] {
  const pick = (kind: keyof typeof fakeData) => `${s}."pick"(${list(kind)})`;
  const digits = (n: number) => `${s}."digits"(${n})`;
  const user = `lower(${pick('firstNames')} || '.' || ${pick('lastNames')}) || ${digits(7)}`;
  const email = `${user} || '@example.' || ${s}."pick"(ARRAY['com', 'net', 'org'])`;
  const street = `${pick('streets')} || ' ' || (1 + floor(random() * 199))::int4::text`;
  const postcode = digits(5);
  // Numbers and addresses that are set aside for examples, where there are some.
  const phone = `'+1-' || ${digits(3)} || '-555-01' || ${digits(2)}`;
  const ip = `'192.0.2.' || (1 + floor(random() * 254))::int4::text`;
  const name_ = `${pick('firstNames')} || ' ' || ${pick('lastNames')}`;
  const texts: Readonly<Record<string, string>> = {
    fake_address: `${street} || ', ' || ${postcode} || ' ' || ${pick('cities')}`,
    fake_city: pick('cities'),
    fake_company: pick('companies'),
    fake_country: pick('countries'),
    fake_email: email,
    fake_first_name: pick('firstNames'),
    fake_iban: `${s}."as_iban"(${digits(18)})`,
    fake_last_name: pick('lastNames'),
    fake_postcode: postcode,
    fake_region: pick('regions'),
    dummy_building_number: '(1 + floor(random() * 199))::int4::text',
    dummy_cell_number: phone,
    dummy_city_name: pick('cities'),
    dummy_company_name: pick('companies'),
    dummy_country_code: pick('countryCodes'),
    dummy_country_name: pick('countries'),
    dummy_credit_card_number: `${s}."as_card"('4' || ${digits(14)})`,
    dummy_first_name: pick('firstNames'),
    dummy_free_email: email,
    dummy_ip: ip,
    dummy_ipv4: ip,
    dummy_last_name: pick('lastNames'),
    dummy_name: name_,
    dummy_phone_number: phone,
    dummy_safe_email: email,
    dummy_sentence: `initcap(${pick('words')}) || ' ' || ${s}."words"(6) || '.'`,
    dummy_state_name: pick('regions'),
    dummy_street_name: pick('streets'),
    dummy_username: user,
    dummy_word: pick('words'),
    dummy_zip_code: postcode,
  };
  return [
    ...Object.entries(texts).map(([fn, body]): Definition => [`${name(fn)}()`, 'text', body]),
    ['"dummy_uuidv4"()', 'uuid', 'gen_random_uuid()'],
    [
      '"lorem_ipsum"(paragraphs int4 DEFAULT 5, words int4 DEFAULT 0, characters int4 DEFAULT 0)',
      'text',
      `CASE WHEN characters > 0 THEN left(${s}."words"(characters), characters)
        WHEN words > 0 THEN ${s}."words"(words)
        ELSE (SELECT string_agg(${s}."words"(40) || '.', chr(10)) FROM generate_series(1, paragraphs))
        END`,
    ],
  ];
}

/** The same for the same seed; without a salt of the caller's own, within one run only. */
function pseudonyms(s: string): Definition[] {
  const chosen = (kind: keyof typeof fakeData, mark: string) =>
    `${s}."chosen"(${list(kind)}, seed || '${mark}', salt)`;
  const account = `lpad(${s}."number_of"(seed || ':a', salt)::text, 10, '0')
    || lpad(mod(${s}."number_of"(seed || ':b', salt), 100000000)::text, 8, '0')`;
  const texts: Readonly<Record<string, string>> = {
    pseudo_city: chosen('cities', ':c'),
    pseudo_company: chosen('companies', ':o'),
    pseudo_country: chosen('countries', ':n'),
    pseudo_email: `lower(${chosen('firstNames', ':f')} || '.' || ${chosen('lastNames', ':l')})
      || ${s}."number_of"(seed || ':e', salt)::text || '@example.com'`,
    pseudo_first_name: chosen('firstNames', ':f'),
    pseudo_iban: `${s}."as_iban"(${account})`,
    pseudo_last_name: chosen('lastNames', ':l'),
    pseudo_region: chosen('regions', ':r'),
  };
  return Object.entries(texts).flatMap(([fn, body]): Definition[] => [
    [`${name(fn)}(seed text, salt text DEFAULT NULL)`, 'text', body],
    [
      `${name(fn)}(seed anyelement, salt text DEFAULT NULL)`,
      'text',
      `${s}.${name(fn)}(seed::pg_catalog.text, salt)`,
    ],
  ]);
}

function randoms(s: string): Definition[] {
  const letter = `substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ', 1 + floor(random() * 26)::int4, 1)`;
  const moment = `low + random() * (high - low)`;
  return [
    [
      '"random_int_between"(low int4, high int4)',
      'int4',
      '(low + floor(random() * (high::float8 - low + 1)))::int4',
    ],
    [
      '"random_bigint_between"(low int8, high int8)',
      'int8',
      '(low + floor(random()::numeric * (high::numeric - low + 1)))::int8',
    ],
    ['"random_date_between"(low timestamptz, high timestamptz)', 'timestamptz', moment],
    [
      '"random_date"()',
      'timestamptz',
      `${s}."random_date_between"('1900-01-01 00:00:00+00', statement_timestamp())`,
    ],
    [
      '"random_string"(length int4)',
      'text',
      `(SELECT string_agg(${letter}, '') FROM generate_series(1, length))`,
    ],
    ['"random_zip"()', 'text', `${s}."digits"(5)`],
    [`"random_phone"(prefix text DEFAULT '0')`, 'text', `prefix || ${s}."digits"(9)`],
  ];
}

function transformations(s: string): Definition[] {
  const factor = '(1 + (2 * random() - 1) * ratio)';
  const shift = '(2 * random() - 1) * amount';
  const bytes = `convert_to(value || salt, 'UTF8')`;
  const [local, domain] = [`split_part(value, '@', 1)`, `split_part(value, '@', 2)`];
  const begin = (part: string) => `left(${part}, least(2, greatest(length(${part}) - 1, 0)))`;
  return [
    ['"noise"(value int4, ratio float8)', 'int4', `round(value * ${factor})::int4`],
    ['"noise"(value int8, ratio float8)', 'int8', `round(value * ${factor})::int8`],
    ['"noise"(value float8, ratio float8)', 'float8', `value * ${factor}`],
    ['"noise"(value numeric, ratio float8)', 'numeric', `value * ${factor}::numeric`],
    ['"dnoise"(value date, amount interval)', 'date', `(value + ${shift})::date`],
    ['"dnoise"(value timestamp, amount interval)', 'timestamp', `value + ${shift}`],
    ['"dnoise"(value timestamptz, amount interval)', 'timestamptz', `value + ${shift}`],
    ['"dnoise"(value time, amount interval)', 'time', `value + ${shift}`],
    ['"hash"(value text)', 'text', `encode(sha256(convert_to(${SALT} || value, 'UTF8')), 'hex')`],
    ['"hash"(value anyelement)', 'text', `${s}."hash"(value::pg_catalog.text)`],
    [
      '"digest"(value text, salt text, algorithm text)',
      'text',
      `CASE algorithm WHEN 'md5' THEN md5(value || salt)
        WHEN 'sha224' THEN encode(sha224(${bytes}), 'hex')
        WHEN 'sha256' THEN encode(sha256(${bytes}), 'hex')
        WHEN 'sha384' THEN encode(sha384(${bytes}), 'hex')
        WHEN 'sha512' THEN encode(sha512(${bytes}), 'hex') END`,
    ],
    [
      // What is too short to be hidden by leaving some of it out is left out as a whole.
      '"partial"(value text, prefix int4, padding text, suffix int4)',
      'text',
      `CASE WHEN value IS NULL THEN NULL
        WHEN length(value) <= greatest(prefix, 0) + greatest(suffix, 0) THEN padding
        ELSE left(value, greatest(prefix, 0)) || padding || right(value, greatest(suffix, 0)) END`,
    ],
    [
      '"partial_email"(value text)',
      'text',
      `${begin(local)} || '******@' || ${begin(domain)} || '******.' ||
        reverse(split_part(reverse(${domain}), '.', 1))`,
    ],
  ];
}

// One for values of any type cannot be bound: its body names where all that it calls is.
function bodyOf(signature: string, body: string): string {
  return signature.includes('anyelement') ? `AS ${literal(`SELECT ${body}`)}` : `RETURN ${body}`;
}

function list(kind: keyof typeof fakeData): string {
  return `ARRAY[${fakeData[kind].map(literal).join(', ')}]`;
}
