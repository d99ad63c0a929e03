/** RFC 3454 tables C.1.2 (spaces to map), B.1 (map to nothing) and C.* (prohibited). */
const nonAsciiSpaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
const mappedToNothing =
  /\u00ad|\u034f|\u1806|\u180b|\u180c|\u180d|\u200c|\u200d|\u2060|\ufeff|[\ufe00-\ufe0f]/gu;
const prohibited =
  // oxlint-disable-next-line no-control-regex -- control characters are what the table lists
  /[\u0000-\u001f\u007f-\u009f\u06dd\u070f\u180e\u2028\u2029\u2061-\u2063\u206a-\u206f\ufff9-\uffff\u{1d173}-\u{1d17a}\u2ff0-\u2ffb\u200e\u200f\u202a-\u202e\u{e0001}\u{e0020}-\u{e007f}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}]|\u0340|\u0341/u;

/**
 * Prepares a password for hashing (SASLprep, RFC 4013) the way Postgres and libpq do: ASCII stays
 * as it is, and what SASLprep would refuse is used unprepared.
 *
 * Bidirectional and unassigned characters are not refused; such passwords are normalised.
 */
export function saslPrep(password: string): string {
  // oxlint-disable-next-line no-control-regex -- the whole of ASCII
  if (/^[\u0000-\u007f]*$/.test(password)) return password;
  const mapped = password.replace(nonAsciiSpaces, ' ').replace(mappedToNothing, '');
  return mapped === '' || prohibited.test(mapped) ? password : mapped.normalize('NFKC');
}
