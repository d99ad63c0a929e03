/** What a tenant pays for. Sizes are compute units (CU): one of them is 1 vCPU and 4 GiB. */
export interface Plan {
  readonly minCu: number;
  readonly maxCu: number;
  /** Seconds without a query after which the compute sleeps; -1 is never. */
  readonly suspendAfterSeconds: number;
  /** In a calendar month; 0 is without a limit. */
  readonly computeSecondsPerMonth: number;
  /** Size of the database; 0 is without a limit. */
  readonly databaseBytes: number;
}

const HOUR = 3600;
const GIB = 1024 ** 3;

export const plans = {
  free: {
    minCu: 0.25,
    maxCu: 0.25,
    suspendAfterSeconds: 300,
    computeSecondsPerMonth: 50 * HOUR,
    databaseBytes: GIB / 2,
  },
  pro: {
    minCu: 0.25,
    maxCu: 2,
    suspendAfterSeconds: HOUR,
    computeSecondsPerMonth: 750 * HOUR,
    databaseBytes: 50 * GIB,
  },
  enterprise: {
    minCu: 1,
    maxCu: 4,
    suspendAfterSeconds: -1,
    computeSecondsPerMonth: 0,
    databaseBytes: 0,
  },
} as const satisfies Record<string, Plan>;

export type PlanName = keyof typeof plans;

/** Returns the name of a plan; throws when there is no such plan. */
export function planName(text: string): PlanName {
  if (Object.hasOwn(plans, text)) return text as PlanName;
  throw new Error(`there is no plan ${text}, only ${Object.keys(plans).join(', ')}`);
}

/** A plan in the words of the API: what the compute of a tenant may use. */
export function computeSettings(plan: Plan) {
  return {
    autoscaling_limit_min_cu: plan.minCu,
    autoscaling_limit_max_cu: plan.maxCu,
    suspend_timeout_seconds: plan.suspendAfterSeconds,
  };
}

/** A plan in the words of the API: what a whole project may use. */
export function projectSettings(plan: Plan) {
  const quota = {
    compute_time_seconds: plan.computeSecondsPerMonth,
    logical_size_bytes: plan.databaseBytes,
  };
  return { default_endpoint_settings: computeSettings(plan), settings: { quota } };
}
