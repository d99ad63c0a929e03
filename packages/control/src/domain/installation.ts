/**
 * What is the same for every request of one control process: its regions, names and limits.
 * Built once by `main.ts`.
 */
export interface Installation {
  /** The first one is the default. */
  readonly regionIds: readonly string[];
  /** Endpoint hosts are `<endpoint id>.<region>.<domain>`. */
  readonly domain: string;
  readonly pgPort: number;
  readonly minSuspendTimeoutSeconds: number;
  /** Regions whose endpoint hosts resolve on this machine, so that URIs may name them. */
  readonly resolvableRegionIds: ReadonlySet<string>;
  /** The local authority's certificate, where the proxies' certificate is signed by it. */
  readonly caFile?: string;
}
