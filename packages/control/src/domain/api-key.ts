import { randomText } from '@pgfleet/kit';

const RANDOM_LENGTH = 59;

/** Makes an API key: 351 random bits behind the contract's prefix. */
export function newApiKey(): string {
  return `napi_${randomText(RANDOM_LENGTH)}`;
}

/** Says whether a text has the form of a key made by {@link newApiKey}. */
export function isApiKey(text: string): boolean {
  return /^napi_[A-Za-z0-9]{32,128}$/.test(text);
}
