declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A tenant: `long-forest-06846227`. */
export type ProjectId = Branded<'ProjectId'>;
/** A named line of data: `br-noisy-breeze-a5e59rrb`. */
export type BranchId = Branded<'BranchId'>;
/** One physical data history: `tl-` and 20 base-36 digits. Internal, and the key of every store. */
export type TimelineId = Branded<'TimelineId'>;
/** A frozen image of a branch: `snap-noisy-breeze-a5e59rrb`. */
export type SnapshotId = Branded<'SnapshotId'>;
/** The address of a compute: `ep-misty-sea-a5833nbi`; also the first label of its host. */
export type EndpointId = Branded<'EndpointId'>;
/** What a client may put in the place of an endpoint: a branch id stands for its endpoint. */
export type EndpointName = EndpointId | BranchId;
/** A public unit of work: a UUID. */
export type OperationId = Branded<'OperationId'>;
/** A machine that runs computes, within one region. */
export type HostId = Branded<'HostId'>;
/** Who owns projects: `org-calm-river-12345678`. */
export type OrganizationId = Branded<'OrganizationId'>;
/** A person or program that holds API keys: a UUID. */
export type UserId = Branded<'UserId'>;

/** What the contract allows as an id in a path. */
export const idPattern = '^[a-z0-9-]{1,60}$';

/** Random numbers below a bound, for the id generators; `crypto`-grade by default. */
export type RandomBelow = (bound: number) => number;

/** Creates a project id: adjective, noun and eight digits. */
export function newProjectId(random: RandomBelow = randomBelow): ProjectId {
  return `${wordPair(random)}-${digits(8, random)}` as ProjectId;
}

/** Creates a branch id; its suffix starts with two characters that stand for the region. */
export function newBranchId(regionId: string, random: RandomBelow = randomBelow): BranchId {
  return `br-${wordPair(random)}-${regionTag(regionId)}${base36(6, random)}` as BranchId;
}

/** Creates an endpoint id; its suffix starts with two characters that stand for the region. */
export function newEndpointId(regionId: string, random: RandomBelow = randomBelow): EndpointId {
  return `ep-${wordPair(random)}-${regionTag(regionId)}${base36(6, random)}` as EndpointId;
}

/** Creates a snapshot id; its suffix starts with two characters that stand for the region. */
export function newSnapshotId(regionId: string, random: RandomBelow = randomBelow): SnapshotId {
  return `snap-${wordPair(random)}-${regionTag(regionId)}${base36(6, random)}` as SnapshotId;
}

/** Creates a timeline id. */
export function newTimelineId(random: RandomBelow = randomBelow): TimelineId {
  return `tl-${base36(20, random)}` as TimelineId;
}

/** Creates an organization id. */
export function newOrganizationId(random: RandomBelow = randomBelow): OrganizationId {
  return `org-${wordPair(random)}-${digits(8, random)}` as OrganizationId;
}

const BASE36 = '0123456789abcdefghijklmnopqrstuvwxyz';

// Two characters derived from the region's name, so that ids made in one region look alike.
function regionTag(regionId: string): string {
  let hash = 0;
  for (const letter of regionId) hash = (hash * 31 + letter.charCodeAt(0)) % 9973;
  return `${BASE36.charAt(10 + (hash % 26))}${hash % 10}`;
}

function wordPair(random: RandomBelow): string {
  return `${pick(adjectives, random)}-${pick(nouns, random)}`;
}

function pick(words: readonly string[], random: RandomBelow): string {
  return words[random(words.length)] ?? '';
}

function digits(length: number, random: RandomBelow): string {
  return Array.from({ length }, () => random(10)).join('');
}

function base36(length: number, random: RandomBelow): string {
  return Array.from({ length }, () => BASE36.charAt(random(36))).join('');
}

// Rejection sampling: the top of the 32-bit range that would favour small numbers is drawn again.
function randomBelow(bound: number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  const word = new Uint32Array(1);
  do globalThis.crypto.getRandomValues(word);
  while ((word[0] ?? 0) >= limit);
  return (word[0] ?? 0) % bound;
}

const adjectives = split(`aged ancient autumn billowing bitter black blue bold broad broken calm
  cold cool crimson curly damp dark dawn delicate divine dry empty falling fancy flat floral fragrant
  frosty gentle green hidden holy icy jolly late lingering little lively long lucky misty morning
  muddy mute nameless noisy odd old orange patient plain polished proud purple quiet rapid raspy red
  restless rough round royal shiny shrill shy silent small snowy soft solitary sparkling spring
  square steep still summer super sweet throbbing tight tiny twilight wandering weathered white wild
  winter wispy withered yellow young`);

const nouns = split(`art band bar base bird block boat bonus bread breeze brook bush butterfly cake
  cell cherry cloud credit darkness dawn dew disk dream dust feather field fire firefly flower fog
  forest frog frost glade glitter grass hall hat haze heart hill king lab lake leaf limit math meadow
  mode moon morning mountain mouse mud night paper pine poetry pond queen rain recipe resonance rice
  river salad scene sea shadow shape silence sky smoke snow snowflake sound star sun sunset surf term
  thunder tooth tree truth union unit violet voice water waterfall wave wildflower wind wood`);

function split(text: string): readonly string[] {
  return text.split(/\s+/);
}
