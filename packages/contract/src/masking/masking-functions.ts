/** How a masking function is called. */
export interface MaskingSignature {
  /** For people. */
  readonly takes: string;
  readonly least: number;
  readonly most: number;
  /** Parameters that may be named. */
  readonly parameters?: readonly string[];
}

const takes = (text: string, least: number, most = least): MaskingSignature => ({
  takes: text,
  least,
  most,
});

const nothing = takes('', 0);
const seeded = takes('seed, salt', 1, 2);
const between = takes('from, to', 2);

/**
 * The functions of the schema `anon` that a rule may call, by name: those of PostgreSQL Anonymizer
 * that are used most, made anew by pgfleet. What they do stands in docs/anonymized-branches.md.
 */
export const maskingFunctions: Readonly<Record<string, MaskingSignature>> = {
  fake_address: nothing,
  fake_city: nothing,
  fake_company: nothing,
  fake_country: nothing,
  fake_email: nothing,
  fake_first_name: nothing,
  fake_iban: nothing,
  fake_last_name: nothing,
  fake_postcode: nothing,
  fake_region: nothing,
  dummy_building_number: nothing,
  dummy_cell_number: nothing,
  dummy_city_name: nothing,
  dummy_company_name: nothing,
  dummy_country_code: nothing,
  dummy_country_name: nothing,
  dummy_credit_card_number: nothing,
  dummy_first_name: nothing,
  dummy_free_email: nothing,
  dummy_ip: nothing,
  dummy_ipv4: nothing,
  dummy_last_name: nothing,
  dummy_name: nothing,
  dummy_phone_number: nothing,
  dummy_safe_email: nothing,
  dummy_sentence: nothing,
  dummy_state_name: nothing,
  dummy_street_name: nothing,
  dummy_username: nothing,
  dummy_uuidv4: nothing,
  dummy_word: nothing,
  dummy_zip_code: nothing,
  lorem_ipsum: {
    takes: 'paragraphs | words := n | characters := n',
    least: 0,
    most: 1,
    parameters: ['paragraphs', 'words', 'characters'],
  },
  pseudo_city: seeded,
  pseudo_company: seeded,
  pseudo_country: seeded,
  pseudo_email: seeded,
  pseudo_first_name: seeded,
  pseudo_iban: seeded,
  pseudo_last_name: seeded,
  pseudo_region: seeded,
  random_bigint_between: between,
  random_date: nothing,
  random_date_between: between,
  random_int_between: between,
  random_phone: takes('prefix', 0, 1),
  random_string: takes('length', 1),
  random_zip: nothing,
  noise: takes('value, ratio', 2),
  dnoise: takes('value, interval', 2),
  hash: takes('value', 1),
  digest: takes('value, salt, algorithm', 3),
  partial: takes('value, prefix length, padding, suffix length', 4),
  partial_email: takes('value', 1),
};

/** Functions of Postgres' own that a rule may call: they compute, and touch nothing. */
export const plainFunctions: Readonly<Record<string, MaskingSignature>> = {
  concat: takes('values', 1, 20),
  concat_ws: takes('separator, values', 2, 20),
  date_trunc: takes('unit, value', 2),
  gen_random_uuid: nothing,
  initcap: takes('value', 1),
  left: takes('value, length', 2),
  lower: takes('value', 1),
  lpad: takes('value, length, fill', 2, 3),
  md5: takes('value', 1),
  repeat: takes('value, count', 2),
  replace: takes('value, from, to', 3),
  reverse: takes('value', 1),
  right: takes('value, length', 2),
  round: takes('value, digits', 1, 2),
  rpad: takes('value, length, fill', 2, 3),
  split_part: takes('value, separator, field', 3),
  substr: takes('value, start, length', 2, 3),
  to_char: takes('value, format', 2),
  upper: takes('value', 1),
};

/** Types that an argument may be cast to, and how Postgres' catalogue calls them. */
export const maskingCasts: Readonly<Record<string, string>> = {
  bigint: 'int8',
  boolean: 'bool',
  bool: 'bool',
  date: 'date',
  'double precision': 'float8',
  float8: 'float8',
  int: 'int4',
  int2: 'int2',
  int4: 'int4',
  int8: 'int8',
  integer: 'int4',
  interval: 'interval',
  numeric: 'numeric',
  real: 'float4',
  smallint: 'int2',
  text: 'text',
  time: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  uuid: 'uuid',
  varchar: 'text',
};
