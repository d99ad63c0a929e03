import type {
  PointInTime,
  ResolvedPoint,
  SchemaRequest,
  SchemaResponse,
  TimelineId,
  TimelineStatus,
  VerifyReport,
  VerifyRequest,
} from '@pgfleet/contract';
import { schemaAt } from './schema-at.ts';
import type { CopyParts } from './copy-parts.ts';
import { resolvePoint } from './resolve-point.ts';
import { timelineStatus } from './timeline-status.ts';
import { verifyTimeline } from './verify-timeline.ts';

/**
 * Questions about the past of timelines, as the host API asks them. Work on those that take long ends
 * with the signal of whoever asked.
 */
export class Past {
  readonly #parts: CopyParts;

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  status(timelineId: TimelineId): Promise<TimelineStatus> {
    return timelineStatus(this.#parts, timelineId);
  }

  resolve(timelineId: TimelineId, at: PointInTime, signal: AbortSignal): Promise<ResolvedPoint> {
    return resolvePoint(this.#parts, timelineId, { at, signal });
  }

  schema(
    timelineId: TimelineId,
    request: SchemaRequest,
    signal: AbortSignal,
  ): Promise<SchemaResponse> {
    return schemaAt(this.#parts, timelineId, { ...request, signal });
  }

  verify(
    timelineId: TimelineId,
    request: VerifyRequest,
    signal: AbortSignal,
  ): Promise<VerifyReport> {
    return verifyTimeline(this.#parts, timelineId, { ...request, signal });
  }
}
