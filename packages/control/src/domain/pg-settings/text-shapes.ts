import type { SettingShape } from './setting-shape.ts';

// As SplitIdentifierString of Postgres takes it apart, whose blanks are these and no others.
const blank = String.raw`[ \t\n\r\f\v]*`;

/** Names of schemas, in quotes where they need them; none at all is a list as well. */
export const identifierList: SettingShape = {
  problem: (text) =>
    listOf(',').test(text) ? undefined : 'must be a list of names, like "$user", public',
};

/** The name of something in a schema, which may stand before it. */
export const qualifiedName: SettingShape = {
  problem: (text) =>
    listOf('.').test(text) && text.trim() !== ''
      ? undefined
      : 'must be a name, like pg_catalog.simple',
};

function listOf(separator: ',' | '.'): RegExp {
  const plain = String.raw`[^\s"${separator}][^\s${separator}]*`;
  const name = `(?:"(?:[^"]|"")+"|${plain})`;
  const more = `(?:${blank}[${separator}]${blank}${name})*`;
  return new RegExp(`^${blank}(?:${name}${more}${blank})?$`);
}

/**
 * Those abbreviations that the IANA database has; JavaScript knows others, of which Postgres has no zone.
 */
const shortZones = /^(CET|EET|EST|GMT|HST|MET|MST|PRC|ROC|ROK|UCT|UTC|WET)$/i;

/** A name that the IANA database of time zones has. */
export const timeZone: SettingShape = {
  problem: (zone) => (isTimeZone(zone) ? undefined : 'must be a time zone, like Europe/Berlin'),
};

function isTimeZone(zone: string): boolean {
  // JavaScript takes an offset for a zone, and has some that were given up.
  if (!/^[a-z]/i.test(zone) || /^SystemV\/|^US\/Pacific-New$/i.test(zone)) return false;
  if (zone.length <= 3) return shortZones.test(zone) || /^(GB|NZ)$/i.test(zone);
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }));
  } catch {
    // The class knows no other way to say so.
    return false;
  }
}

const dateStyles = /^(iso|sql|postgres|german)$/i;
const dateOrders = /^(mdy|dmy|ymd|us|euro(pean)?)$/i;

/** A style of dates, an order of day and month, or both. */
export const dateStyle: SettingShape = {
  problem: (text) => {
    const words = text.split(',').map((word) => word.replaceAll(/^ +| +$/g, ''));
    const styles = words.filter((word) => dateStyles.test(word)).length;
    const orders = words.filter((word) => dateOrders.test(word)).length;
    const isKnown = styles + orders === words.length && styles <= 1 && orders <= 1;
    return isKnown ? undefined : 'must be a style of dates, like ISO, DMY';
  },
};
