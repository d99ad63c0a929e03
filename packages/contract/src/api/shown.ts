import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';

/**
 * What a schema describes, as a value that nobody changes. What it leaves open may also be undefined,
 * which JSON leaves out.
 */
export type Shown<Schema extends TSchema> = DeepReadonly<Static<Schema>>;

// Branded texts are objects to the compiler, and are left as they are; so is what may be anything.
type DeepReadonly<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null
    ? T
    : T extends readonly (infer Item)[]
      ? readonly DeepReadonly<Item>[]
      : { readonly [Key in keyof T]: DeepReadonly<T[Key]> | IfOptional<T, Key> };

type IfOptional<T, Key extends keyof T> = {} extends Pick<T, Key> ? undefined : never;

/** A moment in UTC, to the second unless it is said otherwise. */
export const Timestamp = Type.String({ format: 'date-time' });

/** The answer of operations that have nothing to say. */
export const EmptyAnswer = Type.Object({}, { title: 'EmptyAnswer' });
export type EmptyAnswer = Shown<typeof EmptyAnswer>;

/** Where the next page begins. */
export const CursorPagination = Type.Object({ cursor: Type.String() });

/** Where the next page of a sorted list begins. */
export const SortedPagination = Type.Object({
  next: Type.String({ description: 'opaque; present on the last page too' }),
  sort_by: Type.String(),
  sort_order: Type.String(),
});

/** Name to value of an annotation. */
export const AnnotationValue = Type.Record(Type.String(), Type.String(), { maxProperties: 50 });

/** What applications of Neon's keep beside an object; pgfleet keeps none. */
export const Annotation = Type.Object(
  {
    object: Type.Object({ type: Type.String(), id: Type.String() }),
    value: AnnotationValue,
  },
  { title: 'Annotation' },
);
